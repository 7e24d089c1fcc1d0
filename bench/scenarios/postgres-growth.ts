import { ID_PREFIX } from "../../packages/core/src/domain/ids.ts";
import { fakeRuntime, type FakeRuntime } from "../../packages/core/src/runtime/testing/fake-runtime.ts";
import type { AcceptedMessage, SettledDelivery } from "../../packages/core/src/storage/port.ts";
import { openPostgresStore } from "../../packages/core/src/storage/postgres/open.ts";
import { startPostgres } from "../../packages/core/src/storage/postgres/testing/postgres-server.ts";
import { runSql } from "../../packages/core/src/storage/postgres/testing/run-sql.ts";
import { Scene } from "../../packages/core/src/storage/testing/scene.ts";
import { nowMicros } from "../clock.ts";
import { PAYLOAD } from "../event.ts";
import { median } from "../median.ts";
import { APPLICATIONS, type Options } from "../options.ts";
import { cpuMicros } from "../process-usage.ts";
import { POSTGRES_FLAGS } from "../subjects/posthaste-postgres.ts";
import { fillHistory, fillRetries, type Filling } from "./postgres-fill.ts";

/** Where the first measurement starts. */
const SMALL = 10_000;
const DAYS = 30;
const RETRIES = 1_000_000;
const RUNS = 7;
const BATCHES = 300;
const COMMIT_BATCH = 50;
const CLAIM_BATCH = 100;
/** What is to be claimed is accepted before the measurement, in larger steps. */
const PREPARE_BATCH = 500;
const BYTES_MAX = 10_000_000;

/** Medians over the runs. The server's part is in `cpuMicros`. */
export interface EventCost {
  readonly cpuMicros: number;
  readonly serverCpuMicros: number;
  readonly wallMicros: number;
}

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

interface Lane {
  readonly appId: string;
  readonly endpoint: Scene["endpoint"];
}

interface Bed {
  readonly url: string;
  readonly serverPid: number;
  readonly scene: Scene;
  readonly runtime: FakeRuntime;
  readonly lanes: readonly Lane[];
  readonly progress: Progress;
}

/**
 * What the store's hot path costs when little is stored, when much is, and when much waits for a retry. Little and much
 * are two databases of one server that take turns: a machine in a cloud changes its own speed within minutes.
 */
export async function measurePostgresGrowth(
  options: Options,
  progress: Progress,
): Promise<PostgresGrowthResult> {
  const postgres = await startPostgres(POSTGRES_FLAGS, options.dataDir);
  const beds: Bed[] = [];
  try {
    for (const name of ["little", "much"]) {
      await runSql(`${postgres.url}/postgres`, `CREATE DATABASE ${name}`);
      const url = `${postgres.url}/${name}?host=${encodeURIComponent(postgres.socketDirectory)}`;
      beds.push(await makeBed(url, { serverPid: postgres.pid(), progress }));
    }
    const [little, much] = beds;
    if (little === undefined || much === undefined) throw new Error("two databases were to be made");
    return await measureStates({ little, much }, Math.max(options.postgresStoredMessages, SMALL));
  } finally {
    for (const { scene } of beds) await scene.store.close();
    await postgres.stop();
  }
}

async function makeBed(url: string, rest: Pick<Bed, "serverPid" | "progress">): Promise<Bed> {
  const store = await openPostgresStore({ url, onProblem: (error) => rest.progress(error.message) });
  const runtime = fakeRuntime({ startMs: Date.now() });
  const scene = await Scene.make(store, runtime);
  return { ...rest, url, scene, runtime, lanes: await makeLanes(scene) };
}

async function makeLanes(scene: Scene): Promise<Lane[]> {
  const lanes: Lane[] = [];
  for (let made = 0; made < APPLICATIONS; made += 1) {
    const { id: appId } = await scene.addApplication();
    lanes.push({ appId, endpoint: await scene.addEndpoint({ appId }) });
  }
  return lanes;
}

interface Beds {
  readonly little: Bed;
  readonly much: Bed;
}

async function measureStates({ little, much }: Beds, stored: number): Promise<PostgresGrowthResult> {
  const { progress } = much;
  await fillHistory(little.url, 1, { ...fillingOf(little), count: SMALL });
  const since = nowMicros();
  await fillHistory(much.url, DAYS, { ...fillingOf(much), count: stored });
  const seconds = ((nowMicros() - since) / 1e6).toFixed(0);
  progress(`${stored.toLocaleString("en")} messages stored, filled in ${seconds} s`);
  const history = await measureInTurns({ little, much });
  await fillRetries(much.url, RETRIES, fillingOf(much));
  progress(`${RETRIES.toLocaleString("en")} retries waiting`);
  const retries = await measureInTurns({ little, much });
  return {
    small: { stored: SMALL, retriesWaiting: 0, ...costOf(history.little) },
    large: { stored, retriesWaiting: 0, ...costOf(history.much) },
    withRetries: { stored, retriesWaiting: RETRIES, ...costOf(retries.much) },
    storedRatios: ratiosOf(history),
    retriesRatios: ratiosOf(retries),
  };
}

function fillingOf(bed: Bed): Omit<Filling, "count"> {
  const { scene, lanes } = bed;
  const delivery = scene.delivery(scene.newMessage(), { endpointId: lanes[0]?.endpoint.id ?? "" });
  return {
    appIds: lanes.map(({ appId }) => appId),
    endpointIds: lanes.map(({ endpoint }) => endpoint.id),
    payload: PAYLOAD,
    detail: JSON.stringify(scene.newAttempt(delivery).detail),
  };
}

/** Of each run; a run of one follows that of the other. */
interface Turns {
  readonly little: Runs;
  readonly much: Runs;
}

interface Runs {
  readonly commits: EventCost[];
  readonly claims: EventCost[];
  readonly autovacuums: number;
}

async function measureInTurns(beds: Beds): Promise<Turns> {
  const little = { commits: [] as EventCost[], claims: [] as EventCost[] };
  const much = { commits: [] as EventCost[], claims: [] as EventCost[] };
  const each = [
    { name: "little", bed: beds.little, runs: little },
    { name: "much", bed: beds.much, runs: much },
  ];
  // What autovacuum and a checkpoint would do sooner or later is done before, not in the middle.
  for (const { bed } of each) await runSql(bed.url, "VACUUM (ANALYZE)");
  await runSql(beds.much.url, "CHECKPOINT");
  const before = await Promise.all(each.map(({ bed }) => countAutovacuums(bed.url)));
  for (let run = 0; run <= RUNS; run += 1) {
    for (const { name, bed, runs } of each) {
      bed.runtime.jump(Math.max(0, Date.now() - bed.scene.now));
      const firstId = bed.scene.id("");
      const commit = await measureCommits(bed);
      const claim = await measureClaims(bed);
      await forget(bed, firstId);
      // The first one warms up.
      if (run === 0) continue;
      runs.commits.push(commit);
      runs.claims.push(claim);
      bed.progress(`run ${run} of ${RUNS}, ${name}: commit ${costLine(commit)}; claim ${costLine(claim)}`);
    }
  }
  const after = await Promise.all(each.map(({ bed }) => countAutovacuums(bed.url)));
  const [ofLittle, ofMuch] = after.map((count, index) => count - (before[index] ?? 0));
  return {
    little: { ...little, autovacuums: ofLittle ?? 0 },
    much: { ...much, autovacuums: ofMuch ?? 0 },
  };
}

function costOf({ commits, claims, autovacuums }: Runs): Omit<StateCost, "stored" | "retriesWaiting"> {
  return { commit: medianCost(commits), claim: medianCost(claims), autovacuums };
}

function ratiosOf({ little, much }: Turns): CostRatios {
  return {
    commit: ratioOf(much.commits, little.commits),
    claim: ratioOf(much.claims, little.claims),
  };
}

function ratioOf(ones: readonly EventCost[], others: readonly EventCost[]): number {
  return median(ones.map(({ cpuMicros: cpu }, run) => cpu / (others[run]?.cpuMicros ?? Number.NaN)));
}

/** What was measured does not count as stored: the next run finds what this one found. */
async function forget({ url }: Bed, firstId: string): Promise<void> {
  await runSql(url, "DELETE FROM message WHERE id >= $1", [ID_PREFIX.message + firstId]);
  await runSql(url, "DELETE FROM attempt WHERE id >= $1", [ID_PREFIX.attempt + firstId]);
  await runSql(url, "VACUUM message, attempt, due");
}

function costLine({ cpuMicros: cpu, serverCpuMicros, wallMicros }: EventCost): string {
  return `${cpu.toFixed(1)} CPU µs/event (PostgreSQL ${serverCpuMicros.toFixed(1)}), ${wallMicros.toFixed(1)} µs`;
}

function medianCost(costs: readonly EventCost[]): EventCost {
  return {
    cpuMicros: median(costs.map((cost) => cost.cpuMicros)),
    serverCpuMicros: median(costs.map((cost) => cost.serverCpuMicros)),
    wallMicros: median(costs.map((cost) => cost.wallMicros)),
  };
}

async function countAutovacuums(url: string): Promise<number> {
  const sql = "SELECT coalesce(sum(autovacuum_count), 0)::integer AS count FROM pg_stat_user_tables";
  const [row] = await runSql<{ count: number }>(url, sql);
  return row?.count ?? 0;
}

async function measured(bed: Bed, events: number, work: () => Promise<void>): Promise<EventCost> {
  const startedAt = nowMicros();
  const server = cpuMicros([bed.serverPid]);
  const client = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(client);
  const serverCpu = cpuMicros([bed.serverPid]) - server;
  return {
    cpuMicros: (serverCpu + user + system) / events,
    serverCpuMicros: serverCpu / events,
    wallMicros: (nowMicros() - startedAt) / events,
  };
}

/** As an engine does under load: a commit holds what was accepted, and what was settled of the one before it. */
async function measureCommits(bed: Bed): Promise<EventCost> {
  const { scene } = bed;
  const batches = Array.from({ length: BATCHES }, () => {
    const accepted = newBatch(bed, { size: COMMIT_BATCH, leased: true });
    const settled = accepted.map(({ message, deliveries: [{ endpointId } = { endpointId: "" }] }) =>
      scene.settled(scene.delivery(message, { endpointId })),
    );
    return { accepted, settled };
  });
  return measured(bed, BATCHES * COMMIT_BATCH, async () => {
    let settled: readonly SettledDelivery[] = [];
    for (const batch of batches) {
      await commitAll(scene, { accepted: batch.accepted, settled });
      ({ settled } = batch);
    }
    await commitAll(scene, { accepted: [], settled });
  });
}

async function measureClaims(bed: Bed): Promise<EventCost> {
  const { scene } = bed;
  const events = BATCHES * CLAIM_BATCH;
  for (let made = 0; made < events; made += PREPARE_BATCH) {
    const accepted = newBatch(bed, { size: PREPARE_BATCH, leased: false });
    await commitAll(scene, { accepted, settled: [] });
  }
  const lanes = bed.lanes.map(({ appId, endpoint }) => ({
    appId,
    endpointId: endpoint.id,
    limit: CLAIM_BATCH / APPLICATIONS,
    fifo: false,
  }));
  // Entries of what was claimed since the last vacuum are stepped over: each run begins without any.
  await runSql(bed.url, "VACUUM due");
  return measured(bed, events, async () => {
    for (let batch = 0; batch < BATCHES; batch += 1) {
      const { leaseId, now } = scene;
      const request = { leaseId, now, lanes, limit: CLAIM_BATCH, bytesMax: BYTES_MAX };
      const claimed = await scene.store.deliveries.claimDue(request);
      if (claimed.length !== CLAIM_BATCH) throw new Error(`${claimed.length} of ${CLAIM_BATCH} were claimed`);
      const settled = claimed.map(({ delivery }) => scene.settled(delivery));
      await commitAll(scene, { accepted: [], settled });
    }
  });
}

/** Round the lanes. */
function newBatch(
  { scene, lanes }: Bed,
  { size, leased }: { size: number; leased: boolean },
): AcceptedMessage[] {
  const batch: AcceptedMessage[] = [];
  while (batch.length < size) {
    for (const { appId, endpoint } of lanes.slice(0, size - batch.length))
      batch.push(scene.accepted({ appId, endpoints: [endpoint], leased, payload: PAYLOAD }));
  }
  return batch;
}

async function commitAll(
  scene: Scene,
  batch: Parameters<Scene["store"]["deliveries"]["commit"]>[0],
): Promise<void> {
  const { accepted, settled } = await scene.store.deliveries.commit(batch);
  if (accepted.some(({ kind }) => kind !== "accepted") || !settled.every(Boolean))
    throw new Error("a commit did not take all of its events");
}
