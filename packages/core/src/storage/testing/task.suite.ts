import { expect, test } from "vitest";
import { NO_PROGRESS, type Task } from "../../domain/task.ts";
import type { ClaimedTask, TaskStep } from "../port-task.ts";
import type { Scene } from "./scene.ts";
import { type MakeStore, setupWithOwnStore } from "./setup.ts";

export function taskSuite(makeStore: MakeStore): void {
  const setup = setupWithOwnStore(makeStore);

  test("a task is found, listed both ways and narrowed, in its environment only", async () => {
    const scene = await setup();
    const tasks = [await add(scene), await add(scene), await add(scene)];
    const { tasks: store } = scene.store;
    const environmentId = scene.environment.id;
    expect(await store.find({ environmentId, id: tasks[0]!.id })).toEqual(tasks[0]);
    expect(await store.find({ environmentId: "env_other", id: tasks[0]!.id })).toBeNull();
    const page = { limit: 2, after: null, order: "descending" } as const;
    expect(await store.list({ environmentId, page })).toEqual([tasks[2], tasks[1]]);
    const next = { limit: 2, after: tasks[1]!.id, order: "descending" } as const;
    expect(await store.list({ environmentId, page: next })).toEqual([tasks[0]]);
    const rising = { limit: 9, after: tasks[0]!.id, order: "ascending" } as const;
    expect(await store.list({ environmentId, page: rising, kind: "endpoint.replay" })).toEqual(
      tasks.slice(1),
    );
    expect(await store.list({ environmentId, page, kind: "application.stats" })).toEqual([]);
    expect(await store.list({ environmentId, page, statuses: ["failed", "canceled"] })).toEqual([]);
    expect(await store.list({ environmentId: "env_other", page })).toEqual([]);
  });

  test("one process at a time holds a task, in turn; a dead one's goes on where it was", async () => {
    const scene = await setup();
    const [first, second] = [await add(scene), await add(scene)];
    const { tasks } = scene.store;
    const held = await claim(scene, null);
    expect(held.task).toEqual(first);
    expect((await claim(scene, held)).task).toEqual(second);
    // Behind the last one it begins again.
    const again = await claim(scene, { ...held, task: second });
    expect(again).toEqual({ task: first, version: held.version + 1, payload: null });
    if (scene.store.cluster !== null) {
      await scene.join("node_other");
      expect(await tasks.claim({ leaseId: "node_other", after: null })).toBeNull();
      expect(await tasks.claim({ leaseId: "node_unknown", after: null })).toBeNull();
    }
    const progress = { ...NO_PROGRESS, after: "msg_5", looked: 5 };
    expect(await tasks.step(stepOf(again, { progress }))).toBe(true);
    await scene.join("node_next");
    await scene.leave(scene.leaseId);
    const taken = await tasks.claim({ leaseId: "node_next", after: null });
    expect(taken).toEqual({ task: { ...first, progress }, version: again.version + 1, payload: null });
    // The one that was thought dead writes nothing any more.
    const message = await scene.accept({ endpoints: [await scene.addEndpoint()] });
    expect(await tasks.step(stepOf(again, { owe: owed(scene, message.id) }))).toBe(false);
    expect(await scene.due(message)).toBeUndefined();
    expect(await tasks.step(stepOf(taken!, { progress }))).toBe(true);
  });

  test("a step and what it owes are one; nothing is owed twice, what is owed stays as it is", async () => {
    const scene = await setup();
    await add(scene);
    const [delivered] = await scene.deliver();
    const [also] = await scene.deliver();
    const later = await scene.acceptDueAt(scene.now + 60_000);
    const [expunged] = await scene.deliver();
    await scene.store.contents.expungeMessages({ appId: scene.app.id, ids: [expunged.id] });
    const held = await claim(scene, null);
    const ids = [delivered.id, also.id, later.id, expunged.id, "msg_of_nobody"];
    for (let times = 0; times < 2; times++) {
      expect(await scene.store.tasks.step(stepOf(held, { owe: owed(scene, ...ids) }))).toBe(true);
    }
    expect(await scene.due(later)).toMatchObject({ nextAttemptAt: scene.now + 60_000, trigger: "scheduled" });
    const claimed = await scene.claimDue();
    expect(claimed.map(({ delivery }) => delivery)).toEqual(
      [delivered, also].map((message) => scene.delivery(message, { trigger: "manual" })),
    );
    expect(claimed[0]?.payload).toBe(delivered.payload);
    expect((await scene.store.stats()).dueDeliveries).toBe(3);
  });

  test("a FIFO endpoint gets what is owed again in order, in front of what is new", async () => {
    const scene = await setup();
    await add(scene);
    const fifo = await scene.addEndpoint({ fifo: true });
    const endpoints = [fifo] as const;
    // Delivered to the other endpoint, owed to this one by the task.
    const [first] = await scene.deliver();
    const [second] = await scene.deliver();
    const fresh = await scene.accept({ endpoints });
    const held = await claim(scene, null);
    const owe = { appId: scene.app.id, endpointId: fifo.id, messageIds: [second.id, first.id, fresh.id] };
    expect(await scene.store.tasks.step(stepOf(held, { owe }))).toBe(true);
    const claimed = await scene.claimDue({ endpoints: [fifo], fifo: true });
    expect(claimed.map(({ delivery }) => delivery.messageId)).toEqual([first.id, second.id, fresh.id]);
    expect(claimed.map(({ delivery }) => delivery.trigger)).toEqual(["manual", "manual", "scheduled"]);
  });

  test("what has ended is not claimed and takes no step; a canceled one stops at once", async () => {
    const scene = await setup();
    const task = await add(scene);
    const { tasks } = scene.store;
    const held = await claim(scene, null);
    const key = { environmentId: scene.environment.id, id: task.id };
    expect(await tasks.cancel({ ...key, environmentId: "env_other", now: scene.now })).toBe(false);
    expect(await tasks.cancel({ ...key, now: scene.now + 1 })).toBe(true);
    expect(await tasks.cancel({ ...key, now: scene.now + 2 })).toBe(false);
    expect(await tasks.step(stepOf(held))).toBe(false);
    expect(await tasks.claim({ leaseId: scene.leaseId, after: null })).toBeNull();
    expect(await tasks.find(key)).toEqual({ ...task, status: "canceled", updatedAt: scene.now + 1 });
    const other = await add(scene);
    expect(await tasks.step(stepOf(await claim(scene, null), { status: "finished" }))).toBe(true);
    expect(await tasks.claim({ leaseId: scene.leaseId, after: null })).toBeNull();
    expect(await tasks.cancel({ ...key, id: other.id, now: scene.now })).toBe(false);
  });

  test("what a task sends is read by whoever works on it, and goes when it ends", async () => {
    const scene = await setup();
    const { tasks } = scene.store;
    const payload = '{ "n": 12345678901234567890 }';
    const [one, other, last] = [newTask(scene), newTask(scene), newTask(scene)];
    for (const task of [one, other, last]) await tasks.insert(task, { payload });
    const held = await claim(scene, null);
    expect(held).toMatchObject({ task: one, payload });
    expect(await tasks.step(stepOf(held))).toBe(true);
    const again = await claim(scene, { task: last });
    expect(again).toMatchObject({ task: one, payload });
    expect(await tasks.step(stepOf(again, { status: "finished" }))).toBe(true);
    expect(await tasks.cancel({ environmentId: scene.environment.id, id: other.id, now: scene.now })).toBe(
      true,
    );
    expect(await claim(scene, null)).toMatchObject({ task: last, payload });
    expect(await claim(scene, { task: await add(scene) })).toMatchObject({ task: last, payload });
  });

  test("a new task remembers its answer", async () => {
    const scene = await setup();
    const idempotency = scene.answer("task");
    await scene.store.tasks.insert(newTask(scene), { idempotency });
    expect(await scene.findAnswer(idempotency.scope)).toEqual(idempotency);
  });
}

function newTask(scene: Scene): Task {
  return {
    id: scene.id("qtask_"),
    environmentId: scene.environment.id,
    status: "running",
    work: {
      kind: "endpoint.replay",
      appId: scene.app.id,
      endpointId: scene.endpoint.id,
      since: 0,
      until: scene.now,
      filter: { eventTypes: ["order.completed"] },
    },
    progress: NO_PROGRESS,
    createdAt: scene.now,
    updatedAt: scene.now,
  };
}

async function add(scene: Scene): Promise<Task> {
  const task = newTask(scene);
  await scene.store.tasks.insert(task, {});
  return task;
}

async function claim(scene: Scene, after: Pick<ClaimedTask, "task"> | null): Promise<ClaimedTask> {
  const claimed = await scene.store.tasks.claim({ leaseId: scene.leaseId, after: after?.task ?? null });
  if (claimed === null) throw new Error("there is no task");
  return claimed;
}

const owed = (scene: Scene, ...messageIds: string[]) => ({
  appId: scene.app.id,
  endpointId: scene.endpoint.id,
  messageIds,
});

function stepOf({ task, version }: ClaimedTask, over: Partial<TaskStep> = {}): TaskStep {
  const { environmentId, id, progress, updatedAt } = task;
  return { environmentId, id, version, status: "running", progress, now: updatedAt, owe: null, ...over };
}
