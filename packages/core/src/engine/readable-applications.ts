import { ROUTING_APPS_MAX } from "../domain/limits.ts";
import { MINUTE_MS } from "../domain/time.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { StoreUnavailable } from "../storage/port.ts";
import type { RoutedApplication } from "./engine.ts";
import type { Routing } from "./routing.ts";

/** How long an application that could not be read is left alone. */
const PAUSE_MS = MINUTE_MS;

/**
 * Applications for the loops that serve everybody. One with a row that cannot be read counts as gone for a
 * while, and that is logged: its deliveries wait in the store, those of others do not wait behind them.
 */
export class ReadableApplications {
  readonly #routing: Pick<Routing, "findById">;
  readonly #runtime: Runtime;
  /** Until when each is left alone, by the monotonic clock. */
  readonly #unreadable = new Map<string, number>();

  constructor({ routing, runtime }: { routing: Pick<Routing, "findById">; runtime: Runtime }) {
    this.#routing = routing;
    this.#runtime = runtime;
  }

  async findById(appId: string): Promise<RoutedApplication | null> {
    const now = this.#runtime.clock.monotonic();
    if (now < (this.#unreadable.get(appId) ?? now)) return null;
    try {
      const routed = await this.#routing.findById(appId);
      this.#unreadable.delete(appId);
      return routed;
    } catch (error) {
      // The store is away for everybody: the loop itself waits.
      if (error instanceof StoreUnavailable) throw error;
      if (this.#unreadable.size >= ROUTING_APPS_MAX) this.#unreadable.clear();
      this.#unreadable.set(appId, now + PAUSE_MS);
      this.#runtime.log.error({ error, appId }, "an application cannot be read; its deliveries wait");
      return null;
    }
  }
}
