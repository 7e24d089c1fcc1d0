import { DEFAULT_DELIVERY_RULES, type DeliveryRules, deliveryRulesOf } from "../domain/environment.ts";
import type { Store } from "../storage/port.ts";

interface Known {
  readonly rules: DeliveryRules;
  readonly updatedAt: number;
}

/**
 * What deliveries follow, by environment, in memory: an attempt looks here and never waits. An environment is read with
 * the first of its applications and again with every change, so what has a lane is known. There are a few hundred at most.
 */
export class EnvironmentRules {
  readonly #store: Pick<Store["environments"], "find">;
  readonly #known = new Map<string, Known>();

  constructor(store: Pick<Store["environments"], "find">) {
    this.#store = store;
  }

  of(environmentId: string): DeliveryRules {
    return this.#known.get(environmentId)?.rules ?? DEFAULT_DELIVERY_RULES;
  }

  /** Reads an environment unless it is known. */
  async load(environmentId: string): Promise<void> {
    if (!this.#known.has(environmentId)) await this.refresh(environmentId);
  }

  /** Reads it again; false: it is gone. Of two reads at once the one that saw the later change counts. */
  async refresh(environmentId: string): Promise<boolean> {
    const environment = await this.#store.find(environmentId);
    if (environment === null) {
      this.#known.delete(environmentId);
      return false;
    }
    const { updatedAt } = environment;
    if ((this.#known.get(environmentId)?.updatedAt ?? 0) > updatedAt) return true;
    this.#known.set(environmentId, { rules: deliveryRulesOf(environment), updatedAt });
    return true;
  }

  /** The same of all that are known: nobody knows what changed. */
  async refreshAll(): Promise<void> {
    for (const environmentId of this.#known.keys()) await this.refresh(environmentId);
  }
}
