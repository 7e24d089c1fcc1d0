import type { Fleet } from "../fleet.ts";
import type { Clients } from "../driver/clients.ts";
import type { Ledger, SimEvent } from "../ledger.ts";
import type { ModelState } from "../model/state.ts";
import type { Scenario } from "../scenario.ts";
import type { World } from "../world/world.ts";

/** What a validator may look at. */
export interface Facts {
  readonly world: World;
  readonly scenario: Scenario;
  readonly state: ModelState;
  readonly fleet: Fleet;
  readonly ledger: Ledger;
  readonly clients: Clients;
  /** When the last trouble with the store or a process ended; what is promised within a time counts from there. */
  readonly calmSince: () => number;
}

/** Reports that the promise was broken, and how. */
type Violated = (explanation: string) => void;

/** One promise of the program, checked from outside. */
export interface Validator {
  readonly name: string;
  /** What holds, as a sentence. */
  readonly promise: string;
  watch(facts: Facts, violated: Violated): Watch;
}

interface Watch {
  /** At each event, as it happens. */
  readonly on?: (event: SimEvent) => void;
  /** Once faults have stopped and time has passed. */
  readonly end?: () => void;
}

export interface Violation {
  readonly validator: string;
  readonly promise: string;
  readonly explanation: string;
  /** World time. */
  readonly at: number;
}

/** A delivery, for maps. */
export function deliveryId({ endpointId, messageId }: { endpointId: string; messageId: string }): string {
  return `${endpointId} ${messageId}`;
}

/** How long after a change every node that reaches the store follows it. */
export const HEARD_MS = 2_000;
