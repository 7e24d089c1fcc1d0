import type { Bench } from "./bench.ts";
import { sleep } from "./clock.ts";
import type { Quantiles } from "./histogram.ts";
import { APPLICATIONS, type Options, type SubjectName } from "./options.ts";
import { Meter, peakRssBytes } from "./process-usage.ts";
import { startBullmq } from "./subjects/bullmq.ts";
import { startPosthaste } from "./subjects/posthaste.ts";
import { startPosthasteOnPostgres } from "./subjects/posthaste-postgres.ts";
import { startRelay } from "./subjects/relay.ts";
import type { Subject, SubjectOptions } from "./subjects/subject.ts";

/** One subject, one round: everything the table says of it. */
export interface Round {
  readonly eventsPerSecond: number;
  readonly cpuMicrosPerEvent: number;
  /** Of its database server, where it has one: not in the figure above. */
  readonly databaseCpuMicrosPerEvent: number;
  /** CPU of sink and generator together, which share the machine with the subject. */
  readonly benchCpuMicrosPerEvent: number;
  /** The part of the machine that programs which do not belong to the bench took meanwhile, 0 to 1. */
  readonly othersCpuShare: number;
  readonly halfRate: number;
  /** At half the rate, from sent to received. */
  readonly deliveredMs: Quantiles;
  /** At half the rate, from sent to its 2xx. */
  readonly acceptedMs: Quantiles;
  readonly peakRssBytes: number;
  readonly refused: number;
  readonly duplicates: number;
}

interface Plan {
  readonly start: (options: SubjectOptions) => Promise<Subject>;
  readonly batched: boolean;
  /** Measured events are so many of the options', so that each subject's part takes about as long. */
  readonly share: number;
  /** Processes that share the events: each is to be as warm as the only one of another subject. */
  readonly nodes?: number;
}

const PLANS: Readonly<Record<SubjectName, Plan>> = {
  posthaste: { start: startPosthaste, batched: false, share: 1 },
  "posthaste-batch": { start: startPosthaste, batched: true, share: 1 },
  "posthaste-postgres": {
    start: (options) => startPosthasteOnPostgres(options, 1),
    batched: false,
    share: 0.7,
  },
  "posthaste-postgres-2": {
    start: (options) => startPosthasteOnPostgres(options, 2),
    batched: false,
    share: 0.7,
    nodes: 2,
  },
  relay: { start: startRelay, batched: false, share: 1.25 },
  bullmq: { start: startBullmq, batched: false, share: 0.4 },
};

/** Lets what follows a delivery, such as recording it, be counted too. */
const SETTLE_MS = 300;

export async function measureRound(bench: Bench, name: SubjectName, options: Options): Promise<Round> {
  const { start, batched, share, nodes = 1 } = PLANS[name];
  const endpointUrls = await bench.endpointUrls(APPLICATIONS);
  await bench.sink.ask("behave", { hangFrom: null });
  const subject = await start({ endpointUrls, dataDir: options.dataDir });
  try {
    const always = { applications: APPLICATIONS, batched, untilDelivered: true };
    const warmUp = await bench.send(subject, { ...always, events: options.warmUpEvents * nodes, rate: null });
    await sleep(SETTLE_MS);
    const meter = new Meter({
      subject: subject.pids(),
      database: subject.databasePids?.() ?? [],
      bench: bench.pids(),
    });
    const full = await bench.send(subject, { ...always, events: options.measuredEvents * share, rate: null });
    await sleep(SETTLE_MS);
    const used = meter.read();
    const rate = full.eventsPerSecond / 2;
    const half = await bench.send(subject, { ...always, events: (rate * options.halfLoadMs) / 1000, rate });
    await subject.checkRecorded(warmUp.sink.distinct + full.sink.distinct + half.sink.distinct);
    return {
      eventsPerSecond: full.eventsPerSecond,
      cpuMicrosPerEvent: used.subjectMicros / full.sink.distinct,
      databaseCpuMicrosPerEvent: used.databaseMicros / full.sink.distinct,
      benchCpuMicrosPerEvent: used.benchMicros / full.sink.distinct,
      othersCpuShare: used.othersShare,
      halfRate: rate,
      deliveredMs: half.sink.latencyMs,
      acceptedMs: half.load.acceptMs,
      peakRssBytes: peakRssBytes(subject.pids()),
      refused: warmUp.load.refused + full.load.refused + half.load.refused,
      duplicates: warmUp.sink.duplicates + full.sink.duplicates + half.sink.duplicates,
    };
  } finally {
    await subject.stop();
  }
}
