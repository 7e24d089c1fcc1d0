import { ENVIRONMENT_WATCH_MS, PURGE_INTERVAL_MS, PURGE_ROWS } from "../../domain/limits.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Store } from "../../storage/port.ts";

/** Between two batches, so that removing takes no more than a small part of the writer's time. */
const BATCH_PAUSE_MS = 50;

/**
 * Removes what deleted environments leave, in small batches beside live traffic. Where it is stands in the rows
 * themselves, so it goes on after a restart; an environment in which nothing is left rests until the end of the time
 * that it is watched for.
 */
export class EnvironmentPurge {
  readonly #store: Pick<Store, "environments">;
  readonly #runtime: Pick<Runtime, "clock" | "timers" | "log">;
  /** Looked through to the end, and not due for the last look. */
  readonly #resting = new Set<string>();

  constructor(store: Pick<Store, "environments">, runtime: Pick<Runtime, "clock" | "timers" | "log">) {
    this.#store = store;
    this.#runtime = runtime;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.runOnce(signal);
      await this.#runtime.timers.sleep(PURGE_INTERVAL_MS, signal);
    }
  }

  /** One pass over every deleted environment; returns how many rows went. */
  async runOnce(signal: AbortSignal): Promise<number> {
    let total = 0;
    for (const { id, deletedAt } of await this.#store.environments.listDeleted()) {
      const isOver = deletedAt <= this.#runtime.clock.now() - ENVIRONMENT_WATCH_MS;
      if (this.#resting.has(id) && !isOver) continue;
      total += await this.#purge(id, signal);
      if (isOver) this.#resting.delete(id);
      else if (!signal.aborted) this.#resting.add(id);
    }
    return total;
  }

  /** Round after round, until one finds nothing. */
  async #purge(environmentId: string, signal: AbortSignal): Promise<number> {
    let total = 0;
    let ofRound = 0;
    for (let after: string | null = null; !signal.aborted;) {
      const now = this.#runtime.clock.now();
      const made: { gone: number; after: string | null } = await this.#store.environments.purge({
        environmentId,
        after,
        now,
        limit: PURGE_ROWS,
      });
      ({ after } = made);
      total += made.gone;
      ofRound += made.gone;
      if (made.gone > 0) await this.#runtime.timers.sleep(BATCH_PAUSE_MS, signal);
      else if (after === null && ofRound === 0) break;
      else if (after === null) ofRound = 0;
    }
    if (total > 0)
      this.#runtime.log.info({ environmentId, rows: total }, "rows of a deleted environment removed");
    return total;
  }
}
