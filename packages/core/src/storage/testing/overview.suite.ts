import { expect, test } from "vitest";
import { operationalAppId, operationalApplication } from "../../domain/operational.ts";
import type { AttemptCountQuery, TypeCountStep } from "../port-overview.ts";
import type { Scene } from "./scene.ts";
import { type MakeStore, setupWithSharedStore } from "./setup.ts";

export function overviewSuite(makeStore: MakeStore): void {
  const setup = setupWithSharedStore(makeStore);

  test("what is owed wins over the attempts, and the last attempt over those before", async () => {
    const scene = await setup();
    const [succeeded] = await scene.deliver({}, failure);
    await scene.store.deliveries.resend({ ...scene.delivery(succeeded), now: 0 });
    await scene.claimDue();
    const again = scene.delivery(succeeded, { trigger: "manual", once: true });
    await scene.settle(scene.settled(again));
    const [failed] = await scene.deliver({}, failure);
    const sending = await scene.accept({ leased: true });
    const later = await scene.acceptDueAt(scene.now + 5_000);
    const fifo = await scene.addEndpoint({ fifo: true });
    const elsewhere = await scene.accept({ endpoints: [fifo] });
    const messageIds = [succeeded, failed, sending, later, elsewhere].map(({ id }) => id);
    const found = await scene.store.overview.listStandings({ ...lane(scene), messageIds });
    expect(new Map(found.map(({ messageId, ...standing }) => [messageId, standing]))).toEqual(
      new Map([
        [succeeded.id, { state: "success", nextAttemptAt: null, statusCode: 200 }],
        [failed.id, { state: "fail", nextAttemptAt: null, statusCode: 500 }],
        [sending.id, { state: "sending", nextAttemptAt: null, statusCode: null }],
        [later.id, { state: "pending", nextAttemptAt: scene.now + 5_000, statusCode: null }],
      ]),
    );
    expect(
      await scene.store.overview.listStandings({ appId: scene.app.id, endpointId: fifo.id, messageIds }),
    ).toMatchObject([{ messageId: elsewhere.id, state: "pending" }]);
    expect(await scene.store.overview.listStandings({ ...lane(scene), messageIds: [] })).toEqual([]);
  });

  test("what is owed is counted by kind, up to a bound", async () => {
    const scene = await setup();
    await scene.accept({ leased: true });
    for (let count = 0; count < 3; count++) await scene.accept();
    for (let count = 0; count < 2; count++) await scene.acceptDueAt(scene.now + 1_000);
    const ask = (limit: number) => scene.store.overview.countOwed({ ...lane(scene), now: scene.now, limit });
    expect(await ask(100)).toEqual({ due: 3, later: 2, paused: 0, held: 1 });
    expect(await ask(2)).toMatchObject({ due: 2, later: 2 });
  });

  test("attempts are counted by event type and by how they ended, step by step", async () => {
    const scene = await setup();
    const other = await scene.addEndpoint();
    const from = scene.now;
    for (let at = 0; at < 3; at++) await scene.deliver();
    await scene.deliver({ eventType: "order.refunded" }, failure);
    await scene.deliver({ eventType: "order.refunded" });
    await scene.deliver({ endpoints: [other] });
    await scene.runtime.advance(10_000);
    await scene.deliver({ eventType: "too.late" });
    const counts = new Map<string, number>();
    const looked: number[] = [];
    for (let cursor: string | null = null; ;) {
      const query = { ...lane(scene), after: from, before: scene.now - 5_000, cursor, limit: 2 };
      const step: TypeCountStep = await scene.store.overview.countAttemptsByType(query);
      for (const { eventType, status, count } of step.counts) {
        counts.set(`${eventType} ${status}`, (counts.get(`${eventType} ${status}`) ?? 0) + count);
      }
      looked.push(step.looked);
      ({ cursor } = step);
      if (cursor === null) break;
    }
    expect(Object.fromEntries(counts)).toEqual({
      "order.completed success": 3,
      "order.refunded fail": 1,
      "order.refunded success": 1,
    });
    expect(looked).toEqual([2, 2, 1]);
  });

  test("applications that have an endpoint, or an enabled one, are counted, each once", async () => {
    const scene = await setup();
    await setup();
    const environmentId = scene.environment.id;
    const count = () => scene.store.overview.countApplications({ environmentId });
    await scene.addEndpoint();
    await scene.addEndpoint({ disabled: true });
    await scene.addApplication();
    const off = await scene.addApplication();
    await scene.addEndpoint({ appId: off.id, disabled: true });
    expect(await count()).toEqual({ withEndpoint: 2, withEnabledEndpoint: 1 });
    const gone = await scene.addApplication();
    const { id } = await scene.addEndpoint({ appId: gone.id });
    expect(await count()).toEqual({ withEndpoint: 3, withEnabledEndpoint: 2 });
    await scene.store.endpoints.delete({ appId: gone.id, id });
    await scene.store.applications.delete({ environmentId, id: off.id });
    expect(await count()).toEqual({ withEndpoint: 1, withEnabledEndpoint: 1 });
    await scene.store.applications.ensureOperational(operationalApplication(environmentId, scene.now));
    await scene.addEndpoint({ appId: operationalAppId(environmentId) });
    expect(await count()).toEqual({ withEndpoint: 1, withEnabledEndpoint: 1 });
  });

  test("endpoints of an environment are counted, deleted ones and others' not", async () => {
    const scene = await setup();
    await setup();
    await scene.addEndpoint({ disabled: true });
    const gone = await scene.addEndpoint();
    await scene.store.endpoints.delete({ appId: scene.app.id, id: gone.id });
    const other = await scene.addApplication();
    await scene.addEndpoint({ appId: other.id });
    const environmentId = scene.environment.id;
    expect(await scene.store.overview.countEndpoints({ environmentId })).toEqual({ active: 2, disabled: 1 });
    await scene.store.applications.delete({ environmentId, id: other.id });
    expect(await scene.store.overview.countEndpoints({ environmentId })).toEqual({ active: 1, disabled: 1 });
  });

  test("attempts are counted in steps, by span and end, and by what their messages carry", async () => {
    const scene = await setup();
    const begin = Math.ceil(scene.now / 1_000) * 1_000;
    await scene.deliver({ tags: ["vip"] }, { timestamp: begin });
    await scene.deliver({}, { ...failure, timestamp: begin + 1 });
    await scene.deliver({}, { ...failure, deliveryState: "pending", timestamp: begin + 2 });
    await scene.deliver({ channels: ["eu"] }, { timestamp: begin + 1_000 });
    expect(await countAll(scene, { spanMs: 1_000 }, 3)).toEqual([
      `${begin} fail failed 1`,
      `${begin} fail pending 1`,
      `${begin} success succeeded 1`,
      `${begin + 1_000} success succeeded 1`,
    ]);
    expect(await countAll(scene, {}, 2)).toEqual([
      "0 fail failed 1",
      "0 fail pending 1",
      "0 success succeeded 2",
    ]);
    const succeeded = ["0 success succeeded 1"];
    expect(await countAll(scene, { tag: "vip" })).toEqual(succeeded);
    expect(await countAll(scene, { channel: "eu", status: "success" })).toEqual(succeeded);
    expect(await countAll(scene, { eventTypes: ["nothing"] })).toEqual([]);
    expect(await countAll(scene, { statusCodeClass: 500, status: "fail" })).toHaveLength(2);
    expect(await countAll(scene, { before: scene.now - 60_000 })).toEqual([]);
  });
}

const failure = { status: "fail", statusCode: 500, deliveryState: "failed" } as const;

const lane = (scene: Scene) => ({ appId: scene.app.id, endpointId: scene.endpoint.id });

/** Sorted, the steps put together. */
async function countAll(scene: Scene, filter: Partial<AttemptCountQuery>, limit = 100): Promise<string[]> {
  const sums = new Map<string, number>();
  let cursor: string | null = null;
  do {
    const query = { ...lane(scene), limit, spanMs: null, cursor, ...filter };
    const step = await scene.store.overview.countAttempts(query);
    for (const { at, status, deliveryState, count } of step.counts) {
      const key = `${at} ${status} ${deliveryState}`;
      sums.set(key, (sums.get(key) ?? 0) + count);
    }
    ({ cursor } = step);
  } while (cursor !== null);
  return [...sums].map(([key, count]) => `${key} ${count}`).toSorted();
}
