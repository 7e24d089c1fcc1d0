import { ACCEPT_GATHER, SETTLE_GATHER } from "../domain/limits.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { AcceptedMessage, AcceptResult, DeliveryStore, SettledDelivery } from "../storage/port.ts";
import { CommitStream } from "./commit-stream.ts";
import type { EngineObserver } from "./engine.ts";

/**
 * Writes what the engine has to write. Where commits share one writer, what is accepted and what is settled go
 * together, for one fsync. Where each has a connection of its own, they are two streams side by side: neither waits
 * for the other's rows, and each keeps its order. A delivery is never in both, as it is sent once it is stored.
 */
export class Committer {
  readonly #accepts: CommitStream;
  readonly #settles: CommitStream;

  constructor(options: {
    store: DeliveryStore;
    runtime: Runtime;
    observer: EngineObserver;
    /** Deliveries may have been stored as leased under this id, and no lane will get them. */
    onDoubt: (leaseId: string) => void;
  }) {
    this.#accepts = new CommitStream({ ...options, gathers: ACCEPT_GATHER });
    this.#settles = options.store.commitsInParallel
      ? new CommitStream({ ...options, gathers: SETTLE_GATHER })
      : this.#accepts;
  }

  /** Rows that wait for a commit. */
  get queued(): number {
    return this.#streams().reduce((sum, { queued }) => sum + queued, 0);
  }

  /** Why the last commit failed; null after one that went through. */
  get lastError(): Error | null {
    return this.#streams().find(({ lastError }) => lastError !== null)?.lastError ?? null;
  }

  /** Resolves once the messages and their deliveries are on disk. */
  accept(messages: readonly AcceptedMessage[]): Promise<AcceptResult[]> {
    return this.#accepts.accept(messages);
  }

  /** `done` is called once it is on disk. Never refused: its number is bounded by the attempts in flight. */
  settle(settled: SettledDelivery, done: (kept: boolean) => void): void {
    this.#settles.settle(settled, done);
  }

  /** Resolves when every attempt settled before this call is on disk. */
  settlesWritten(): Promise<void> {
    return this.#settles.settlesWritten();
  }

  /** Resolves when nothing waits any more, or the signal aborts. */
  async idle(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#streams().map((stream) => stream.idle(signal)));
  }

  /** For when the store goes: nothing more is tried. What was not written is found by the next start. */
  close(): void {
    for (const stream of this.#streams()) stream.close();
  }

  #streams(): readonly CommitStream[] {
    return this.#accepts === this.#settles ? [this.#accepts] : [this.#accepts, this.#settles];
  }
}
