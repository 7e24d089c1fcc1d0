import type { Machine } from "./machine.ts";
import { median } from "./median.ts";
import type { SubjectName } from "./options.ts";
import type { Round } from "./round.ts";
import type { GrowthResult } from "./scenarios/growth.ts";
import type { NeighbourResult } from "./scenarios/neighbour.ts";
import type { PendingResult } from "./scenarios/pending.ts";
import type { PostgresGrowthResult } from "./scenarios/postgres-growth.ts";
import type { ReplayResult } from "./scenarios/replay.ts";
import type { SearchResult } from "./scenarios/search.ts";
import type { TransformationResult } from "./scenarios/transformation.ts";

/** One line of the table: each figure is the median over the rounds. */
export interface Row extends Omit<Round, "deliveredMs" | "acceptedMs"> {
  readonly subject: SubjectName;
  readonly deliveredP50Ms: number;
  readonly deliveredP99Ms: number;
  readonly acceptedP50Ms: number;
  readonly acceptedP99Ms: number;
  readonly rounds: readonly Round[];
}

export interface Scenarios {
  pending?: PendingResult;
  neighbour?: NeighbourResult;
  growth?: GrowthResult;
  postgresGrowth?: PostgresGrowthResult;
  transformation?: TransformationResult;
  replay?: ReplayResult;
  search?: SearchResult;
}

export interface Bar {
  readonly name: string;
  readonly wanted: string;
  readonly value: string;
  readonly met: boolean;
}

export interface Results {
  readonly machine: Machine;
  readonly rows: readonly Row[];
  /**
   * Delivered events per second, the median over the rounds of one over the other: Posthaste, one message a request,
   * over the relay and over BullMQ; one node on PostgreSQL over the one on SQLite; two nodes over one.
   */
  readonly ratios: Readonly<Record<"relay" | "bullmq" | "postgres" | "twoNodes", number | null>>;
  readonly scenarios: Scenarios;
  readonly bars: readonly Bar[];
  /** What was not measured, and why. */
  readonly notes: readonly string[];
}

/** Null without a round. */
export function toRow(subject: SubjectName, rounds: readonly Round[]): Row | null {
  if (rounds.length === 0) return null;
  const of = (figure: (round: Round) => number): number => median(rounds.map(figure));
  return {
    subject,
    eventsPerSecond: of((round) => round.eventsPerSecond),
    cpuMicrosPerEvent: of((round) => round.cpuMicrosPerEvent),
    databaseCpuMicrosPerEvent: of((round) => round.databaseCpuMicrosPerEvent),
    benchCpuMicrosPerEvent: of((round) => round.benchCpuMicrosPerEvent),
    othersCpuShare: of((round) => round.othersCpuShare),
    halfRate: of((round) => round.halfRate),
    deliveredP50Ms: of((round) => round.deliveredMs.p50),
    deliveredP99Ms: of((round) => round.deliveredMs.p99),
    acceptedP50Ms: of((round) => round.acceptedMs.p50),
    acceptedP99Ms: of((round) => round.acceptedMs.p99),
    peakRssBytes: Math.max(...rounds.map((round) => round.peakRssBytes)),
    refused: rounds.reduce((sum, round) => sum + round.refused, 0),
    duplicates: rounds.reduce((sum, round) => sum + round.duplicates, 0),
    rounds,
  };
}

/** Of rounds, not of their medians: two figures of one round are of the same minutes. */
export function ratiosOf(rows: readonly Row[]): Results["ratios"] {
  const ratesOf = (subject: SubjectName): readonly number[] =>
    rows.find((row) => row.subject === subject)?.rounds.map(({ eventsPerSecond }) => eventsPerSecond) ?? [];
  const ratio = (one: SubjectName, other: SubjectName): number | null => {
    const references = ratesOf(other);
    const pairs = ratesOf(one).flatMap((rate, round) => {
      const reference = references[round];
      return reference === undefined ? [] : [rate / reference];
    });
    return pairs.length === 0 ? null : median(pairs);
  };
  return {
    relay: ratio("posthaste", "relay"),
    bullmq: ratio("posthaste", "bullmq"),
    postgres: ratio("posthaste-postgres", "posthaste"),
    twoNodes: ratio("posthaste-postgres-2", "posthaste-postgres"),
  };
}

export function barsOf(rows: readonly Row[], ratios: Results["ratios"], scenarios: Scenarios): Bar[] {
  const bars: Bar[] = [];
  const bar = (name: string, value: number | null | undefined, wanted: Limit): void => {
    if (value === null || value === undefined) return;
    bars.push({ name, wanted: wanted.text, value: wanted.show(value), met: wanted.holds(value) });
  };
  const { pending, neighbour, growth, postgresGrowth } = scenarios;
  const half = rows.find((row) => row.subject === "posthaste");
  bar("events/s over the relay", ratios.relay, atLeast(0.6));
  bar("events/s over BullMQ", ratios.bullmq, atLeast(2.5));
  bar("events/s on PostgreSQL over SQLite", ratios.postgres, atLeast(0.7));
  bar("events/s of two nodes over one", ratios.twoNodes, atLeast(1));
  bar("accept→delivered p99 at half load", half?.deliveredP99Ms, below(50, "ms"));
  bar(`memory with ${pending?.pending ?? 0} pending`, megabytes(pending?.peakRssBytes), below(400, "MB"));
  bar("memory while those are delivered", megabytes(pending?.peakRssAfterRestartBytes), below(400, "MB"));
  bar("first delivery after a kill -9", seconds(pending?.firstDeliveryMs), below(5, "s"));
  bar("steady rate after a kill -9", seconds(pending?.steadyMs), below(5, "s"));
  bar("rate of the healthy half beside a hanging half", neighbour?.rateRatio, atLeast(0.9));
  bar("p99 of the healthy half beside a hanging half", neighbour?.p99Ratio, below(2, "×"));
  bar(
    `cost per event at ${growth?.large.stored ?? 0} stored messages`,
    growth?.costRatio,
    within(0.85, 1.15),
  );
  const { transformation, replay, search } = scenarios;
  bar("a transformation, median", transformation?.p50Micros, below(150, "µs"));
  bar(`live rate beside a replay of ${replay?.replayed ?? 0}`, replay?.rateRatio, atLeast(0.9));
  for (const [name, result] of [
    ["SQLite", search?.sqlite],
    ["PostgreSQL", search?.postgres],
  ] as const) {
    bar(
      `${name}: slowest p95 of lists and search at ${search?.stored ?? 0} messages`,
      result?.worstP95Ms,
      below(50, "ms"),
    );
  }
  const stored = postgresGrowth?.large.stored ?? 0;
  const waiting = postgresGrowth?.withRetries.retriesWaiting ?? 0;
  for (const what of ["commit", "claim"] as const) {
    const ofStored = postgresGrowth?.storedRatios[what];
    const ofRetries = postgresGrowth?.retriesRatios[what];
    bar(`PostgreSQL: cost of a ${what} at ${stored} stored messages`, ofStored, within(0.85, 1.15));
    bar(`PostgreSQL: cost of a ${what} with ${waiting} retries waiting`, ofRetries, within(0.85, 1.15));
  }
  return bars;
}

interface Limit {
  readonly text: string;
  readonly holds: (value: number) => boolean;
  readonly show: (value: number) => string;
}

const times = (value: number): string => `${value.toFixed(2)} ×`;

function atLeast(least: number): Limit {
  return { text: `≥ ${least} ×`, holds: (value) => value >= least, show: times };
}

function within(low: number, high: number): Limit {
  return { text: `${low}–${high} ×`, holds: (value) => value >= low && value <= high, show: times };
}

function below(most: number, unit: string): Limit {
  return {
    text: `< ${most} ${unit}`,
    holds: (value) => value < most,
    show: (value) => `${value.toFixed(value < 10 ? 2 : 0)} ${unit}`,
  };
}

function megabytes(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : bytes / 1e6;
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
