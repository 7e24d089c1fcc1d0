import { creatorsDay } from "./creators-day/creators-day.ts";
import type { Scenario } from "./scenario.ts";

/** All scenarios, in display order. */
export const scenarios: readonly Scenario[] = [creatorsDay];

export function findScenario(name: string): Scenario | undefined {
  return scenarios.find((scenario) => scenario.name === name);
}
