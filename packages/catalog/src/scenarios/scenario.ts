import type { DataOf, EventTypeName } from "../catalog.ts";
import type { EventPayload } from "../event-type.ts";

/** The customer of the platform whose events these are. */
export interface ScenarioApplication {
  readonly uid: string;
  readonly name: string;
}

/** One event of a scenario. `eventType` is always the `type` of the payload. */
export interface ScenarioStepOf<Name extends EventTypeName> {
  /** Whole minutes after the scenario's start. */
  readonly atMinutes: number;
  readonly application: ScenarioApplication;
  readonly eventType: Name;
  readonly channels?: readonly string[];
  readonly payload: EventPayload<Name, DataOf<Name>>;
}

export type ScenarioStep = { [Name in EventTypeName]: ScenarioStepOf<Name> }[EventTypeName];

/** A story told in events, in order of time. Everything in it is fixed: playing it twice sends the same bytes. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** The `timestamp` of a step is this plus its `atMinutes`. */
  readonly startsAt: string;
  readonly steps: readonly ScenarioStep[];
}
