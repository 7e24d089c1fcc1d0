import { PosthasteError } from "../domain/errors.ts";
import { COMMIT_BATCH_MAX, COMMIT_GATHER_FROM, COMMIT_QUEUE_MAX } from "../domain/limits.ts";
import type { Runtime } from "../runtime/runtime.ts";
import {
  type AcceptedMessage,
  type AcceptResult,
  CommitInDoubt,
  type CommitResult,
  type DeliveryStore,
  NO_LEASE,
  type SettledDelivery,
  StoreUnavailable,
} from "../storage/port.ts";
import type { EngineObserver } from "./engine.ts";

/** After a commit that failed, settled attempts wait this long for the next try. */
const RETRY_PAUSE_MS = 250;

interface WaitingAccept {
  readonly messages: readonly AcceptedMessage[];
  /** Rows it writes. */
  readonly weight: number;
  readonly resolve: (results: AcceptResult[]) => void;
  readonly reject: (error: Error) => void;
}

interface WaitingSettle {
  readonly settled: SettledDelivery;
  /** False: the lease was lost, only the attempt was recorded. */
  done: (kept: boolean) => void;
}

/**
 * One commit at a time. Group commit: while one batch is being written the next one gathers, so one fsync serves as many
 * operations as arrive during it. Accepted messages are refused when the store cannot write (nothing was
 * promised yet); settled attempts stay and are tried again, because those POSTs have happened.
 */
export class CommitStream {
  readonly #store: DeliveryStore;
  readonly #runtime: Runtime;
  readonly #observer: EngineObserver;
  readonly #onDoubt: (leaseId: string) => void;
  readonly #gathers: { readonly ms: number; readonly rows: number };
  #accepts: WaitingAccept[] = [];
  #acceptedWeight = 0;
  /** Fewer after an error that is not the store's state, to find the operation that causes it. */
  #batchMax = COMMIT_BATCH_MAX;
  #closed = false;
  readonly #hurry = new AbortController();
  /** Requests and attempts of the last commit. */
  #lastSize = 0;
  #settles: WaitingSettle[] = [];
  /** Those of the commit under way. */
  #writing: readonly WaitingSettle[] = [];
  #state: "idle" | "scheduled" | "writing" = "idle";
  #idleWaiters: (() => void)[] = [];
  #lastError: Error | null = null;

  constructor(options: {
    store: DeliveryStore;
    runtime: Runtime;
    observer: EngineObserver;
    /** Deliveries may have been stored as leased under this id, and no lane will get them. */
    onDoubt: (leaseId: string) => void;
    /** How long, and for how many rows, a commit waits for company where commits are side by side. */
    gathers: { readonly ms: number; readonly rows: number };
  }) {
    this.#store = options.store;
    this.#gathers = options.gathers;
    this.#runtime = options.runtime;
    this.#observer = options.observer;
    this.#onDoubt = options.onDoubt;
  }

  /** Rows that wait for a commit. */
  get queued(): number {
    return this.#acceptedWeight + this.#settles.length;
  }

  /** Why the last commit failed; null after one that went through. */
  get lastError(): Error | null {
    return this.#lastError;
  }

  /** Resolves once the messages and their deliveries are on disk. */
  accept(messages: readonly AcceptedMessage[]): Promise<AcceptResult[]> {
    if (this.queued >= COMMIT_QUEUE_MAX) {
      return Promise.reject(
        new PosthasteError("unavailable", "Too many events are waiting to be stored. Try again.", {
          retryAfterS: 1,
        }),
      );
    }
    const weight = messages.reduce((sum, { deliveries }) => sum + 1 + deliveries.length, 0);
    return new Promise((resolve, reject) => {
      this.#accepts.push({ messages, weight, resolve, reject });
      this.#acceptedWeight += weight;
      this.#schedule();
    });
  }

  /** `done` is called once it is on disk. Never refused: its number is bounded by the attempts in flight. */
  settle(settled: SettledDelivery, done: (kept: boolean) => void): void {
    this.#settles.push({ settled, done });
    this.#schedule();
  }

  /** Resolves when every attempt settled before this call is on disk. */
  async settlesWritten(): Promise<void> {
    const last = this.#settles.at(-1) ?? this.#writing.at(-1);
    if (last === undefined) return;
    await new Promise<void>((resolve) => {
      const { done } = last;
      last.done = (kept) => {
        done(kept);
        resolve();
      };
    });
  }

  /** Resolves when nothing waits any more, or the signal aborts. */
  async idle(signal: AbortSignal): Promise<void> {
    if (this.#state === "idle" || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#idleWaiters.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** For when the store goes: nothing more is tried. What was not written is found by the next start. */
  close(): void {
    this.#closed = true;
    this.#hurry.abort();
  }

  #schedule(): void {
    if (this.#state !== "idle" || this.#closed) return;
    this.#state = "scheduled";
    this.#runtime.timers.soon(() => void this.#writeAll());
  }

  async #writeAll(): Promise<void> {
    this.#state = "writing";
    while (!this.#closed && (this.#accepts.length > 0 || this.#settles.length > 0)) {
      await this.#writeOne();
      await this.#gather();
    }
    this.#state = "idle";
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  /**
   * Under load, and only then, waits a moment for company before the next commit. A commit on a connection costs both
   * sides much more than a row in it does, and several nodes have the fewer rows in each.
   */
  async #gather(): Promise<void> {
    const isBusy = this.#lastSize >= COMMIT_GATHER_FROM && this.queued < this.#gathers.rows;
    if (!this.#store.commitsInParallel || !isBusy || this.#closed) return;
    await this.#runtime.timers.sleep(this.#gathers.ms, this.#hurry.signal);
  }

  async #writeOne(): Promise<void> {
    const settles = this.#settles.splice(0, this.#batchMax);
    this.#writing = settles;
    const accepts = this.#takeAccepts(this.#batchMax);
    const startedAt = this.#runtime.clock.monotonic();
    this.#lastSize = accepts.length + settles.length;
    let result: CommitResult;
    try {
      result = await this.#store.commit({
        accepted: accepts.flatMap(({ messages }) => messages),
        settled: settles.map(({ settled }) => settled),
      });
    } catch (error) {
      await this.#failed(accepts, settles, error);
      return;
    }
    this.#lastError = null;
    this.#batchMax = Math.min(COMMIT_BATCH_MAX, this.#batchMax * 2);
    this.#answer(accepts, settles, result);
    const durationMs = this.#runtime.clock.monotonic() - startedAt;
    this.#observer.committed({ operations: result.accepted.length + result.settled.length, durationMs });
  }

  /** Nothing was written, as far as is known: refuses what was not promised yet, keeps what has happened. */
  async #failed(accepts: WaitingAccept[], settles: WaitingSettle[], error: unknown): Promise<void> {
    this.#lastError = error instanceof Error ? error : new Error(String(error));
    const inDoubt = error instanceof CommitInDoubt;
    for (const { reject } of accepts) {
      reject(
        new PosthasteError("unavailable", inDoubt ? IN_DOUBT : undefined, { cause: error, retryAfterS: 1 }),
      );
    }
    const passing = error instanceof StoreUnavailable;
    const poison = !passing && accepts.length === 0 && settles.length === 1 ? settles.pop() : undefined;
    if (poison !== undefined) {
      // It alone fails, again and again: its lease stays until the next start, everything else goes on.
      const { messageId, endpointId } = poison.settled.delivery;
      this.#runtime.log.error(
        { error, messageId, endpointId },
        "an attempt cannot be recorded; it is left out",
      );
      poison.done(false);
    }
    if (!passing) this.#batchMax = Math.max(1, Math.floor(this.#batchMax / 2));
    this.#settles = [...settles, ...this.#settles];
    this.#writing = [];
    if (inDoubt)
      for (const leaseId of new Set([...leasesOf(accepts), ...leasesLeft(settles)])) this.#onDoubt(leaseId);
    // The sleep is never cut short: a store that fails at once must not spin this loop.
    await this.#runtime.timers.sleep(RETRY_PAUSE_MS, new AbortController().signal);
  }

  /** Whole requests, as many as fit; at least one. */
  #takeAccepts(max: number): WaitingAccept[] {
    let count = 0;
    let weight = 0;
    for (const accept of this.#accepts) {
      if (count > 0 && weight + accept.weight > max) break;
      count++;
      weight += accept.weight;
    }
    this.#acceptedWeight -= weight;
    return this.#accepts.splice(0, count);
  }

  #answer(accepts: WaitingAccept[], settles: WaitingSettle[], result: CommitResult): void {
    let at = 0;
    for (const { messages, resolve } of accepts) {
      resolve(result.accepted.slice(at, at + messages.length));
      at += messages.length;
    }
    this.#writing = [];
    for (const [index, { settled, done }] of settles.entries()) {
      const kept = result.settled[index] ?? false;
      const told = settled.attempt !== null && settled.leaseId !== NO_LEASE;
      if (!kept && told) this.#observer.leaseLost();
      done(kept);
    }
  }
}

const IN_DOUBT =
  "It is not known whether the event was stored: the database went away meanwhile. Send it again with the same Idempotency-Key, or it may be delivered twice.";

/**
 * Of deliveries that are given back as they were. That may have happened, and then they may be claimed again under the
 * same lease: to give them back once more must not take them from there.
 */
function leasesLeft(settles: readonly WaitingSettle[]): string[] {
  return settles.flatMap(({ settled: { delivery, next, leaseId } }) =>
    next.kind !== "ended" && next.attempts === delivery.attempts ? [leaseId] : [],
  );
}

function leasesOf(accepts: readonly WaitingAccept[]): Set<string> {
  const leased = accepts.flatMap(({ messages }) =>
    messages.filter(({ deliveries }) => deliveries.some((delivery) => delivery.leased)),
  );
  return new Set(leased.map(({ leaseId }) => leaseId));
}
