import type { Quantiles } from "./histogram.ts";

export interface Load {
  /** Connections are spread over them in turn. */
  readonly ports: readonly number[];
  readonly apiKey: string;
  readonly connections: number;
  /** Messages in one request; 1 uses the plain route, more the batch route. */
  readonly batch: number;
  readonly applications: number;
  readonly firstNumber: number;
  readonly events: number;
  /** Events per second on a fixed schedule; null: every connection sends as soon as it is answered. */
  readonly rate: number | null;
}

export interface LoadReport {
  /** Microseconds of the shared clock. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Requests answered 2xx. */
  readonly accepted: number;
  /** Requests answered otherwise; each was sent again. */
  readonly refused: number;
  readonly refusals: Readonly<Record<string, number>>;
  /** From sent, or from when it was due, to its answer. */
  readonly acceptMs: Quantiles;
}

export type GeneratorCommands = {
  run: { input: Load; output: LoadReport };
};
