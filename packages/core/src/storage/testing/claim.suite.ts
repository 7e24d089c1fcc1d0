import { expect, test } from "vitest";
import { SECOND_MS } from "../../domain/time.ts";
import type { LaneKey } from "../port.ts";
import type { Scene } from "./scene.ts";
import { type MakeStore, setupWithOwnStore, setupWithSharedStore } from "./setup.ts";

export function claimSuite(makeStore: MakeStore): void {
  const setup = setupWithSharedStore(makeStore);
  const setupAlone = setupWithOwnStore(makeStore);

  test("a claim returns due deliveries with their messages, oldest due first, and leases them", async () => {
    const scene = await setup();
    const late = await scene.acceptDueAt(scene.now - 1, { payload: '"late"' });
    const early = await scene.acceptDueAt(scene.now - 2, { payload: '"early"', eventType: "a.b" });
    expect(await scene.claimDue()).toEqual([
      { delivery: scene.delivery(early), eventType: "a.b", payload: '"early"' },
      { delivery: scene.delivery(late), eventType: "order.completed", payload: '"late"' },
    ]);
    expect(await scene.due(late)).toMatchObject({ state: "sending" });
    expect(await scene.claimDue()).toEqual([]);
  });

  test("what is not due yet is not claimed", async () => {
    const scene = await setup();
    await scene.acceptDueAt(scene.now + 1);
    expect(await scene.claimDue()).toEqual([]);
    await scene.runtime.advance(1);
    expect(await scene.claimDue()).toHaveLength(1);
  });

  test("a scheduled message says when it is due, and is claimed then; a message of now is not held up", async () => {
    const scene = await setup();
    const deliverAt = scene.now + 60 * SECOND_MS;
    const scheduled = await scene.accept({ deliverAt });
    const atOnce = await scene.accept();
    const found = await scene.store.history.findMessage({ appId: scene.app.id, ref: scheduled.id });
    expect(found).toEqual(scheduled);
    expect(await scene.due(scheduled)).toMatchObject({
      state: "pending",
      nextAttemptAt: deliverAt,
      attempts: 0,
    });
    expect((await scene.claimDue()).map(({ delivery }) => delivery.messageId)).toEqual([atOnce.id]);
    await scene.runtime.advance(60 * SECOND_MS);
    expect((await scene.claimDue()).map(({ delivery }) => delivery.messageId)).toEqual([scheduled.id]);
  });

  test("on a FIFO endpoint a scheduled message keeps its place", async () => {
    const scene = await setup();
    const fifo = await scene.addEndpoint({ fifo: true });
    const endpoints = [fifo];
    const scheduled = await scene.accept({ endpoints: [fifo], deliverAt: scene.now + 60 * SECOND_MS });
    const behind = await scene.accept({ endpoints: [fifo] });
    expect(await scene.claimDue({ endpoints, fifo: true })).toEqual([]);
    await scene.runtime.advance(60 * SECOND_MS);
    const claimed = await scene.claimDue({ endpoints, fifo: true });
    expect(claimed.map(({ delivery }) => delivery.messageId)).toEqual([scheduled.id, behind.id]);
  });

  test("an accepted message is due at once, in the order of acceptance, also when the clock is set back", async () => {
    const scene = await setup();
    const first = await scene.accept();
    scene.runtime.stepWallClock(-60 * SECOND_MS);
    const second = await scene.accept();
    const claimed = await scene.claimDue();
    expect(claimed.map(({ delivery }) => delivery.messageId)).toEqual([first.id, second.id]);
    scene.runtime.stepWallClock(60 * SECOND_MS);
  });

  test("a claim takes only from the lanes that it names", async () => {
    const scene = await setup();
    const other = await scene.addEndpoint();
    await scene.accept({ endpoints: [scene.endpoint, other] });
    const claimed = await scene.claimDue({ endpoints: [other] });
    expect(claimed.map(({ delivery }) => delivery.endpointId)).toEqual([other.id]);
  });

  test("a lane named under another application gets nothing", async () => {
    const scene = await setup();
    const stranger = await scene.addApplication();
    await scene.accept();
    expect(await scene.claimDue({ endpoints: [{ ...scene.endpoint, appId: stranger.id }] })).toEqual([]);
  });

  test("limits hold: by lane, in all, and by bytes, with at least one delivery", async () => {
    const scene = await setup();
    const other = await scene.addEndpoint();
    for (let count = 0; count < 4; count++) {
      await scene.accept({ endpoints: [scene.endpoint, other], payload: `"${"x".repeat(98)}"` });
    }
    const claim = (limit: number, bytesMax: number) =>
      scene.store.deliveries.claimDue({
        leaseId: scene.leaseId,
        now: scene.now,
        lanes: [scene.endpoint, other].map(({ appId, id }) => ({
          appId,
          endpointId: id,
          limit: 2,
          fifo: false,
        })),
        limit,
        bytesMax,
      });
    expect(await claim(3, 10_000)).toHaveLength(3);
    expect(await claim(100, 10)).toHaveLength(1);
    expect(await claim(100, 250)).toHaveLength(2);
    expect(await claim(100, 10_000)).toHaveLength(2);
  });

  test("an expired payload is handed out as null", async () => {
    const scene = await setup();
    await scene.accept({ payload: null });
    expect(await scene.claimDue()).toMatchObject([{ payload: null }]);
  });

  test("a FIFO lane gives its oldest messages, in the order of their ids", async () => {
    const scene = await setup();
    // Due in another order than accepted.
    const first = await scene.acceptDueAt(scene.now);
    const second = await scene.acceptDueAt(scene.now - 1_000);
    const third = await scene.acceptDueAt(scene.now - 500);
    const claimed = await scene.claimDue({ fifo: true, limit: 2 });
    expect(claimed.map(({ delivery }) => delivery.messageId)).toEqual([first.id, second.id]);
    expect(await scene.claimDue({ fifo: true })).toEqual([]);
    await scene.settle(...claimed.map(({ delivery }) => scene.settled(delivery)));
    const rest = await scene.claimDue({ fifo: true });
    expect(rest.map(({ delivery }) => delivery.messageId)).toEqual([third.id]);
  });

  test("a FIFO lane waits for its oldest: not due, paused or being sent", async () => {
    const scene = await setup();
    const first = await scene.accept({ leased: true });
    await scene.accept();
    expect(await scene.claimDue({ fifo: true })).toEqual([]);
    const at = scene.now + SECOND_MS;
    await scene.settle(scene.settled(scene.delivery(first), { next: { kind: "retry", at, attempts: 1 } }));
    expect(await scene.claimDue({ fifo: true })).toEqual([]);
    await scene.runtime.advance(SECOND_MS);
    expect(await scene.claimDue({ fifo: true })).toHaveLength(2);
  });

  test("a FIFO lane stops at the first that is not due", async () => {
    const scene = await setup();
    await scene.accept();
    await scene.acceptDueAt(scene.now + SECOND_MS);
    await scene.accept();
    expect(await scene.claimDue({ fifo: true })).toHaveLength(1);
  });

  test("a FIFO lane with anything in flight gives nothing, also to the one that holds it", async () => {
    const scene = await setup();
    const old = await scene.accept();
    const [claimed] = await scene.claimDue();
    await scene.settle(scene.settled(claimed!.delivery));
    await scene.accept({ leased: true });
    // Sent again by a person: now the oldest, while a younger one is being sent.
    await scene.store.deliveries.resend({ ...scene.delivery(old), now: scene.now });
    expect(await scene.claimDue({ fifo: true })).toEqual([]);
  });

  test("due lanes are found page by page, with the moment of their oldest", async () => {
    const scene = await setupAlone();
    const other = await scene.addEndpoint();
    const idle = await scene.addEndpoint();
    await scene.acceptDueAt(scene.now + 10);
    await scene.acceptDueAt(scene.now - 10);
    await scene.acceptDueAt(scene.now + SECOND_MS, { endpoints: [other] });
    await scene.accept({ endpoints: [idle], leased: true });
    expect(await allDueLanes(scene, 1)).toEqual([
      { appId: scene.app.id, endpointId: scene.endpoint.id, nextAttemptAt: scene.now - 10 },
      { appId: scene.app.id, endpointId: other.id, nextAttemptAt: scene.now + SECOND_MS },
    ]);
    await scene.claimDue();
    await scene.claimDue();
    expect((await allDueLanes(scene, 10)).map(({ nextAttemptAt }) => nextAttemptAt)).toEqual([
      scene.now + 10,
      scene.now + SECOND_MS,
    ]);
  });
}

async function allDueLanes(scene: Scene, limit: number) {
  const lanes = [];
  let after: LaneKey | null = null;
  for (;;) {
    const page = await scene.store.deliveries.findDueLanes({ after, limit });
    lanes.push(...page);
    if (page.length < limit) return lanes;
    after = page.at(-1)!;
  }
}
