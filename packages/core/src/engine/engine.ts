import type { Application } from "../domain/application.ts";
import type { DeliveryKey } from "../domain/delivery.ts";
import type { Endpoint } from "../domain/endpoint.ts";
import type { Health } from "../domain/health.ts";
import type { Message } from "../domain/message.ts";
import type { IdempotentAnswer } from "../storage/port.ts";

/** The durable delivery engine: what the HTTP layer, or a program that embeds it, talks to. */
export interface Engine {
  /** Stores messages with their deliveries (resolves after fsync) and sends them. One outcome each, in order. */
  accept(request: AcceptRequest): Promise<AcceptOutcome[]>;
  /** Asks for one more attempt; rejects with `endpoint_disabled` for a disabled endpoint. */
  resend(request: ResendRequest): Promise<void>;
  /** Clears payloads for good, also of deliveries that this process holds; what is owed of them ends as canceled. */
  expungeMessages(request: { appId: string; ids: readonly string[] }): Promise<void>;
  /** Whether deliveries to this endpoint wait in this process for its rate to allow them. */
  isThrottled(endpointId: string): boolean;
  /** By id or uid, from memory where possible. */
  findApplication(query: { environmentId: string; ref: string }): Promise<RoutedApplication | null>;
  /** To be awaited after every write to an application or its endpoints, before the write is answered. */
  applicationChanged(appId: string): Promise<void>;
  /** False while events cannot be accepted. */
  health(): Promise<Health>;
  /** What the engine is doing now, for the metrics page. */
  snapshot(): EngineSnapshot;
  /** Starts claiming, sending and maintenance. */
  start(): Promise<void>;
  /** Not ready → stop claiming → drain to a deadline → abort → release leases. The store stays open. */
  stop(): Promise<void>;
}

/** An application with all its endpoints, as matching sees it. */
export interface RoutedApplication {
  readonly application: Application;
  readonly endpoints: readonly Endpoint[];
}

export interface AcceptRequest {
  readonly environmentId: string;
  readonly application: RoutedApplication;
  readonly messages: readonly NewMessage[];
  /** Hashes of the request's Idempotency-Key (with environment and path) and body; null without a key. */
  readonly idempotency: { readonly scope: string; readonly bodyHash: string } | null;
}

export type NewMessage = Pick<Message, "eventType" | "eventId" | "channels" | "tags" | "payloadExpiresAt"> & {
  /** JSON text exactly as it was given. */
  readonly payload: string;
};

export type AcceptOutcome =
  /** `replayed`: the same key with the same body came before, this is that message. */
  | { readonly kind: "accepted" | "replayed"; readonly message: Message }
  | { readonly kind: "conflict"; readonly reason: "event_id" | "idempotency_key" };

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
