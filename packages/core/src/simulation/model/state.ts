import type { Application } from "../../domain/application.ts";
import type { Attempt } from "../../domain/attempt.ts";
import type { Credential } from "../../domain/credential.ts";
import type { DueDelivery } from "../../domain/delivery.ts";
import type { Endpoint } from "../../domain/endpoint.ts";
import type { Environment } from "../../domain/environment.ts";
import type { EventType } from "../../domain/event-type.ts";
import { IDEMPOTENCY_TTL_MS } from "../../domain/limits.ts";
import type { Message } from "../../domain/message.ts";
import type { PollingConsumer, PollingEndpoint } from "../../domain/polling-endpoint.ts";
import type { Task } from "../../domain/task.ts";
import {
  AlreadyAnswered,
  type DataKey,
  type IdempotentAnswer,
  type LaneKey,
  type NodeRole,
} from "../../storage/port.ts";

/** A delivery that is still owed. Held by nobody and without a time: paused. */
export interface DueRow {
  readonly appId: string;
  readonly endpointId: string;
  readonly messageId: string;
  readonly order: number;
  readonly once: boolean;
  attempts: number;
  manual: boolean;
  nextAttemptAt: number | null;
  leasedBy: string | null;
}

/** Everything owed to one endpoint. */
export interface DueLaneRows extends LaneKey {
  readonly rows: Map<string, DueRow>;
}

/** A record that is hidden when it is deleted, and goes when nothing belongs to it any more. */
export interface Kept<Entity> {
  entity: Entity;
  deleted: boolean;
  /** When maintenance first met it deleted. */
  deletedAt: number | null;
  /** Deleted, and nothing is owed to it any more. */
  drained: boolean;
}

interface StoredKey {
  readonly bodyHash: string;
  readonly createdAt: number;
  readonly environmentId: string;
  /** The message it answers with, or the answer of another kind of request. */
  readonly messageId: string | null;
  readonly answer: IdempotentAnswer | null;
}

interface TaskRow {
  task: Task;
  heldBy: string | null;
  /** Raised by every claim. */
  version: number;
  payload: string | null;
}

/** A delivered message whose payload may go. */
interface WipeRow {
  readonly environmentId: string;
  readonly appId: string;
  readonly messageId: string;
  lookAt: number;
}

interface NodeRow {
  readonly role: NodeRole;
  beats: number;
  dead: boolean;
  /** Up to which change it has handed back what was recalled. */
  seen: number;
}

/** Told of what becomes of leases, as it happens; for whoever checks them from outside. */
export interface LeaseObserver {
  leased(row: Readonly<DueRow>): void;
  /** `held`: by whom until now. */
  released(row: Readonly<DueRow>, held: string): void;
  /** A person asked for the attempt now. */
  hurried(row: Readonly<DueRow>): void;
  ended(row: Readonly<DueRow>): void;
}

const UNOBSERVED: LeaseObserver = { leased() {}, released() {}, hurried() {}, ended() {} };

/** What polling endpoints need. */
class PollingState {
  readonly endpoints = new Map<string, PollingEndpoint>();
  readonly consumers = new Map<string, PollingConsumer>();
  /** By application: the last position there is. */
  readonly heads = new Map<string, number>();
  /** By application, then by message: its position, null before it has one. */
  readonly entries = new Map<string, Map<string, number | null>>();

  note(appId: string, messageId: string): void {
    const entries = this.entries.get(appId) ?? new Map<string, number | null>();
    this.entries.set(appId, entries.set(messageId, null));
  }
}

/**
 * The tables of the model store. Every operation on them runs to its end without a pause, so each is a
 * transaction; what would roll back is checked before anything is written.
 */
export class ModelState {
  readonly environments = new Map<string, Environment>();
  /** Those that have rows left, with the time of their deletion. */
  readonly deletedEnvironments = new Map<string, number>();
  /** By hash. */
  readonly credentials = new Map<string, Credential>();
  /** By environment. */
  readonly dataKeys = new Map<string, DataKey>();
  /** By environment, then by name. */
  readonly eventTypes = new Map<string, Map<string, EventType>>();
  readonly applications = new Map<string, Kept<Application>>();
  readonly endpoints = new Map<string, Kept<Endpoint>>();
  /** By application, then by id. */
  readonly messages = new Map<string, Map<string, Message>>();
  /** By application, in the order of their making. */
  readonly attempts = new Map<string, Attempt[]>();
  readonly polling = new PollingState();
  readonly lanes = new Map<string, DueLaneRows>();
  readonly keys = new Map<string, StoredKey>();
  readonly tasks = new Map<string, TaskRow>();
  /** By message. */
  readonly wipes = new Map<string, WipeRow>();
  readonly nodes = new Map<string, NodeRow>();
  /** Applications that were written to, oldest first. */
  readonly changes: { readonly id: string; readonly recalled: boolean }[] = [];
  /** Whether several processes use it: see `Store.cluster`. */
  readonly clustered: boolean;
  observer: LeaseObserver = UNOBSERVED;
  closed = false;
  #order = 0;

  constructor({ clustered }: { clustered: boolean }) {
    this.clustered = clustered;
  }

  /** The next place in the order of FIFO deliveries. */
  nextOrder(): number {
    return ++this.#order;
  }

  /** Whether a process may hold leases. */
  lives(leaseId: string): boolean {
    if (!this.clustered) return true;
    const node = this.nodes.get(leaseId);
    return node !== undefined && !node.dead;
  }

  isLiving(environmentId: string): boolean {
    return !this.deletedEnvironments.has(environmentId);
  }

  changed(id: string): void {
    if (this.clustered) this.changes.push({ id, recalled: false });
  }

  // ---------------------------------------------------------------- records

  endpoint({ appId, endpointId }: LaneKey): Kept<Endpoint> | undefined {
    const kept = this.endpoints.get(endpointId);
    return kept?.entity.appId === appId ? kept : undefined;
  }

  /** Neither deleted nor disabled. */
  isEnabled(key: LaneKey): boolean {
    const kept = this.endpoint(key);
    return kept !== undefined && !kept.deleted && !kept.entity.disabled;
  }

  endpointsOf(appId: string): Endpoint[] {
    const found: Endpoint[] = [];
    for (const { entity, deleted } of this.endpoints.values()) {
      if (!deleted && entity.appId === appId) found.push(entity);
    }
    return found.toSorted(byId);
  }

  findMessage(appId: string, id: string): Message | undefined {
    return this.messages.get(appId)?.get(id);
  }

  addAttempt(attempt: Attempt): void {
    const attempts = this.attempts.get(attempt.appId);
    if (attempts === undefined) this.attempts.set(attempt.appId, [attempt]);
    else attempts.push(attempt);
  }

  // ---------------------------------------------------------------- what is owed

  dueRow(key: LaneKey & { messageId: string }): DueRow | undefined {
    return this.lanes.get(laneId(key))?.rows.get(key.messageId);
  }

  addDue(row: DueRow): void {
    const id = laneId(row);
    let lane = this.lanes.get(id);
    if (lane === undefined) {
      lane = { appId: row.appId, endpointId: row.endpointId, rows: new Map() };
      this.lanes.set(id, lane);
    }
    lane.rows.set(row.messageId, row);
    if (row.leasedBy !== null) this.observer.leased(row);
  }

  lease(row: DueRow, leaseId: string): void {
    row.leasedBy = leaseId;
    this.observer.leased(row);
  }

  release(row: DueRow, nextAttemptAt: number | null): void {
    const held = row.leasedBy;
    row.leasedBy = null;
    row.nextAttemptAt = nextAttemptAt;
    if (held !== null) this.observer.released(row, held);
  }

  removeDue(row: DueRow): void {
    const id = laneId(row);
    const lane = this.lanes.get(id);
    lane?.rows.delete(row.messageId);
    if (lane?.rows.size === 0) this.lanes.delete(id);
    this.observer.ended(row);
  }

  /** Every lane in the order of its key, that of pages. */
  lanesInOrder(): DueLaneRows[] {
    return [...this.lanes.values()].toSorted(compareLanes);
  }

  // ---------------------------------------------------------------- idempotency keys

  findKey(scope: string, now: number): StoredKey | undefined {
    const key = this.keys.get(scope);
    return key !== undefined && key.createdAt > now - IDEMPOTENCY_TTL_MS ? key : undefined;
  }

  /** Before a control-plane write: throws where another process has answered the same request. */
  assertUnanswered(answer: IdempotentAnswer | undefined): void {
    if (answer === undefined || !this.clustered) return;
    if (this.findKey(answer.scope, answer.createdAt) !== undefined) {
      throw new AlreadyAnswered("this request was answered before");
    }
  }

  rememberAnswer(answer: IdempotentAnswer | undefined): void {
    if (answer === undefined) return;
    const { scope, bodyHash, createdAt, environmentId } = answer;
    this.keys.set(scope, { bodyHash, createdAt, environmentId, messageId: null, answer });
  }
}

export function laneId({ appId, endpointId }: LaneKey): string {
  return `${appId}/${endpointId}`;
}

export function compareLanes(a: LaneKey, b: LaneKey): number {
  return compare(a.appId, b.appId) || compare(a.endpointId, b.endpointId);
}

/** Of one lane: as its endpoint gets them when it is FIFO. */
export function compareInLane(a: DueRow, b: DueRow): number {
  return a.order - b.order || compare(a.messageId, b.messageId);
}

/** By code units: how ids and names are ordered everywhere. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return compare(a.id, b.id);
}

export function toDueDelivery(row: DueRow): DueDelivery {
  const { appId, endpointId, messageId, attempts, manual, once, order } = row;
  return { appId, endpointId, messageId, attempts, trigger: manual ? "manual" : "scheduled", once, order };
}
