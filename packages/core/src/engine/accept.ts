import { wants } from "../domain/filter.ts";
import { PosthasteError } from "../domain/errors.ts";
import { ID_PREFIX } from "../domain/ids.ts";
import { DELIVERIES_PER_REQUEST_MAX } from "../domain/limits.ts";
import type { Message } from "../domain/message.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { AcceptedMessage, AcceptResult, NewDelivery } from "../storage/port.ts";
import type { Committer } from "./committer.ts";
import type { AcceptOutcome, AcceptRequest, EngineObserver, NewMessage } from "./engine.ts";
import type { Lane, QueuedDelivery } from "./lanes/lane.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { LaneOwners } from "./lane-owners.ts";
import type { NodeIdentity } from "./node-identity.ts";

/** What one queued delivery takes beside its payload: ids, bookkeeping, object headers. */
const DELIVERY_OVERHEAD_BYTES = 512;

/** A message on its way to disk, and the places in lanes that wait for it. */
interface Plan {
  readonly accepted: AcceptedMessage;
  /** With a place in memory: sent from here as soon as the commit is through. */
  readonly reserved: readonly Lane[];
  /** Without one: they wait in the store. Lanes of other nodes are not among them. */
  readonly spilled: readonly Lane[];
  readonly bytes: number;
  /** How many recalls there were before it was made. */
  readonly recalls: number;
}

/** Bytes a delivery counts against the memory bound. */
export function deliveryBytes(payload: string | null): number {
  return DELIVERY_OVERHEAD_BYTES + (payload?.length ?? 0);
}

/** One request is one commit: too large a one would hold up everybody else's. */
function assertSize(plans: readonly Plan[]): void {
  const deliveries = plans.reduce((sum, { accepted }) => sum + accepted.deliveries.length, 0);
  if (deliveries <= DELIVERIES_PER_REQUEST_MAX) return;
  throw new PosthasteError(
    "limit_reached",
    `This request causes ${deliveries} deliveries, more than ${DELIVERIES_PER_REQUEST_MAX}. Send fewer messages in one.`,
  );
}

/**
 * Accept → match → commit → lanes. The deliveries are decided here, once: an endpoint made later does not get
 * an older message, one disabled later keeps what it was owed.
 */
export class Acceptor {
  readonly #runtime: Runtime;
  readonly #committer: Committer;
  readonly #dispatcher: Dispatcher;
  readonly #observer: EngineObserver;
  readonly #node: NodeIdentity;
  readonly #owners: LaneOwners | null;
  #closed = false;

  constructor(options: {
    runtime: Runtime;
    committer: Committer;
    dispatcher: Dispatcher;
    observer: EngineObserver;
    node: NodeIdentity;
    /** Null: this process serves every lane. */
    owners: LaneOwners | null;
  }) {
    this.#runtime = options.runtime;
    this.#committer = options.committer;
    this.#dispatcher = options.dispatcher;
    this.#observer = options.observer;
    this.#node = options.node;
    this.#owners = options.owners;
  }

  /** Refuses everything from now on. */
  close(): void {
    this.#closed = true;
  }

  async accept(request: AcceptRequest): Promise<AcceptOutcome[]> {
    if (this.#closed) {
      throw new PosthasteError("unavailable", "The server is shutting down. Try again.", { retryAfterS: 1 });
    }
    const plans: Plan[] = [];
    let results: AcceptResult[];
    try {
      for (const [index, message] of request.messages.entries()) {
        plans.push(this.#plan(request, message, index));
      }
      assertSize(plans);
      results = await this.#committer.accept(plans.map(({ accepted }) => accepted));
    } catch (error) {
      for (const plan of plans) this.#cancel(plan);
      throw error;
    }
    const committedAt = this.#runtime.clock.monotonic();
    this.#observer.messagesAccepted(results.filter(({ kind }) => kind === "accepted").length);
    const outcomes = plans.map((plan, index) => this.#conclude(plan, results[index], committedAt));
    // The store refuses a whole batch or none of it, so nothing of the request was accepted.
    return outcomes.map((outcome) => {
      if (outcome === null) throw new PosthasteError("unavailable", undefined, { retryAfterS: 1 });
      return outcome;
    });
  }

  #plan(request: AcceptRequest, message: NewMessage, index: number): Plan {
    const { application, endpoints, pollingEndpoints } = request.application;
    const createdAt = this.#runtime.clock.now();
    const bytes = deliveryBytes(message.payload);
    const { recalls } = this.#dispatcher.scheduler;
    const reserved: Lane[] = [];
    const spilled: Lane[] = [];
    const deliveries: NewDelivery[] = [];
    for (const endpoint of endpoints) {
      if (!wants(endpoint, message)) continue;
      const { id: endpointId, fifo } = endpoint;
      // Scheduled: it waits in the store for its time. On a FIFO endpoint it takes its place like any other.
      if (message.deliverAt !== null && !fifo) {
        deliveries.push({ endpointId, leased: false, fifo });
        continue;
      }
      if (this.#owners !== null && !this.#owners.serves(application, endpoint)) {
        deliveries.push({ endpointId, leased: false, fifo });
        continue;
      }
      const lane = this.#dispatcher.scheduler.laneOf(application, endpoint);
      // Among many nodes the store alone knows the order in which messages were accepted.
      const ordered = fifo && this.#owners !== null;
      const leased =
        !ordered && message.deliverAt === null && this.#dispatcher.scheduler.reserve(lane, bytes);
      deliveries.push({ endpointId, leased, fifo });
      if (leased) reserved.push(lane);
      else {
        lane.spill();
        spilled.push(lane);
      }
    }
    const stored: Message = {
      id: this.#runtime.ids.next(ID_PREFIX.message),
      appId: application.id,
      eventType: message.eventType,
      eventId: message.eventId,
      channels: message.channels,
      tags: message.tags,
      payload: message.payload,
      payloadExpiresAt: message.payloadExpiresAt,
      createdAt,
      deliverAt: message.deliverAt,
    };
    const idempotency =
      request.idempotency === null
        ? null
        : {
            // Every message of a batch claims its own place under the request's key.
            scope: index === 0 ? request.idempotency.scope : `${request.idempotency.scope}#${index}`,
            bodyHash: request.idempotency.bodyHash,
            createdAt,
          };
    const { environmentId } = request;
    const polled = pollingEndpoints.length > 0;
    const { leaseId } = this.#node;
    const accepted = { message: stored, environmentId, deliveries, leaseId, idempotency, polled };
    return { accepted, reserved, spilled, bytes, recalls };
  }

  #conclude(plan: Plan, result: AcceptResult | undefined, committedAt: number): AcceptOutcome | null {
    const { message } = plan.accepted;
    if (result?.kind === "accepted") {
      if (result.unleased === true || !this.#holds(plan)) this.#passOver(plan);
      else this.#release(plan, committedAt);
      return { kind: "accepted", message };
    }
    this.#cancel(plan);
    if (result?.kind === "replayed") return { kind: "replayed", message: result.message };
    return result?.kind === "conflict" ? result : null;
  }

  /** It is on disk: the leased deliveries go to their lanes. */
  #release({ accepted, reserved, spilled, bytes, recalls }: Plan, committedAt: number): void {
    const { appId, id: messageId, eventType, payload } = accepted.message;
    for (const lane of reserved) {
      const key = { appId, endpointId: lane.endpoint.id, messageId };
      const delivery = { ...key, attempts: 0, trigger: "scheduled" as const, once: false, order: 0 };
      const { leaseId } = accepted;
      this.#enqueue(lane, { delivery, leaseId, eventType, payload, bytes, committedAt }, recalls);
    }
    this.#stored(spilled);
  }

  #stored(spilled: readonly Lane[]): void {
    for (const lane of spilled) lane.spilling -= 1;
    if (spilled.some((lane) => lane.room > 0)) this.#dispatcher.scheduler.hungry();
  }

  #holds({ accepted: { leaseId } }: Plan): boolean {
    return this.#node.active && this.#node.leaseId === leaseId;
  }

  /** Stored, but not for this process to send: its lease was lost, so everybody may claim them. */
  #passOver({ accepted, reserved, spilled, bytes }: Plan): void {
    for (const lane of reserved) {
      this.#dispatcher.scheduler.unreserve(lane, bytes);
      lane.passOver();
    }
    if (reserved.length > 0) this.#node.suspect(accepted.leaseId);
    this.#stored(spilled);
  }

  /** Unless its lane closed or was recalled while the commit was under way: then it waits in the store, if it is owed. */
  #enqueue(lane: Lane, item: QueuedDelivery, recalls: number): void {
    const { scheduler } = this.#dispatcher;
    scheduler.unreserve(lane, item.bytes);
    const behind = (lane.endpoint.fifo && lane.spilled) || lane.recalledAt > recalls;
    if (!lane.removed && !behind && !lane.endpoint.disabled) return scheduler.enqueue(lane, item);
    this.#dispatcher.handBack(lane, [item], lane.endpoint.disabled ? "paused" : "due");
  }

  #cancel({ reserved, spilled, bytes }: Plan): void {
    for (const lane of reserved) this.#dispatcher.scheduler.unreserve(lane, bytes);
    for (const lane of spilled) lane.spilling -= 1;
  }
}
