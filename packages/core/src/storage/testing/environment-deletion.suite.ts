import { expect, test } from "vitest";
import type { Credential } from "../../domain/credential.ts";
import { newEnvironment } from "../../domain/environment.ts";
import { ID_PREFIX } from "../../domain/ids.ts";
import { ENVIRONMENT_WATCH_MS, IDEMPOTENCY_TTL_MS } from "../../domain/limits.ts";
import { operationalApplication } from "../../domain/operational.ts";
import { DAY_MS } from "../../domain/time.ts";
import { NO_PROGRESS, type Task } from "../../domain/task.ts";
import { FIRST_PAGE, Scene } from "./scene.ts";
import { type MakeStore, setupWithOwnStore } from "./setup.ts";

/** A second environment beside the first, in the same store. */
const another = (scene: Scene): Promise<Scene> => Scene.make(scene.store, scene.runtime);

/** How environments are deleted: out of sight at once, and then row by row. */
export function environmentDeletionSuite(makeStore: MakeStore): void {
  const setup = setupWithOwnStore(makeStore);

  test("a deleted environment is out of sight at once, with its applications and credentials", async () => {
    const scene = await setup();
    const doomed = await another(scene);
    const { environments, applications, credentials, tasks } = doomed.store;
    const { environment, app } = doomed;
    const { key, oneTime, task } = await fill(doomed);
    const now = doomed.now + 1;
    expect(await environments.delete({ id: environment.id, now })).toBe(true);
    expect(await environments.find(environment.id)).toBeNull();
    expect(await environments.list()).toEqual([scene.environment]);
    expect(await environments.listDeleted()).toEqual([{ id: environment.id, deletedAt: now }]);
    const inEnvironment = { environmentId: environment.id };
    expect(await applications.find({ ...inEnvironment, ref: app.id })).toBeNull();
    expect(await applications.findById(app.id)).toBeNull();
    expect(await applications.list({ ...inEnvironment, page: FIRST_PAGE })).toEqual([]);
    expect(await credentials.find(key.hash)).toBeNull();
    const exchange = { hash: oneTime.hash, newHash: "new", newPrefix: "pht_x", madeAfter: 0, now };
    expect(await credentials.redeem(exchange)).toBeNull();
    expect(await tasks.claim({ leaseId: doomed.leaseId, after: null })).toBeNull();
    expect(await tasks.find({ ...inEnvironment, id: task.id })).toMatchObject({ status: "canceled" });
    // Nothing of anybody else's.
    expect(await environments.find(scene.environment.id)).toEqual(scene.environment);
    expect(await applications.findById(scene.app.id)).toEqual(scene.app);
  });

  test("a deletion happens once, and gives the name free", async () => {
    const scene = await setup();
    const { environment } = await another(scene);
    const { environments } = scene.store;
    const now = scene.now;
    const deleted = await Promise.all([1, 2].map(() => environments.delete({ id: environment.id, now })));
    expect(deleted.filter(Boolean)).toHaveLength(1);
    expect(await environments.delete({ id: scene.id(ID_PREFIX.environment), now })).toBe(false);
    const change = { ...environment, updatedAt: now + 1 };
    expect(await environments.update(change, { basedOn: environment })).toBe("not_found");
    const { name } = environment;
    const fresh = newEnvironment({
      id: scene.id(ID_PREFIX.environment),
      name,
      retentionDays: 1,
      createdAt: now,
    });
    expect(await environments.insert(fresh, { eventTypes: [] })).toEqual({ kind: "inserted" });
    expect(await environments.list()).toContainEqual(fresh);
  });

  test("a deletion is told to the other nodes", async () => {
    const scene = await setup();
    const { cluster, environments } = scene.store;
    if (cluster === null) return;
    const { cursor } = await cluster.findChanges({ after: null });
    await environments.delete({ id: scene.environment.id, now: scene.now });
    expect((await cluster.findChanges({ after: cursor })).ids).toEqual([scene.environment.id]);
  });

  test("in the end no table has a row of it, and nothing of another environment is gone", async () => {
    const scene = await setup();
    await fill(scene);
    const before = await count(scene);
    const doomed = await another(scene);
    await fill(doomed);
    const answered = { idempotency: doomed.answer("once") };
    await doomed.store.eventTypes.insert(doomed.newEventType({ name: "once.more" }), answered);
    if (before !== undefined) {
      // Everything that has a table was filled.
      const full = (await count(scene)) ?? {};
      for (const [table, rows] of Object.entries(before))
        expect([table, (full[table] ?? 0) > rows]).toEqual([table, true]);
    }
    await scene.store.environments.delete({ id: doomed.environment.id, now: scene.now });
    await purgeAll(doomed);
    expect((await scene.store.environments.listDeleted()).map(({ id }) => id)).toEqual([
      doomed.environment.id,
    ]);
    await scene.runtime.advance(ENVIRONMENT_WATCH_MS);
    await purgeAll(doomed);
    expect(await scene.store.environments.listDeleted()).toEqual([]);
    expect((await scene.store.dataKeys.list()).map(({ environmentId }) => environmentId)).not.toContain(
      doomed.environment.id,
    );
    expect(await scene.store.stats()).toMatchObject({ dueDeliveries: 2 });
    expect(await scene.readEndpoint()).toEqual(scene.endpoint);
    const messages = { appId: scene.app.id, page: FIRST_PAGE, withPayload: true };
    expect(await scene.store.history.listMessages(messages)).toHaveLength(4);
    expect(await countLater(scene)).toEqual(before);
  });

  test("its rows go a few at a time, however many there are", async () => {
    const scene = await setup();
    const messages = 7;
    for (let at = 0; at < messages; at++) await scene.accept();
    await scene.store.environments.delete({ id: scene.environment.id, now: scene.now });
    const gone = await purgeAll(scene, 2);
    // Deliveries and messages, two of each at most, and the endpoint.
    expect(gone.length).toBeGreaterThan(messages / 2);
    expect(await scene.store.stats()).toMatchObject({ dueDeliveries: 0 });
  });

  test("what was on its way in when it was deleted goes as well", async () => {
    const scene = await setup();
    const held = await scene.accept({ leased: true });
    await scene.store.environments.delete({ id: scene.environment.id, now: scene.now });
    await purgeAll(scene);
    await scene.settle(scene.settled(scene.delivery(held)));
    await scene.accept();
    await scene.addEndpoint();
    await scene.runtime.advance(ENVIRONMENT_WATCH_MS);
    await purgeAll(scene);
    expect(await scene.store.environments.listDeleted()).toEqual([]);
    const counted = (await countLater(scene)) ?? {};
    expect(Object.entries(counted).filter(([, rows]) => rows > 0)).toEqual([]);
  });

  test("several nodes that remove it at once come to the same", async () => {
    const scene = await setup();
    const doomed = await another(scene);
    await fill(doomed);
    for (let at = 0; at < 20; at++) await doomed.accept();
    await scene.store.environments.delete({ id: doomed.environment.id, now: scene.now });
    await scene.runtime.advance(ENVIRONMENT_WATCH_MS);
    await Promise.all([1, 2, 3].map(() => purgeAll(doomed, 3)));
    await purgeAll(doomed);
    expect(await scene.store.environments.listDeleted()).toEqual([]);
    expect(await scene.store.stats()).toMatchObject({ dueDeliveries: 0 });
  });

  test("an environment that is not deleted loses nothing", async () => {
    const scene = await setup();
    await fill(scene);
    const before = await count(scene);
    await scene.runtime.advance(ENVIRONMENT_WATCH_MS);
    expect(await purgeAll(scene)).toEqual([]);
    expect(await count(scene)).toEqual(before);
  });
}

/** Round after round until one finds nothing; how many rows went in each step that found any. */
async function purgeAll({ store, environment, runtime }: Scene, limit = 100): Promise<number[]> {
  const steps: number[] = [];
  let ofRound = 0;
  for (let after: string | null = null; ;) {
    const request = { environmentId: environment.id, after, now: runtime.clock.now(), limit };
    const made: { gone: number; after: string | null } = await store.environments.purge(request);
    ({ after } = made);
    ofRound += made.gone;
    if (made.gone > 0) steps.push(made.gone);
    else if (after === null && ofRound === 0) return steps;
    else if (after === null) ofRound = 0;
  }
}

/** Rows of every table; first of all, what some stores put into their lists later is put there. */
async function count(scene: Scene): Promise<Readonly<Record<string, number>> | undefined> {
  const nobody = { environmentId: scene.id(ID_PREFIX.environment), before: 0, now: scene.now, limit: 1 };
  await scene.store.history.prune(nobody);
  return scene.countRows?.();
}

/** Once remembered answers have expired, which some stores keep without their environment. */
async function countLater(scene: Scene): Promise<Readonly<Record<string, number>> | undefined> {
  await scene.runtime.advance(IDEMPOTENCY_TTL_MS);
  const all = { environmentId: scene.environment.id, before: 0, now: scene.now, limit: 100 };
  await scene.store.history.prune(all);
  return count(scene);
}

/** A row in every table that an environment can have rows in. */
async function fill(scene: Scene): Promise<{ key: Credential; oneTime: Credential; task: Task }> {
  const { store, environment, app } = scene;
  const environmentId = environment.id;
  await store.eventTypes.insert(scene.newEventType(), {});
  const delivered = scene.delivery(await scene.accept({ leased: true }));
  await scene.settle(scene.settled(delivered, { wipeIn: environmentId }));
  await scene.accept({ eventId: scene.id("event") });
  await scene.accept({ leased: true });
  await scene.acceptAll([{ ...scene.accepted({ endpoints: [] as never }), polled: true }]);
  await store.applications.ensureOperational(operationalApplication(environmentId, scene.now));
  const sink = {
    id: scene.id(ID_PREFIX.pollingEndpoint),
    appId: app.id,
    environmentId,
    uid: null,
    eventTypes: null,
    metadata: {},
    createdAt: scene.now,
    updatedAt: scene.now,
  };
  await store.polling.insert(sink, {});
  await store.polling.sequence({ appId: app.id, limit: 10 });
  const consumer = { appId: app.id, endpointId: sink.id, name: "reader", position: 0 };
  await store.polling.saveConsumer({ ...consumer, leasedTo: 0, leasedUntil: 0, version: 0 });
  await store.dataKeys.ensure({
    environmentId,
    id: scene.id(ID_PREFIX.dataKey),
    masterKeyId: "first",
    wrapped: "wrapped",
    complete: true,
    createdAt: scene.now,
  });
  const task: Task = {
    id: scene.id(ID_PREFIX.task),
    environmentId,
    status: "running",
    work: { kind: "event-type.aggregate", until: scene.now },
    progress: NO_PROGRESS,
    createdAt: scene.now,
    updatedAt: scene.now,
  };
  await store.tasks.insert(task, {});
  return { key: await credential(scene), oneTime: await credential(scene, "one_time"), task };
}

async function credential(scene: Scene, kind: Credential["kind"] = "api_key"): Promise<Credential> {
  const made: Credential = {
    id: scene.id(ID_PREFIX.apiKey),
    environmentId: scene.environment.id,
    hash: scene.id("hash"),
    kind,
    prefix: null,
    name: null,
    scopes: null,
    appId: kind === "api_key" ? null : scene.app.id,
    sessionId: null,
    featureFlags: [],
    expiresAt: scene.now + 10 * DAY_MS,
    createdAt: scene.now,
  };
  await scene.store.credentials.insert(made, { forget: 0 });
  return made;
}
