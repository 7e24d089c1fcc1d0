import { afterEach, expect, test } from "vitest";
import { TASK_APPLICATIONS } from "../../domain/limits.ts";
import { type BroadcastWork, NO_PROGRESS, type Task } from "../../domain/task.ts";
import { cleanUp, engineHarness, type Harness, START_MS } from "../testing/engine-harness.ts";
import type { AcceptRequest } from "../engine.ts";
import { broadcastStep } from "./broadcast.ts";

afterEach(cleanUp);

const PAYLOAD = '{ "n": 12345678901234567890.10 }';

async function addApplications({ store, runtime, application }: Harness, count: number): Promise<string[]> {
  const ids = [application.id];
  for (let index = 0; index < count; index++) {
    const id = runtime.ids.next("app_");
    await store.applications.insert({ ...application, id, uid: null }, {});
    ids.push(id);
  }
  return ids;
}

function newTask(
  { runtime, application }: Harness,
  over: Partial<BroadcastWork> = {},
): Task & { work: BroadcastWork } {
  const id = runtime.ids.next("qtask_");
  const createdAt = runtime.clock.now();
  return {
    id,
    environmentId: application.environmentId,
    status: "running",
    work: {
      kind: "message.broadcast",
      eventType: "order.completed",
      eventId: id,
      channels: null,
      payloadExpiresAt: null,
      until: createdAt + 1_000,
      ...over,
    },
    progress: NO_PROGRESS,
    createdAt,
    updatedAt: createdAt,
  };
}

const messagesOf = ({ store }: Harness, appId: string) =>
  store.history.listMessages({
    appId,
    page: { limit: 10, after: null, order: "ascending" },
    withPayload: true,
  });

test("each application gets one message, byte for byte, also when the process dies in the middle", async () => {
  const harness = await engineHarness();
  await harness.addEndpoint();
  const appIds = await addApplications(harness, 3 * TASK_APPLICATIONS);
  const task = newTask(harness);
  await harness.store.tasks.insert(task, { payload: PAYLOAD });
  const { environmentId, id } = task;
  const read = () => harness.store.tasks.find({ environmentId, id });
  const first = appIds[0] ?? "";
  await harness.until(async () => (await messagesOf(harness, first)).length > 0);
  const after = await harness.replaceEngine();
  await after.until(async () => (await read())?.status !== "running");
  expect(await read()).toMatchObject({
    status: "finished",
    progress: { looked: appIds.length, done: appIds.length, error: null },
  });
  for (const appId of appIds) {
    expect(await messagesOf(harness, appId)).toMatchObject([{ eventId: id, payload: PAYLOAD, tags: null }]);
  }
  await after.until(() => [...harness.posts, ...after.posts].some(({ body }) => body === PAYLOAD));
});

test("a step that is made twice, or whose commit failed for some, ends with one message each", async () => {
  const harness = await engineHarness();
  const appIds = await addApplications(harness, 9);
  const task = { ...newTask(harness), payload: PAYLOAD };
  let failing = 4;
  const counted: string[] = [];
  const parts = {
    store: harness.store,
    findApplication: (appId: string) =>
      Promise.resolve({
        application: { ...harness.application, id: appId },
        endpoints: [],
        pollingEndpoints: [],
      }),
    onBroadcast: (appId: string) => counted.push(appId),
    async accept(request: AcceptRequest) {
      const outcome = await harness.engine.accept(request);
      if (failing-- > 0) throw new Error("the answer was lost");
      return outcome;
    },
  };
  await expect(broadcastStep(task, parts)).rejects.toThrow("the answer was lost");
  for (let times = 0; times < 2; times++) {
    expect(await broadcastStep(task, parts)).toMatchObject({
      status: "running",
      progress: { looked: 10, done: 10, after: appIds.at(-1) },
    });
  }
  for (const appId of appIds) expect(await messagesOf(harness, appId)).toHaveLength(1);
  // Once at most, whatever is repeated.
  expect(new Set(counted).size).toBe(counted.length);
  expect(counted.length).toBeGreaterThan(0);
});

test("an application that was made later, or used the event id before, is left out", async () => {
  const harness = await engineHarness();
  await harness.accept([{ eventId: "launch", payload: "{}" }]);
  await harness.runtime.advance(5_000);
  const [used, fresh] = await addApplications(harness, 1);
  const task = newTask(harness, { eventId: "launch" });
  await harness.runtime.advance(5_000);
  const late = harness.runtime.ids.next("app_");
  await harness.store.applications.insert({ ...harness.application, id: late, uid: null }, {});
  await harness.store.tasks.insert(task, { payload: PAYLOAD });
  const { environmentId, id } = task;
  await harness.until(
    async () => (await harness.store.tasks.find({ environmentId, id }))?.status !== "running",
  );
  const counts = [];
  for (const appId of [used, fresh, late])
    counts.push((await messagesOf(harness, appId ?? "")).map(({ payload }) => payload));
  expect(counts).toEqual([["{}"], [PAYLOAD], []]);
  const ended = await harness.store.tasks.find({ environmentId, id });
  expect(ended).toMatchObject({ status: "finished", progress: { looked: 2, done: 1 } });
  expect(START_MS).toBeLessThan(task.createdAt);
});
