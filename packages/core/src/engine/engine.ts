import type { Application } from "../domain/application.ts";
import type { Attempt } from "../domain/attempt.ts";
import type { DeliveryKey } from "../domain/delivery.ts";
import type { Endpoint } from "../domain/endpoint.ts";
import type { Health } from "../domain/health.ts";
import type { Message } from "../domain/message.ts";
import type { PollingEndpoint } from "../domain/polling-endpoint.ts";
import type { Task } from "../domain/task.ts";
import type { IdempotentAnswer, Telling } from "../storage/port.ts";

/** The durable delivery engine: what the HTTP layer, or a program that embeds it, talks to. */
export interface Engine {
  readonly operational: OperationalWebhooks;
  /** Stores messages with their deliveries (resolves after fsync) and sends them. One outcome each, in order. */
  accept(request: AcceptRequest): Promise<AcceptOutcome[]>;
  /** Asks for one more attempt; rejects with `endpoint_disabled` for a disabled endpoint. */
  resend(request: ResendRequest): Promise<void>;
  /**
   * Ends what endpoints are owed of the messages whose ids lie in a range. When it resolves, no node sends any of it
   * any more, but for attempts that are under way.
   */
  cancel(request: CancelRequest): Promise<void>;
  /**
   * Stores a message that is owed to nobody, sends it to one endpoint once, now, whatever its filters, and records that
   * attempt. Beside the endpoint's lane: neither order nor rate apply, and the outcome changes nothing of the endpoint.
   */
  testAttempt(request: TestAttemptRequest): Promise<TestAttemptOutcome>;
  /** Clears payloads for good, also of deliveries that this process holds; what is owed of them ends as canceled. */
  expungeMessages(request: { appId: string; ids: readonly string[] }): Promise<void>;
  /** Whether deliveries to this endpoint wait in this process for its rate to allow them. */
  isThrottled(endpointId: string): boolean;
  /** By id or uid, from memory where possible. */
  findApplication(query: { environmentId: string; ref: string }): Promise<RoutedApplication | null>;
  /** The same from memory only, where it may be out of date; undefined: it is not known here. */
  peekApplication(query: { environmentId: string; ref: string }): RoutedApplication | undefined;
  /** To be awaited after every write to an application or its endpoints, before the write is answered. */
  applicationChanged(appId: string): Promise<void>;
  /** The same for a write to an environment's settings, and for its deletion: nothing of it is sent any more. */
  environmentChanged(environmentId: string): Promise<void>;
  /** To be awaited after every write to the retry schedule of an event type, before the write is answered. */
  eventTypesChanged(environmentId: string): Promise<void>;
  /** False while events cannot be accepted. */
  health(): Promise<Health>;
  /** What the engine is doing now, for the metrics page. */
  snapshot(): EngineSnapshot;
  /** Starts claiming, sending and maintenance. */
  start(): Promise<void>;
  /** Not ready → stop claiming → drain to a deadline → abort → release leases. The store stays open. */
  stop(): Promise<void>;
}

/** What an environment's operational endpoints are told. */
export interface OperationalWebhooks {
  /** The application that owns them, which no request finds; null: there is none yet. */
  find(environmentId: string): Promise<RoutedApplication | null>;
  /** Runs a write that ends a task; it stores the messages it is handed in its own transaction (`Telling`). */
  tellingOfTask<Result>(task: Task, write: TellingWrite<Result>): Promise<Result>;
  /** Runs a write to an endpoint: `before` null makes it, `after` null deletes it. */
  tellingOfEndpoint<Result>(
    change: { readonly before: Endpoint | null; readonly after: Endpoint | null },
    write: TellingWrite<Result>,
  ): Promise<Result>;
}

type TellingWrite<Result> = (tells: Telling["tells"]) => Promise<Result>;

/** An application with all its endpoints, as matching sees it. */
export interface RoutedApplication {
  readonly application: Application;
  readonly endpoints: readonly Endpoint[];
  readonly pollingEndpoints: readonly PollingEndpoint[];
}

export interface AcceptRequest {
  readonly environmentId: string;
  readonly application: RoutedApplication;
  readonly messages: readonly NewMessage[];
  /** Hashes of the request's Idempotency-Key (with environment and path) and body; null without a key. */
  readonly idempotency: { readonly scope: string; readonly bodyHash: string } | null;
}

export type NewMessage = Pick<
  Message,
  "eventType" | "eventId" | "channels" | "tags" | "payloadExpiresAt" | "deliverAt"
> & {
  /** JSON text exactly as it was given. */
  readonly payload: string;
};

export type AcceptOutcome =
  /** `replayed`: the same key with the same body came before, this is that message. */
  | { readonly kind: "accepted" | "replayed"; readonly message: Message }
  | { readonly kind: "conflict"; readonly reason: "event_id" | "idempotency_key" };

export interface CancelRequest {
  readonly appId: string;
  readonly endpoints: readonly Pick<Endpoint, "id" | "url">[];
  /** Both ends are included. */
  readonly from: string;
  readonly through: string;
}

export interface TestAttemptRequest extends Pick<AcceptRequest, "environmentId" | "idempotency"> {
  readonly application: Application;
  readonly endpoint: Endpoint;
  readonly message: NewMessage;
}

export type TestAttemptOutcome =
  | { readonly kind: "attempted"; readonly message: Message; readonly attempt: Attempt }
  /** The same key with the same body came before: its attempt is in the history, unless it is still being made. */
  | { readonly kind: "replayed"; readonly message: Message }
  | Extract<AcceptOutcome, { kind: "conflict" }>;

export interface ResendRequest extends DeliveryKey {
  readonly idempotency: IdempotentAnswer | undefined;
}

export interface EngineSnapshot {
  readonly inFlight: number;
  readonly queuedDeliveries: number;
  readonly queuedBytes: number;
  readonly commitQueue: number;
  readonly lanes: number;
  /** Lanes whose breaker is open. */
  readonly brokenLanes: number;
  /** Null on a store that one process uses. */
  readonly cluster: {
    /** Nodes that live, this one included. */
    readonly nodes: number;
    /** Since the last beat that came through was sent; Infinity before the first. */
    readonly beatAgeMs: number;
  } | null;
}

/** Told of what happens, as it happens; for metrics. Must not throw. */
export interface EngineObserver {
  messagesAccepted(count: number): void;
  attemptEnded(event: {
    outcome: "success" | "fail" | "interrupted";
    /** 0 when no response came. */
    statusCode: number;
    errorClass: string | null;
    durationMs: number;
    /** From the commit of the message to the first attempt; null on later attempts. */
    dispatchLatencyMs: number | null;
  }): void;
  committed(event: { operations: number; durationMs: number }): void;
  /** The delivery of an attempt had been taken over meanwhile: only the attempt was recorded. */
  leaseLost(): void;
  /** A beat of this node came through. */
  beaten(): void;
  /** The lease of this node as a whole was lost; it joins under a new one. */
  leaseReplaced(): void;
  /** This node gave the deliveries of a node that is gone back to everybody. */
  tookOver(): void;
  endpointDisabled(reason: string): void;
}
