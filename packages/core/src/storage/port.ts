/**
 * The seam between the engine and a database. Operations, not tables: each is one round trip, safe under
 * concurrency by itself, and means the same on every store (`testing/conformance.ts` runs on each).
 *
 * Rules every store keeps:
 * - A promise that resolves has its writes on disk (fsync). One that rejects with `StoreUnavailable` has
 *   written nothing.
 * - Every key, index and statement leads with the environment or application id.
 * - The store reads no clock: times are passed in.
 */
import type { Application } from "../domain/application.ts";
import type { Attempt } from "../domain/attempt.ts";
import type { DeliveryKey, DueDelivery } from "../domain/delivery.ts";
import type { DisabledReason, Endpoint } from "../domain/endpoint.ts";
import type { EventType } from "../domain/event-type.ts";
import type { Health } from "../domain/health.ts";
import type { Message } from "../domain/message.ts";
import type { AcceptedMessage, Telling } from "./port-accept.ts";
import type { ClusterStore } from "./port-cluster.ts";
import type { EnvironmentStore } from "./port-environment.ts";
import type { PollingStore } from "./port-polling.ts";
import type { Idempotent, InsertResult } from "./port-writes.ts";
import type { CredentialStore } from "./port-credentials.ts";
import type { Page } from "./port-page.ts";
import type { DataKeyStore } from "./port-keys.ts";
import type { CancellationStore } from "./port-cancellation.ts";
import type { ContentStore } from "./port-contents.ts";
import type { OverviewStore } from "./port-overview.ts";
import type { AttemptQuery, AttemptWithMessage, MessageQuery, SearchStore } from "./port-search.ts";
import type { TaskStore } from "./port-task.ts";

export type { AcceptedMessage, NewDelivery, Telling } from "./port-accept.ts";
export type { ConsumerKey } from "./port-polling.ts";
export type { ClusterNode, ClusterStore, NodeRole } from "./port-cluster.ts";
export type { CredentialStore } from "./port-credentials.ts";
export type { EnvironmentStore } from "./port-environment.ts";
export type { Page } from "./port-page.ts";
export type { AttemptQuery, AttemptWithMessage, MessageQuery } from "./port-search.ts";
export type { DataKey, DataKeyStore, Erasure } from "./port-keys.ts";

export interface Store {
  readonly deliveries: DeliveryStore;
  readonly environments: EnvironmentStore;
  readonly credentials: CredentialStore;
  readonly applications: ApplicationStore;
  readonly endpoints: EndpointStore;
  readonly eventTypes: EventTypeStore;
  readonly history: HistoryStore;
  readonly polling: PollingStore;
  readonly dataKeys: DataKeyStore;
  readonly overview: OverviewStore;
  readonly search: SearchStore;
  readonly contents: ContentStore;
  readonly cancellations: CancellationStore;
  readonly tasks: TaskStore;
  /**
   * What several processes on one store have to know of each other. Null: one process at a time uses the store,
   * so every lease that is not its own is of a process that is gone.
   */
  readonly cluster: ClusterStore | null;
  /** Whether a commit would go through now. Cheap; may be asked every second. */
  health(): Promise<Health>;
  /** Sizes for the metrics page; cheap reads only. */
  stats(): Promise<StoreStats>;
  /** Finishes what was started, then closes. Every later call rejects. */
  close(): Promise<void>;
}

export interface StoreStats {
  /** Bytes of the database and of what is not yet folded into it. */
  readonly databaseBytes: number;
  readonly walBytes: number;
  /** Deliveries still owed. */
  readonly dueDeliveries: number;
}

/** The store cannot write at the moment (disk full, database away). Nothing was written; it may recover. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
}

/**
 * The connection was lost in the middle of a commit and did not come back in time to ask: the write may have
 * happened. Repeating it is safe only where that is said.
 */
export class CommitInDoubt extends StoreUnavailable {}

/**
 * Another process answered a request with the same idempotency key meanwhile: nothing was written, and
 * `findAnswer` has that answer. Only a store with a cluster throws it.
 */
export class AlreadyAnswered extends Error {
  override readonly name = "AlreadyAnswered";
}

// ---------------------------------------------------------------- the hot path

export interface DeliveryStore {
  /** Whether two commits at the same time are written side by side, and not one behind the other. */
  readonly commitsInParallel: boolean;
  /** One transaction for everything that gathered: accepted messages with their deliveries, settled attempts. */
  commit(batch: CommitBatch): Promise<CommitResult>;
  /** Which endpoints have deliveries that nobody holds, and since when the oldest of each is due. Paged. */
  findDueLanes(query: { after: LaneKey | null; limit: number }): Promise<DueLane[]>;
  /** Leases due deliveries of the given lanes and returns them with their messages. */
  claimDue(request: ClaimRequest): Promise<ClaimedDelivery[]>;
  /**
   * Frees leases, a page at a time: those of `heldBy`, or all but those of `notHeldBy` and of the nodes that
   * live (takeover from dead processes). The deliveries are due at once. `cursor` is null when there are no more.
   */
  releaseLeases(request: {
    heldBy?: string;
    notHeldBy?: string;
    now: number;
    after: LeaseCursor | null;
    limit: number;
  }): Promise<{ released: number; cursor: LeaseCursor | null }>;
  /**
   * Asks for one attempt now. A delivery that is waiting comes due at once (`hurried`); one that had ended is
   * owed once more, without retries (`created`); one that is being sent stays as it is (`sending`).
   */
  resend(request: DeliveryKey & { now: number } & Idempotent): Promise<"created" | "hurried" | "sending">;
  /** Which endpoints have paused deliveries; paged like `findDueLanes`. */
  findPausedLanes(query: { after: LaneKey | null; limit: number }): Promise<LaneKey[]>;
  /** Makes the paused deliveries of an enabled endpoint due again, at most `limit`; returns how many. */
  resumePaused(request: LaneKey & { now: number; limit: number }): Promise<number>;
  /** The deliveries of a message that have not ended. */
  listDue(query: { appId: string; messageId: string }): Promise<DueRecord[]>;
}

/** Where a page of leases ended: a delivery, with its `order` where the store keeps one. */
export interface LeaseCursor extends DeliveryKey {
  readonly order?: number;
}

export interface CommitBatch {
  readonly accepted: readonly AcceptedMessage[];
  readonly settled: readonly SettledDelivery[];
}

export interface CommitResult {
  /** One for each accepted message, in order. */
  readonly accepted: readonly AcceptResult[];
  /** For each settled delivery, in order: false when the lease was lost and only the attempt was recorded. */
  readonly settled: readonly boolean[];
}

export type AcceptResult =
  /** `unleased`: the accepting node had been taken for dead, so its deliveries wait for a claim instead. */
  | { readonly kind: "accepted"; readonly unleased?: true }
  /** The same key with the same request was accepted before; that message is the answer. */
  | { readonly kind: "replayed"; readonly message: Message }
  | { readonly kind: "conflict"; readonly reason: "event_id" | "idempotency_key" }
  /** The disk is full: nothing new is stored, while settled attempts still are. */
  | { readonly kind: "unavailable" };

/** What happened to a delivery: its attempt is inserted and its due row changed in one transaction. */
export interface SettledDelivery {
  readonly delivery: DueDelivery;
  readonly leaseId: string;
  /** Null: nothing was sent (the endpoint was found disabled): only the due row changes. */
  readonly attempt: Attempt | null;
  readonly next: NextState;
  /** Null: the endpoint stays as it is. */
  readonly endpoint: EndpointChange | null;
  /**
   * The environment, where it deletes payloads once they are delivered: the message is noted for `ContentStore.wipe`, in
   * the same transaction.
   */
  readonly wipeIn?: string | undefined;
  /** Stored in the same transaction, in this order. */
  readonly tells?: readonly SettleTold[] | undefined;
}

/** A message about a settled delivery, for the environment's operational endpoints. Unleased and without a key. */
export interface SettleTold {
  /** Stored only if the lease held, or only if this settle disabled the endpoint. */
  readonly when: "held" | "disabled";
  readonly accepted: AcceptedMessage;
}

/** The lease of an attempt that nothing is owed behind: it is recorded, and nothing else moves. */
export const NO_LEASE = "";

export type NextState =
  /** The delivery is over: its due row goes. */
  | { readonly kind: "ended" }
  | { readonly kind: "retry"; readonly at: number; readonly attempts: number }
  /** Kept, not due, until the endpoint is enabled. */
  | { readonly kind: "paused"; readonly attempts: number };

export type EndpointChange =
  | { readonly kind: "failing_since"; readonly at: number | null }
  | {
      readonly kind: "disable";
      readonly reason: DisabledReason;
      readonly at: number;
      /**
       * With `failing`: only if the stored run of failures began then or earlier (a success elsewhere may have ended
       * it). What is owed to an endpoint that so stays enabled is due at once instead of paused.
       */
      readonly failingSince?: number | undefined;
    };

export interface LaneKey {
  readonly appId: string;
  readonly endpointId: string;
}

export interface DueLane extends LaneKey {
  readonly nextAttemptAt: number;
}

export interface ClaimRequest {
  readonly leaseId: string;
  readonly now: number;
  readonly lanes: readonly (LaneKey & {
    readonly limit: number;
    /** Only the oldest message and those right behind it, and only when the oldest is due and not held. */
    readonly fifo: boolean;
  })[];
  readonly limit: number;
  /** Payload bytes in all; at least one delivery is returned if any is due. */
  readonly bytesMax: number;
}

export interface ClaimedDelivery {
  readonly delivery: DueDelivery;
  readonly eventType: string;
  readonly payload: string | null;
}

export interface DueRecord extends DueDelivery {
  readonly state: "pending" | "sending" | "paused";
  readonly nextAttemptAt: number | null;
}

export type { IdempotencyClaim, Idempotent, IdempotentAnswer, InsertResult } from "./port-writes.ts";

// ---------------------------------------------------------------- the control plane

export type UpdateResult = "updated" | "not_found" | "uid_taken";

/** What a change is based on: it is refused as `stale` when the record was changed meanwhile. */
export type BasedOnVersion = { readonly basedOn?: { readonly updatedAt: number } | undefined };

/** What a change is based on: it is refused as `stale` when the endpoint was changed or disabled meanwhile. */
export interface BasedOn {
  readonly basedOn?: Pick<Endpoint, "updatedAt" | "disabled"> | undefined;
}

export interface ApplicationStore {
  insert(application: Application, options: Idempotent): Promise<InsertResult<Application>>;
  /**
   * Inserts the application of an environment's operational endpoints (`domain/operational.ts`) unless it is there. Only
   * `findById` finds it: it is in no list and has no name that a request could use.
   */
  ensureOperational(application: Application): Promise<void>;
  /** By id or uid. */
  find(query: { environmentId: string; ref: string }): Promise<Application | null>;
  /** By id alone: for the engine, which finds ids in due deliveries. Never reachable from a request. */
  findById(id: string): Promise<Application | null>;
  list(query: { environmentId: string; page: Page }): Promise<Application[]>;
  /** Replaces the whole record. */
  update(application: Application, options?: BasedOnVersion): Promise<UpdateResult | "stale">;
  /** Removes it with its endpoints at once; its deliveries are canceled, its history pruned later. */
  delete(query: { environmentId: string; id: string }): Promise<boolean>;
}

export interface EndpointStore {
  insert(endpoint: Endpoint, options: Idempotent & Telling): Promise<InsertResult<Endpoint>>;
  /** All of an application, by id: the routing table. At most ENDPOINTS_PER_APP_MAX. */
  listAll(appId: string): Promise<Endpoint[]>;
  list(query: { appId: string; page: Page }): Promise<Endpoint[]>;
  /**
   * Replaces the record. With `basedOn` the run of failures stays as the deliveries left it, or ends when the
   * change enables the endpoint.
   */
  update(endpoint: Endpoint, options: Idempotent & BasedOn & Telling): Promise<UpdateResult | "stale">;
  delete(query: { appId: string; id: string } & Telling): Promise<boolean>;
}

export interface EventTypeStore {
  insert(eventType: EventType, options: Idempotent): Promise<InsertResult<EventType>>;
  find(query: { environmentId: string; name: string }): Promise<EventType | null>;
  /** Which of these names do not exist (archived ones do). */
  findMissing(query: { environmentId: string; names: readonly string[] }): Promise<string[]>;
  list(query: { environmentId: string; page: Page; includeArchived: boolean }): Promise<EventType[]>;
  /** Of the event types that have their own. */
  listRetrySchedules(query: {
    environmentId: string;
  }): Promise<{ readonly name: string; readonly waitsMs: readonly number[] }[]>;
  update(eventType: EventType, options?: BasedOnVersion): Promise<UpdateResult | "stale">;
  delete(query: { environmentId: string; name: string }): Promise<boolean>;
}

/** Messages and attempts: written by `commit`, read here, removed by `prune`. */
export interface HistoryStore {
  /** By id or event id. */
  findMessage(query: { appId: string; ref: string }): Promise<Message | null>;
  listMessages(query: MessageQuery): Promise<Message[]>;
  findAttempt(query: { appId: string; messageId: string; attemptId: string }): Promise<Attempt | null>;
  listAttempts(query: AttemptQuery): Promise<AttemptWithMessage[]>;
  /**
   * Deletes one batch of what is older than `before` in one environment (messages that are still owed are
   * kept, those owed to disabled endpoints end as canceled) and clears payloads past their own expiry.
   * Returns how many rows went: 0 = nothing left to do.
   */
  prune(request: { environmentId: string; before: number; now: number; limit: number }): Promise<number>;
  /**
   * Drops whole days whose messages and attempts are all older than `before`, each in one step; what is still owed
   * in them keeps its day, except that what disabled endpoints are owed ends. Returns how many days went; null:
   * this store keeps no days, `prune` does it all.
   */
  dropDays(request: { before: number; now: number }): Promise<number | null>;
  /**
   * Ends what deleted endpoints and applications still owed, as canceled attempts with the ids given (at most
   * as many); returns how many deliveries ended. Leased ones are left to their holder.
   */
  cancelOrphans(request: { now: number; attemptIds: readonly string[] }): Promise<number>;
}
