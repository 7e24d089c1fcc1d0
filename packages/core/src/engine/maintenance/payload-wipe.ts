import { deliveryRulesOf } from "../../domain/environment.ts";
import { WIPE_BATCH, WIPE_INTERVAL_MS, WIPE_PAUSE_MS } from "../../domain/limits.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Store } from "../../storage/port.ts";

/**
 * Deletes the payloads of delivered messages in the environments that want it. Which to look at is noted in the store,
 * in the transaction that records a success, so a crash loses none and any node may do it.
 */
export class PayloadWipe {
  readonly #store: Pick<Store, "environments" | "contents">;
  readonly #runtime: Pick<Runtime, "clock" | "timers">;
  /** Environments that keep payloads, and in which nothing is noted from a time when they did not. */
  readonly #keeping = new Set<string>();

  constructor(store: Pick<Store, "environments" | "contents">, runtime: Pick<Runtime, "clock" | "timers">) {
    this.#store = store;
    this.#runtime = runtime;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const more = await this.runOnce(signal);
      await this.#runtime.timers.sleep(more ? WIPE_PAUSE_MS : WIPE_INTERVAL_MS, signal);
    }
  }

  /** One step in every environment; true: there is more to look at in some. */
  async runOnce(signal: AbortSignal): Promise<boolean> {
    let more = false;
    for (const environment of await this.#store.environments.list()) {
      if (signal.aborted) return false;
      const looked = deliveryRulesOf(environment).wipeDelivered
        ? await this.#wipe(environment.id)
        : await this.#forget(environment.id);
      more ||= looked === WIPE_BATCH;
    }
    return more;
  }

  async #wipe(environmentId: string): Promise<number> {
    this.#keeping.delete(environmentId);
    const now = this.#runtime.clock.now();
    return (await this.#store.contents.wipe({ environmentId, now, limit: WIPE_BATCH })).looked;
  }

  /** What was noted while payloads were still to go is not for a time when they are to go again. */
  async #forget(environmentId: string): Promise<number> {
    if (this.#keeping.has(environmentId)) return 0;
    const gone = await this.#store.contents.forgetWipes({ environmentId, limit: WIPE_BATCH });
    if (gone < WIPE_BATCH) this.#keeping.add(environmentId);
    return gone;
  }
}
