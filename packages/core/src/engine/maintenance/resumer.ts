import { CLAIM_BATCH_MAX, CLAIM_LANES_MAX, RESUME_INTERVAL_MS } from "../../domain/limits.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { DeliveryStore, LaneKey } from "../../storage/port.ts";
import type { Routing } from "../routing.ts";

/** Makes deliveries that were paused while their endpoint was disabled due again, a batch at a time. */
export class Resumer {
  readonly #store: DeliveryStore;
  readonly #runtime: Runtime;
  readonly #routing: Pick<Routing, "findById">;
  readonly #onResumed: () => void;
  /** Endpoints that were enabled and whose deliveries could not be resumed yet, with their applications. */
  readonly #owed = new Map<string, string>();

  constructor(options: {
    store: DeliveryStore;
    runtime: Runtime;
    routing: Pick<Routing, "findById">;
    onResumed: () => void;
  }) {
    this.#store = options.store;
    this.#runtime = options.runtime;
    this.#routing = options.routing;
    this.#onResumed = options.onResumed;
  }

  /** One endpoint that has just been enabled; returns how many deliveries came due. */
  async resume({ appId, id: endpointId }: { appId: string; id: string }): Promise<number> {
    let total = 0;
    this.#owed.set(endpointId, appId);
    for (let resumed = CLAIM_BATCH_MAX; resumed === CLAIM_BATCH_MAX; total += resumed) {
      resumed = await this.#store.resumePaused({ appId, endpointId, now: 0, limit: CLAIM_BATCH_MAX });
      if (resumed > 0) this.#onResumed();
    }
    this.#owed.delete(endpointId);
    return total;
  }

  /** Whether its deliveries were to be resumed and the store did not do it. */
  owes({ id }: { id: string }): boolean {
    return this.#owed.has(id);
  }

  /** Whether that is so of one of an application's endpoints. */
  owesAny(appId: string): boolean {
    for (const owedTo of this.#owed.values()) if (owedTo === appId) return true;
    return false;
  }

  /** Now and then, for what a crash or an error between "enabled" and "resumed" left behind. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.runOnce(signal);
      await this.#runtime.timers.sleep(RESUME_INTERVAL_MS, signal);
    }
  }

  /** Resumes every paused delivery whose endpoint is enabled. */
  async runOnce(signal: AbortSignal): Promise<void> {
    // Done by this pass, or gone, or disabled again.
    const owed = [...this.#owed.keys()];
    let after: LaneKey | null = null;
    do {
      const paused: LaneKey[] = await this.#store.findPausedLanes({ after, limit: CLAIM_LANES_MAX });
      for (const { appId, endpointId } of paused) {
        if (signal.aborted) return;
        const routed = await this.#routing.findById(appId);
        const endpoint = routed?.endpoints.find(({ id }) => id === endpointId);
        if (endpoint?.disabled === false) await this.resume(endpoint);
      }
      after = paused.length === CLAIM_LANES_MAX ? (paused.at(-1) ?? null) : null;
    } while (after !== null);
    for (const endpointId of owed) this.#owed.delete(endpointId);
  }
}
