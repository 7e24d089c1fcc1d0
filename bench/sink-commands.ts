import type { Quantiles } from "./histogram.ts";

export interface SinkReport {
  /** Events that came, each counted once. */
  readonly distinct: number;
  /** Events that came again. */
  readonly duplicates: number;
  /** Requests that are none of the expected events. */
  readonly strays: number;
  readonly bytes: number;
  /** First and last new event, in microseconds of the shared clock; 0 before any. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** From sent to received. */
  readonly latencyMs: Quantiles;
  /** New events per slot of this length since `expect`. */
  readonly slotMs: number;
  readonly slotsFrom: number;
  readonly slots: readonly number[];
}

export type SinkCommands = {
  /** Opens so many endpoints; the ports, in order. */
  listen: { input: { endpoints: number }; output: number[] };
  /** Endpoints from this one on read requests and never answer; null: all answer. */
  behave: { input: { hangFrom: number | null }; output: void };
  /** Forgets what was counted, and counts the events of these numbers, at endpoints below `countBelow`. */
  expect: { input: { firstNumber: number; count: number; countBelow: number | null }; output: void };
  /** Waits until so many distinct events came; false when they did not in time. */
  reached: { input: { distinct: number; timeoutMs: number }; output: boolean };
  report: { input: null; output: SinkReport };
};
