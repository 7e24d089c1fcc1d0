import { CHANGE_POLL_MS, CHANGE_STALE_MS, NODE_BEAT_TIMEOUT_MS } from "../domain/limits.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { ClusterStore } from "../storage/port.ts";
import type { Applications } from "./applications.ts";
import { inTime } from "./in-time.ts";

/** Follows what other nodes write, so that what is in memory is never much older than the store. */
export class ChangeFeed {
  readonly #cluster: ClusterStore;
  readonly #runtime: Runtime;
  readonly #applications: Applications;
  #cursor: string | null = null;
  /** When the last answer was asked for, by the monotonic clock. */
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(options: { cluster: ClusterStore; runtime: Runtime; applications: Applications }) {
    this.#cluster = options.cluster;
    this.#runtime = options.runtime;
    this.#applications = options.applications;
  }

  /** It is not known what others wrote lately: the database is away, or this process was paused. */
  get stale(): boolean {
    return this.#runtime.clock.monotonic() - this.#askedAt > CHANGE_STALE_MS;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#poll();
      await this.#runtime.timers.sleep(CHANGE_POLL_MS, signal);
    }
  }

  async #poll(): Promise<void> {
    const askedAt = this.#runtime.clock.monotonic();
    // What is named from now on may not be all: everything is read again.
    const { stale } = this;
    try {
      const { appIds, cursor } = await inTime(this.#cluster.findChanges({ after: this.#cursor }), {
        runtime: this.#runtime,
        limitMs: NODE_BEAT_TIMEOUT_MS,
      });
      if (stale) await this.#applications.changedSomewhere();
      else for (const appId of appIds) await this.#applications.changedElsewhere(appId);
      // Only now: what could not be read again is named again.
      this.#cursor = cursor;
      this.#askedAt = askedAt;
    } catch (error) {
      this.#runtime.log.debug({ error }, "changes of other nodes could not be read; it tries again");
    }
  }
}
