import { runSql } from "../../packages/core/src/storage/postgres/testing/run-sql.ts";
import { startPostgres } from "../../packages/core/src/storage/postgres/testing/postgres-server.ts";
import { nowMicros } from "../clock.ts";
import { median } from "../median.ts";
import type { Options } from "../options.ts";
import { cpuMicros } from "../process-usage.ts";
import { POSTGRES_FLAGS } from "../subjects/posthaste-postgres.ts";
import {
  BATCHES,
  type Bed,
  claimWork,
  commitWork,
  fillingOf,
  forgetFrom,
  makeBed,
  type Work,
} from "./postgres-bed.ts";
import { fillHistory, fillRetries } from "./postgres-fill.ts";

/** Where the first measurement starts. */
const SMALL = 10_000;
const DAYS = 30;
const RETRIES = 1_000_000;
const RUNS = 11;
/** Batches before the other database has its turn: a fraction of a second. Divides `BATCHES`. */
const BURST = 30;

export interface EventCost {
  readonly cpuMicros: number;
  /** Of them the server's. */
  readonly serverCpuMicros: number;
  readonly wallMicros: number;
}

/** Medians over the runs. */
export interface StateCost {
  readonly stored: number;
  readonly retriesWaiting: number;
  /** Accept and settle, in batches of 50. */
  readonly commit: EventCost;
  /** Claim and settle, in batches of 100. */
  readonly claim: EventCost;
  /** Tables that autovacuum went through while this was measured. */
  readonly autovacuums: number;
}

interface CostRatios {
  readonly commit: number;
  readonly claim: number;
}

export interface PostgresGrowthResult {
  readonly small: StateCost;
  readonly large: StateCost;
  readonly withRetries: StateCost;
  /** CPU of much stored over little: the median of the ratios of each run. */
  readonly storedRatios: CostRatios;
  /** The same with the retries beside much stored, over little and none. */
  readonly retriesRatios: CostRatios;
}

type Progress = (line: string) => void;

/** Of the two databases. */
interface Pair<Value> {
  readonly little: Value;
  readonly much: Value;
}

interface Bench {
  readonly beds: Pair<Bed>;
  readonly serverPid: number;
  readonly progress: Progress;
}

/**
 * What the store's hot path costs when little is stored, when much is, and when much waits for a retry. Little and much
 * are two databases of one server that take turns of a fraction of a second: a machine in a cloud changes its own speed
 * within seconds.
 */
export async function measurePostgresGrowth(
  options: Options,
  progress: Progress,
): Promise<PostgresGrowthResult> {
  const postgres = await startPostgres(POSTGRES_FLAGS, options.dataDir);
  const made: Bed[] = [];
  const make = async (name: string): Promise<Bed> => {
    await runSql(`${postgres.url}/postgres`, `CREATE DATABASE ${name}`);
    const url = `${postgres.url}/${name}?host=${encodeURIComponent(postgres.socketDirectory)}`;
    const bed = await makeBed(url, (error) => progress(error.message));
    made.push(bed);
    return bed;
  };
  try {
    const beds = { little: await make("little"), much: await make("much") };
    const bench = { beds, serverPid: postgres.pid(), progress };
    return await measureStates(bench, Math.max(options.postgresStoredMessages, SMALL));
  } finally {
    for (const { scene } of made) await scene.store.close();
    await postgres.stop();
  }
}

async function measureStates(bench: Bench, stored: number): Promise<PostgresGrowthResult> {
  const { beds, progress } = bench;
  await fillHistory(beds.little.url, 1, { ...fillingOf(beds.little), count: SMALL });
  const since = nowMicros();
  await fillHistory(beds.much.url, DAYS, { ...fillingOf(beds.much), count: stored });
  const seconds = ((nowMicros() - since) / 1e6).toFixed(0);
  progress(`${stored.toLocaleString("en")} messages stored, filled in ${seconds} s`);
  const history = await measureRuns(bench);
  await fillRetries(beds.much.url, RETRIES, fillingOf(beds.much));
  progress(`${RETRIES.toLocaleString("en")} retries waiting`);
  const retries = await measureRuns(bench);
  return {
    small: { stored: SMALL, retriesWaiting: 0, ...costOf("little", history) },
    large: { stored, retriesWaiting: 0, ...costOf("much", history) },
    withRetries: { stored, retriesWaiting: RETRIES, ...costOf("much", retries) },
    storedRatios: ratiosOf(history),
    retriesRatios: ratiosOf(retries),
  };
}

interface Runs {
  readonly commits: readonly Pair<EventCost>[];
  readonly claims: readonly Pair<EventCost>[];
  readonly autovacuums: Pair<number>;
}

async function measureRuns(bench: Bench): Promise<Runs> {
  const { beds, progress } = bench;
  // What autovacuum and a checkpoint would do sooner or later is done before, not in the middle.
  for (const { url } of [beds.little, beds.much]) await runSql(url, "VACUUM (ANALYZE)");
  await runSql(beds.much.url, "CHECKPOINT");
  const before = await ofBoth(beds, countAutovacuums);
  const commits: Pair<EventCost>[] = [];
  const claims: Pair<EventCost>[] = [];
  for (let run = 0; run <= RUNS; run += 1) {
    const firstIds = await ofBoth(beds, beginRun);
    const commit = await measureInTurns(bench, await ofBoth(beds, commitWork));
    const claim = await measureInTurns(bench, await ofBoth(beds, claimWork));
    await forgetFrom(firstIds.little, beds.little);
    await forgetFrom(firstIds.much, beds.much);
    // The first one warms up.
    if (run === 0) continue;
    commits.push(commit);
    claims.push(claim);
    progress(`run ${run} of ${RUNS}: commit ${costLine(commit)}; claim ${costLine(claim)}`);
  }
  const after = await ofBoth(beds, countAutovacuums);
  const autovacuums = { little: after.little - before.little, much: after.much - before.much };
  return { commits, claims, autovacuums };
}

async function ofBoth<Value>(
  { little, much }: Pair<Bed>,
  of: (bed: Bed) => Value | Promise<Value>,
): Promise<Pair<Value>> {
  return { little: await of(little), much: await of(much) };
}

/** Returns an id that is before those of the run. */
function beginRun({ runtime, scene }: Bed): string {
  runtime.jump(Math.max(0, Date.now() - scene.now));
  return scene.id("");
}

async function countAutovacuums({ url }: Bed): Promise<number> {
  const sql = "SELECT coalesce(sum(autovacuum_count), 0)::integer AS count FROM pg_stat_user_tables";
  const [row] = await runSql<{ count: number }>(url, sql);
  return row?.count ?? 0;
}

/** Whoever was first is second the next time: what one leaves to be cleared away in memory, the other would pay. */
async function measureInTurns({ serverPid }: Bench, works: Pair<Work>): Promise<Pair<EventCost>> {
  const meters = { little: new CostMeter(serverPid), much: new CostMeter(serverPid) };
  let order: readonly (keyof Pair<unknown>)[] = ["little", "much"];
  for (let done = 0; done < BATCHES; done += BURST) {
    for (const name of order) await meters[name].measure(works[name], BURST);
    order = order.toReversed();
  }
  return { little: meters.little.read(), much: meters.much.read() };
}

class CostMeter {
  readonly #serverPid: number;
  #events = 0;
  #clientMicros = 0;
  #serverMicros = 0;
  #wallMicros = 0;

  constructor(serverPid: number) {
    this.#serverPid = serverPid;
  }

  async measure(work: Work, count: number): Promise<void> {
    const batches = work.prepare(count);
    const startedAt = nowMicros();
    const server = cpuMicros([this.#serverPid]);
    const client = process.cpuUsage();
    for (const batch of batches) await batch();
    const { user, system } = process.cpuUsage(client);
    this.#events += count * work.eventsPerBatch;
    this.#clientMicros += user + system;
    this.#serverMicros += cpuMicros([this.#serverPid]) - server;
    this.#wallMicros += nowMicros() - startedAt;
  }

  read(): EventCost {
    return {
      cpuMicros: (this.#serverMicros + this.#clientMicros) / this.#events,
      serverCpuMicros: this.#serverMicros / this.#events,
      wallMicros: this.#wallMicros / this.#events,
    };
  }
}

function costOf(
  name: keyof Pair<unknown>,
  { commits, claims, autovacuums }: Runs,
): Omit<StateCost, "stored" | "retriesWaiting"> {
  return {
    commit: medianCost(commits.map((cost) => cost[name])),
    claim: medianCost(claims.map((cost) => cost[name])),
    autovacuums: autovacuums[name],
  };
}

function medianCost(costs: readonly EventCost[]): EventCost {
  return {
    cpuMicros: median(costs.map((cost) => cost.cpuMicros)),
    serverCpuMicros: median(costs.map((cost) => cost.serverCpuMicros)),
    wallMicros: median(costs.map((cost) => cost.wallMicros)),
  };
}

function ratiosOf({ commits, claims }: Runs): CostRatios {
  return { commit: median(commits.map(ratioOf)), claim: median(claims.map(ratioOf)) };
}

function ratioOf({ little, much }: Pair<EventCost>): number {
  return much.cpuMicros / little.cpuMicros;
}

function costLine(cost: Pair<EventCost>): string {
  const line = ({ cpuMicros: cpu, serverCpuMicros }: EventCost): string =>
    `${cpu.toFixed(1)} (PostgreSQL ${serverCpuMicros.toFixed(1)})`;
  const { little, much } = cost;
  return `${line(much)} over ${line(little)} CPU µs/event = ${ratioOf(cost).toFixed(2)}`;
}
