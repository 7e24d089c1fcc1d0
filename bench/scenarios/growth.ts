import type { Bench } from "../bench.ts";
import { sleep } from "../clock.ts";
import { median } from "../median.ts";
import { APPLICATIONS, type Options } from "../options.ts";
import { cpuMicros } from "../process-usage.ts";
import { startPosthaste } from "../subjects/posthaste.ts";
import type { Subject } from "../subjects/subject.ts";

/** Where the first measurement starts. */
const SMALL = 10_000;
const EVENTS = 10_000;
const RUNS = 5;
const SETTLE_MS = 500;
/** The fill is sent in parts, so that none outlasts the patience of the bench. */
const FILL_EVENTS = 100_000;

interface Cost {
  readonly stored: number;
  readonly cpuMicrosPerEvent: number;
  readonly eventsPerSecond: number;
}

export interface GrowthResult {
  readonly small: Cost;
  readonly large: Cost;
  /** Cost at the large size over the cost at the small one. */
  readonly costRatio: number;
  readonly fillPerSecond: number;
}

/** What one event costs when little is stored and when much is: everything is delivered on the way there. */
export async function measureGrowth(
  bench: Bench,
  options: Options,
  progress: (line: string) => void,
): Promise<GrowthResult> {
  const endpointUrls = await bench.endpointUrls(APPLICATIONS);
  await bench.sink.ask("behave", { hangFrom: null });
  const subject = await startPosthaste({ endpointUrls, dataDir: options.dataDir });
  const all = { applications: APPLICATIONS, rate: null, untilDelivered: true };
  try {
    let stored = (await bench.send(subject, { ...all, events: SMALL, batched: false })).sink.distinct;
    const small = await cost(bench, subject, stored);
    stored += EVENTS * RUNS;
    const rates: number[] = [];
    while (stored < options.storedMessages) {
      const events = Math.min(FILL_EVENTS, Math.max(options.storedMessages - stored, 1));
      const { sink, eventsPerSecond } = await bench.send(subject, { ...all, events, batched: true });
      stored += sink.distinct;
      rates.push(eventsPerSecond);
      progress(
        `${stored.toLocaleString("en")} stored, ${Math.round(eventsPerSecond).toLocaleString("en")}/s`,
      );
    }
    const large = await cost(bench, subject, stored);
    await subject.checkRecorded(stored + EVENTS * RUNS);
    return {
      small,
      large,
      costRatio: large.cpuMicrosPerEvent / small.cpuMicrosPerEvent,
      fillPerSecond: median(rates),
    };
  } finally {
    await subject.stop();
  }
}

async function cost(bench: Bench, subject: Subject, stored: number): Promise<Cost> {
  const cpu: number[] = [];
  const rates: number[] = [];
  const sending = {
    applications: APPLICATIONS,
    events: EVENTS,
    batched: false,
    rate: null,
    untilDelivered: true,
  };
  for (let run = 0; run < RUNS; run += 1) {
    await sleep(SETTLE_MS);
    const before = cpuMicros(subject.pids());
    const { sink, eventsPerSecond } = await bench.send(subject, sending);
    await sleep(SETTLE_MS);
    cpu.push((cpuMicros(subject.pids()) - before) / sink.distinct);
    rates.push(eventsPerSecond);
  }
  return { stored, cpuMicrosPerEvent: median(cpu), eventsPerSecond: median(rates) };
}
