import type { Bench, Sent } from "../bench.ts";
import { median } from "../median.ts";
import type { Options } from "../options.ts";
import { peakRssBytes } from "../process-usage.ts";
import { startPosthaste } from "../subjects/posthaste.ts";

const ENDPOINTS = 100;
const HEALTHY = ENDPOINTS / 2;
/** Short enough that hanging deliveries time out, are booked again and hang again while the others are watched. */
const TIMEOUT_SECONDS = 2;

interface HealthyHalf {
  /** Deliveries per second of the healthy half, while all endpoints are sent to as fast as it goes. */
  readonly eventsPerSecond: number;
  /** From sent to received at half of that. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface NeighbourRound {
  readonly allAnswer: HealthyHalf;
  readonly halfHangs: HealthyHalf;
  /** Of the second over the first. */
  readonly rateRatio: number;
  readonly p99Ratio: number;
  readonly peakRssBytes: number;
}

/** Each figure is the median over the rounds, each ratio too: both its sides are seconds apart. */
export interface NeighbourResult extends NeighbourRound {
  readonly rounds: readonly NeighbourRound[];
}

type Progress = (line: string) => void;

/** In each round on a server of its own: one that has been through a hanging half owes it what it did not take. */
export async function measureNeighbour(
  bench: Bench,
  options: Options,
  progress: Progress,
): Promise<NeighbourResult> {
  const rounds: NeighbourRound[] = [];
  for (let number = 1; number <= options.rounds; number += 1) {
    const round = await measureNeighbourRound(bench, options);
    rounds.push(round);
    progress(
      `round ${number} of ${options.rounds}: the healthy half kept ${round.rateRatio.toFixed(2)} of its rate, ` +
        `p99 ${round.p99Ratio.toFixed(2)} times as long`,
    );
  }
  const of = (figure: (round: NeighbourRound) => number): number => median(rounds.map(figure));
  const half = (which: (round: NeighbourRound) => HealthyHalf): HealthyHalf => ({
    eventsPerSecond: of((round) => which(round).eventsPerSecond),
    p50Ms: of((round) => which(round).p50Ms),
    p99Ms: of((round) => which(round).p99Ms),
  });
  return {
    allAnswer: half(({ allAnswer }) => allAnswer),
    halfHangs: half(({ halfHangs }) => halfHangs),
    rateRatio: of(({ rateRatio }) => rateRatio),
    p99Ratio: of(({ p99Ratio }) => p99Ratio),
    peakRssBytes: Math.max(...rounds.map(({ peakRssBytes: bytes }) => bytes)),
    rounds,
  };
}

/** The same fifty endpoints are watched twice: while the other fifty answer, and while those hang. */
async function measureNeighbourRound(bench: Bench, options: Options): Promise<NeighbourRound> {
  const endpointUrls = await bench.endpointUrls(ENDPOINTS);
  await bench.sink.ask("behave", { hangFrom: null });
  const subject = await startPosthaste({ endpointUrls, dataDir: options.dataDir }, TIMEOUT_SECONDS);
  try {
    await bench.send(subject, sending(options.warmUpEvents, null));
    const full = await bench.send(subject, sending(options.neighbourEvents, null));
    // The rate of everything that is sent, not of the half that is watched.
    const rate = full.eventsPerSecond;
    const events = (rate * options.neighbourMs) / 1000;
    const half = await bench.send(subject, sending(events, rate));
    await bench.sink.ask("behave", { hangFrom: HEALTHY });
    const fullHanging = await bench.send(subject, sending(options.neighbourEvents, null));
    const halfHanging = await bench.send(subject, sending(events, rate));
    const allAnswer = healthyHalf(full, half);
    const halfHangs = healthyHalf(fullHanging, halfHanging);
    return {
      allAnswer,
      halfHangs,
      rateRatio: halfHangs.eventsPerSecond / allAnswer.eventsPerSecond,
      p99Ratio: halfHangs.p99Ms / allAnswer.p99Ms,
      peakRssBytes: peakRssBytes(subject.pids()),
    };
  } finally {
    await subject.stop();
  }
}

function sending(events: number, rate: number | null): Parameters<Bench["send"]>[1] {
  return { events, rate, applications: ENDPOINTS, batched: false, countBelow: HEALTHY, untilDelivered: true };
}

function healthyHalf(full: Sent, half: Sent): HealthyHalf {
  return {
    eventsPerSecond: full.eventsPerSecond,
    p50Ms: half.sink.latencyMs.p50,
    p99Ms: half.sink.latencyMs.p99,
  };
}
