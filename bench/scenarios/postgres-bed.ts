import { ID_PREFIX } from "../../packages/core/src/domain/ids.ts";
import { fakeRuntime, type FakeRuntime } from "../../packages/core/src/runtime/testing/fake-runtime.ts";
import type { AcceptedMessage, SettledDelivery } from "../../packages/core/src/storage/port.ts";
import { openPostgresStore } from "../../packages/core/src/storage/postgres/open.ts";
import { runSql } from "../../packages/core/src/storage/postgres/testing/run-sql.ts";
import { Scene } from "../../packages/core/src/storage/testing/scene.ts";
import { PAYLOAD } from "../event.ts";
import { APPLICATIONS } from "../options.ts";
import type { Filling } from "./postgres-fill.ts";

/** Of each work. */
export const BATCHES = 300;
const COMMIT_BATCH = 50;
const CLAIM_BATCH = 100;
/** What is to be claimed is accepted before the measurement, in larger steps. */
const PREPARE_BATCH = 500;
const BYTES_MAX = 10_000_000;

interface Lane {
  readonly appId: string;
  readonly endpoint: Scene["endpoint"];
}

/** A database, with applications that have an endpoint each. */
export interface Bed {
  readonly url: string;
  readonly scene: Scene;
  readonly runtime: FakeRuntime;
  readonly lanes: readonly Lane[];
}

/** Work in batches, one after the other. */
export interface Work {
  readonly eventsPerBatch: number;
  /** Makes what the next ones need, which is no part of them. */
  prepare(batches: number): readonly (() => Promise<void>)[];
}

export async function makeBed(url: string, onProblem: (error: Error) => void): Promise<Bed> {
  const store = await openPostgresStore({ url, onProblem });
  const runtime = fakeRuntime({ startMs: Date.now() });
  const scene = await Scene.make(store, runtime);
  return { url, scene, runtime, lanes: await makeLanes(scene) };
}

async function makeLanes(scene: Scene): Promise<Lane[]> {
  const lanes: Lane[] = [];
  for (let made = 0; made < APPLICATIONS; made += 1) {
    const { id: appId } = await scene.addApplication();
    lanes.push({ appId, endpoint: await scene.addEndpoint({ appId }) });
  }
  return lanes;
}

export function fillingOf({ scene, lanes }: Bed): Omit<Filling, "count"> {
  const delivery = scene.delivery(scene.newMessage(), { endpointId: lanes[0]?.endpoint.id ?? "" });
  return {
    appIds: lanes.map(({ appId }) => appId),
    endpointIds: lanes.map(({ endpoint }) => endpoint.id),
    payload: PAYLOAD,
    detail: JSON.stringify(scene.newAttempt(delivery).detail),
  };
}

/** Accept and settle, in commits apart, as an engine does that has a connection for each. */
export function commitWork(bed: Bed): Work {
  const { scene } = bed;
  let before: readonly SettledDelivery[] = [];
  const makeBatch = () => {
    const accepted = newBatch(bed, { size: COMMIT_BATCH, leased: true });
    const settled = accepted.map(({ message, deliveries: [{ endpointId } = { endpointId: "" }] }) =>
      scene.settled(scene.delivery(message, { endpointId })),
    );
    return async () => {
      await commitAll(scene, { accepted, settled: [] });
      await commitAll(scene, { accepted: [], settled: before });
      before = settled;
    };
  };
  return { eventsPerBatch: COMMIT_BATCH, prepare: (batches) => Array.from({ length: batches }, makeBatch) };
}

/** Claim and settle. */
export async function claimWork(bed: Bed): Promise<Work> {
  const { scene } = bed;
  for (let made = 0; made < BATCHES * CLAIM_BATCH; made += PREPARE_BATCH) {
    const accepted = newBatch(bed, { size: PREPARE_BATCH, leased: false });
    await commitAll(scene, { accepted, settled: [] });
  }
  const lanes = bed.lanes.map(({ appId, endpoint }) => ({
    appId,
    endpointId: endpoint.id,
    limit: CLAIM_BATCH / APPLICATIONS,
    fifo: false,
  }));
  // Entries of what was claimed since the last vacuum are stepped over: the work begins without any.
  await runSql(bed.url, "VACUUM due");
  const claimBatch = async (): Promise<void> => {
    const { leaseId, now } = scene;
    const request = { leaseId, now, lanes, limit: CLAIM_BATCH, bytesMax: BYTES_MAX };
    const claimed = await scene.store.deliveries.claimDue(request);
    if (claimed.length !== CLAIM_BATCH) throw new Error(`${claimed.length} of ${CLAIM_BATCH} were claimed`);
    const settled = claimed.map(({ delivery }) => scene.settled(delivery));
    await commitAll(scene, { accepted: [], settled });
  };
  return {
    eventsPerBatch: CLAIM_BATCH,
    prepare: (batches) => Array.from({ length: batches }, () => claimBatch),
  };
}

/** Work that was done from this id on does not count as stored: what comes next finds what this one found. */
export async function forgetFrom(firstId: string, { url }: Bed): Promise<void> {
  await runSql(url, "DELETE FROM due WHERE message_id >= $1", [ID_PREFIX.message + firstId]);
  await runSql(url, "DELETE FROM message WHERE id >= $1", [ID_PREFIX.message + firstId]);
  await runSql(url, "DELETE FROM attempt WHERE id >= $1", [ID_PREFIX.attempt + firstId]);
  await runSql(url, "VACUUM message, attempt, due");
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
