/** `npm run bench`: measures Posthaste beside two others on this machine. See options.ts for what it can be told. */
import { Bench } from "./bench.ts";
import { cleanUpOnExit } from "./children.ts";
import { nowMicros } from "./clock.ts";
import { describeMachine } from "./machine.ts";
import {
  type Options,
  readOptions,
  RUN_ORDER,
  type ScenarioName,
  type SubjectName,
  USAGE,
} from "./options.ts";
import { printed } from "./print.ts";
import { barsOf, ratiosOf, type Results, type Scenarios, toRow } from "./results.ts";
import { measureRound, type Round } from "./round.ts";
import { measureGrowth } from "./scenarios/growth.ts";
import { measureNeighbour } from "./scenarios/neighbour.ts";
import { measurePending } from "./scenarios/pending.ts";
import { measurePostgresGrowth } from "./scenarios/postgres-growth.ts";
import { measureReplay } from "./scenarios/replay.ts";
import { measureSearch } from "./scenarios/search.ts";
import { measureTransformation } from "./scenarios/transformation.ts";
import { findRedis } from "./subjects/redis.ts";

const startedAt = nowMicros();

function progress(line: string): void {
  const elapsed = ((nowMicros() - startedAt) / 1e6).toFixed(0).padStart(4);
  process.stderr.write(`${elapsed} s  ${line}\n`);
}

async function run(options: Options): Promise<Results> {
  const notes: string[] = [];
  const failed = (what: string, error: unknown): void => {
    const reason = error instanceof Error ? error.message : String(error);
    progress(`${what}: ${reason}`);
    notes.push(`Not measured: ${what}, because ${reason}`);
    process.exitCode = 1;
  };
  const redis = await findRedis();
  let subjects = options.only;
  if (redis === undefined && subjects.includes("bullmq")) {
    subjects = subjects.filter((name) => name !== "bullmq");
    notes.push("BullMQ was not measured: no redis-server on the PATH and no REDIS_URL.");
  }
  const machine = describeMachine(options.dataDir, redis);
  const bench = new Bench();
  const rounds = await measureRounds(bench, subjects, options, failed);
  const scenarios = await measureScenarios(bench, options, failed);
  await bench.close();
  const rows = options.only.flatMap((name) => toRow(name, rounds.get(name) ?? []) ?? []);
  const ratios = ratiosOf(rows);
  return { machine, rows, ratios, scenarios, bars: barsOf(rows, ratios, scenarios), notes };
}

type Failed = (what: string, error: unknown) => void;

/** Interleaved, so that a slow minute of the machine meets every subject and not one. */
async function measureRounds(
  bench: Bench,
  subjects: readonly SubjectName[],
  options: Options,
  failed: Failed,
): Promise<Map<SubjectName, Round[]>> {
  const rounds = new Map<SubjectName, Round[]>();
  const broken = new Set<SubjectName>();
  for (let number = 1; number <= options.rounds; number += 1) {
    for (const name of RUN_ORDER) {
      if (!subjects.includes(name) || broken.has(name)) continue;
      try {
        const round = await measureRound(bench, name, options);
        rounds.set(name, [...(rounds.get(name) ?? []), round]);
        progress(`round ${number} of ${options.rounds}, ${name}: ${summary(round)}`);
      } catch (error) {
        broken.add(name);
        failed(`round ${number} of ${name}`, error);
      }
    }
  }
  return rounds;
}

function summary(round: Round): string {
  const { eventsPerSecond, cpuMicrosPerEvent, deliveredMs, othersCpuShare } = round;
  return `${Math.round(eventsPerSecond)} events/s, ${Math.round(cpuMicrosPerEvent)} CPU µs/event, p99 ${deliveredMs.p99.toFixed(1)} ms, others took ${Math.round(othersCpuShare * 100)} % of the machine`;
}

async function measureScenarios(bench: Bench, options: Options, failed: Failed): Promise<Scenarios> {
  const scenarios: Scenarios = {};
  const measure: Readonly<Record<ScenarioName, () => Promise<unknown>>> = {
    pending: async () => (scenarios.pending = await measurePending(bench, options)),
    neighbour: async () => (scenarios.neighbour = await measureNeighbour(bench, options, progress)),
    transformation: async () => (scenarios.transformation = await measureTransformation()),
    replay: async () => (scenarios.replay = await measureReplay(bench, options, progress)),
    search: async () => (scenarios.search = await measureSearch(options, progress)),
    growth: async () => (scenarios.growth = await measureGrowth(bench, options, progress)),
    "postgres-growth": async () =>
      (scenarios.postgresGrowth = await measurePostgresGrowth(options, progress)),
  };
  for (const name of options.scenarios) {
    progress(`scenario ${name}`);
    try {
      await measure[name]();
    } catch (error) {
      failed(`scenario ${name}`, error);
    }
  }
  return scenarios;
}

cleanUpOnExit();
try {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(`${USAGE}\n`);
  } else {
    const results = await run(options);
    process.stdout.write(options.json ? `${JSON.stringify(results)}\n` : printed(results, options.markdown));
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
