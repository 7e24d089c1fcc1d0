import type { Application } from "../../domain/application.ts";
import type { DueDelivery } from "../../domain/delivery.ts";
import { type Endpoint, signingKeys } from "../../domain/endpoint.ts";
import { LANE_BROKEN_QUEUE_MAX, LANE_FIFO_QUEUE_MAX, LANE_QUEUE_MAX } from "../../domain/limits.ts";
import { createSigner, type Signer } from "@posthaste/receiver/node";
import { NO_LEASE } from "../../storage/port.ts";
import { Breaker } from "./breaker.ts";
import { Queue } from "./queue.ts";
import { TokenBucket } from "./token-bucket.ts";

/** A delivery this process holds the lease of, with what it takes to send it. */
export interface QueuedDelivery {
  readonly delivery: DueDelivery;
  /**
   * What it is leased with: it is settled under this id, whatever id this process has by then. NO_LEASE once this process
   * has got the same delivery again while it was being sent (see `Lane.supersede`).
   */
  leaseId: string;
  readonly eventType: string;
  /** Null: it expired before it could be sent. */
  readonly payload: string | null;
  /** What it counts against the memory bound. */
  readonly bytes: number;
  /** When its message was committed, by the monotonic clock; null when it was claimed from the store. */
  readonly committedAt: number | null;
}

/** The queue of one endpoint inside this process: concurrency, rate, breaker, order. */
export class Lane {
  readonly appId: string;
  readonly queue = new Queue<QueuedDelivery>();
  readonly breaker = new Breaker();
  application: Application;
  endpoint: Endpoint;
  inFlight = 0;
  /** A list: it is short, and ids that are looked up are kept by V8 as if they were names. */
  readonly #sending: QueuedDelivery[] = [];
  /** Places taken by deliveries whose commit is under way. */
  reserved = 0;
  /** Bytes of what is queued and reserved. */
  heldBytes = 0;
  /** Claims under way for it: it must not be forgotten meanwhile. */
  claiming = 0;
  /** Its endpoint is gone; what is still in flight ends without it. */
  removed = false;
  /** It waits for a slot that lanes without a recent success may use. */
  parked = false;
  /** When an attempt last ended, by the monotonic clock. */
  usedAt: number;
  /** The store holds, or may hold, due deliveries of this endpoint: new ones go behind them. */
  spilled = false;
  /** Deliveries on their way into the store unleased; what a scan finds says nothing until they are there. */
  spilling = 0;
  /** Counts them all, so that a scan can tell whether one came meanwhile. */
  spills = 0;
  /** Which of the scheduler's recalls was its last. */
  recalledAt = 0;
  /** It stands in its application's ring. */
  ready = false;
  /** Cancels the timer that looks at it again; null when none is set. */
  cancelWake: (() => void) | null = null;
  #bucket: TokenBucket | null = null;
  #signer: Signer | null = null;
  #signerUntil = 0;

  constructor(application: Application, endpoint: Endpoint, now: number) {
    this.application = application;
    this.appId = endpoint.appId;
    this.endpoint = endpoint;
    this.usedAt = now;
    // What an earlier process left of a FIFO endpoint comes first: only a look into the store opens it.
    this.spilled = endpoint.fifo;
    this.#setRate(now);
  }

  /** Takes over a changed record. */
  update(endpoint: Endpoint, now: number): void {
    const moved = endpoint.url !== this.endpoint.url;
    const enabled = this.endpoint.disabled && !endpoint.disabled;
    // From now on in order: what waits in the store comes before anything new.
    if (endpoint.fifo && !this.endpoint.fifo) this.passOver();
    this.endpoint = endpoint;
    this.#signer = null;
    this.#setRate(now);
    if (moved || enabled) this.breaker.reset();
  }

  /** Deliveries in memory, or on their way to it. */
  get held(): number {
    return this.queue.size + this.reserved;
  }

  /** How many more deliveries it may hold in memory. */
  get room(): number {
    if (this.endpoint.disabled) return 0;
    const max = this.breaker.broken
      ? LANE_BROKEN_QUEUE_MAX
      : this.endpoint.fifo
        ? LANE_FIFO_QUEUE_MAX
        : LANE_QUEUE_MAX;
    return Math.max(0, max - this.held);
  }

  /** Nothing is waiting, going or remembered: it can be forgotten. */
  get idle(): boolean {
    return this.held + this.inFlight + this.spilling + this.claiming === 0 && !this.spilled && !this.ready;
  }

  /** A delivery of this lane begins its way into the store, to be claimed from there. */
  spill(): void {
    this.spilled = true;
    this.spilling += 1;
    this.spills += 1;
  }

  /** What the store holds, or will hold, for this lane comes before anything new: only a look there opens it. */
  passOver(): void {
    this.spilled = true;
    this.spills += 1;
  }

  /** When the next delivery may start: 0 = now, Infinity = not before something else happens. */
  waitMs(now: number): number {
    if (this.queue.size === 0 || this.endpoint.disabled) return Number.POSITIVE_INFINITY;
    const width = this.endpoint.fifo ? 1 : this.breaker.width;
    if (this.inFlight >= width) return Number.POSITIVE_INFINITY;
    const heldMs = this.breaker.heldUntil - now;
    if (heldMs > 0) return heldMs;
    return this.#bucket?.waitMs(now) ?? 0;
  }

  /** Whether something waits for nothing but the rate. */
  isThrottled(now: number): boolean {
    return this.queue.size > 0 && (this.#bucket?.waitMs(now) ?? 0) > 0;
  }

  /** Takes the head, which `waitMs` said may start. */
  start(): QueuedDelivery | undefined {
    const item = this.queue.shift();
    if (item === undefined) return undefined;
    this.inFlight += 1;
    this.#sending.push(item);
    this.#bucket?.take();
    return item;
  }

  /** Its attempt has ended. */
  end(item: QueuedDelivery): void {
    this.inFlight -= 1;
    const place = this.#sending.indexOf(item);
    if (place >= 0) this.#sending.splice(place, 1);
  }

  /**
   * This delivery was claimed by this process. If it is being sent already, it was called off meanwhile and asked for
   * again, and both are leased under the one id: what comes of the first is history, and moves the second nowhere.
   */
  supersede({ messageId }: DueDelivery): void {
    for (const before of this.#sending) {
      if (before.delivery.messageId === messageId) before.leaseId = NO_LEASE;
    }
  }

  /** Signs with every key that is valid at `nowMs` (wall time). */
  signer(nowMs: number): Signer {
    if (this.#signer === null || nowMs >= this.#signerUntil) {
      const { secrets } = this.endpoint;
      this.#signer = createSigner(signingKeys(secrets, nowMs));
      const expiries = secrets.flatMap(({ expiresAt }) =>
        expiresAt !== null && expiresAt > nowMs ? [expiresAt] : [],
      );
      this.#signerUntil = Math.min(Number.POSITIVE_INFINITY, ...expiries);
    }
    return this.#signer;
  }

  #setRate(now: number): void {
    const rate = this.endpoint.throttleRate;
    if (rate === null) this.#bucket = null;
    else if (this.#bucket === null) this.#bucket = new TokenBucket(rate, now);
    else this.#bucket.setRate(rate);
  }
}
