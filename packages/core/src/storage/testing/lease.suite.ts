import { expect, test } from "vitest";
import type { DeliveryKey } from "../../domain/delivery.ts";
import type { Scene } from "./scene.ts";
import { type MakeStore, setupWithOwnStore, setupWithSharedStore } from "./setup.ts";

export function leaseSuite(makeStore: MakeStore): void {
  const setup = setupWithSharedStore(makeStore);
  const setupAlone = setupWithOwnStore(makeStore);

  test("a process gives back what it holds, page by page, due at once", async () => {
    const scene = await setupAlone();
    const mine = [];
    for (let count = 0; count < 5; count++) mine.push(await scene.accept({ leased: true }));
    await scene.join("node_other");
    const theirs = await scene.accept({ leased: true, leaseId: "node_other" });
    await scene.runtime.advance(100);
    expect(await releaseAll(scene, { heldBy: scene.leaseId, limit: 2 })).toBe(5);
    for (const message of mine) {
      expect(await scene.due(message)).toMatchObject({ state: "pending", nextAttemptAt: scene.now });
    }
    expect(await scene.due(theirs)).toMatchObject({ state: "sending" });
    expect(await scene.claimDue()).toHaveLength(5);
  });

  test("a new process takes over what others left, and keeps its own", async () => {
    const scene = await setupAlone();
    const waiting = await scene.acceptDueAt(scene.now + 1_000);
    const mine = await scene.accept({ leased: true });
    await scene.join("node_dead");
    const left = await scene.accept({ leased: true, leaseId: "node_dead" });
    await scene.leave("node_dead");
    expect(await releaseAll(scene, { notHeldBy: scene.leaseId, limit: 1 })).toBe(1);
    expect(await scene.due(mine)).toMatchObject({ state: "sending" });
    expect(await scene.due(left)).toMatchObject({ state: "pending", nextAttemptAt: scene.now });
    expect(await scene.due(waiting)).toMatchObject({ nextAttemptAt: scene.now + 1_000 });
  });

  test("a page never looks at more rows than its limit", async () => {
    const scene = await setupAlone();
    for (let count = 0; count < 3; count++) await scene.accept();
    await scene.accept({ leased: true });
    const request = { heldBy: scene.leaseId, now: scene.now, limit: 2 };
    const first = await scene.store.deliveries.releaseLeases({ ...request, after: null });
    expect(first.released).toBe(0);
    expect(first.cursor).not.toBeNull();
    expect(await scene.store.deliveries.releaseLeases({ ...request, after: first.cursor })).toMatchObject({
      released: 1,
    });
  });

  test("a released delivery cannot be settled by its former holder", async () => {
    const scene = await setupAlone();
    const message = await scene.accept({ leased: true });
    await scene.join("node_new");
    await scene.leave(scene.leaseId);
    await releaseAll(scene, { notHeldBy: "node_new", limit: 10 });
    const next = { kind: "retry", at: scene.now + 1, attempts: 1 } as const;
    expect(await scene.settle(scene.settled(scene.delivery(message), { next }))).toEqual([false]);
    expect(await scene.claimDue({ leaseId: "node_new" })).toHaveLength(1);
  });

  test("resending one that waits brings it forward, once more as it was", async () => {
    const scene = await setup();
    const message = await scene.acceptDueAt(scene.now + 60_000);
    expect(await scene.store.deliveries.resend({ ...scene.delivery(message), now: scene.now })).toBe(
      "hurried",
    );
    expect(await scene.claimDue()).toMatchObject([{ delivery: { trigger: "manual", once: false } }]);
  });

  test("resending one that is being sent leaves it alone", async () => {
    const scene = await setup();
    const message = await scene.accept({ leased: true });
    expect(await scene.store.deliveries.resend({ ...scene.delivery(message), now: scene.now })).toBe(
      "sending",
    );
    expect(await scene.due(message)).toMatchObject({ state: "sending", trigger: "scheduled" });
  });

  test("resending one that had ended owes one attempt more", async () => {
    const scene = await setup();
    const [message] = await scene.deliver();
    const delivery = scene.delivery(message);
    expect(await scene.store.deliveries.resend({ ...delivery, now: scene.now })).toBe("created");
    const expected = { ...delivery, trigger: "manual", once: true };
    expect(await scene.claimDue()).toMatchObject([{ delivery: expected, payload: message.payload }]);
    expect(await scene.settle(scene.settled({ ...delivery, trigger: "manual", once: true }))).toEqual([true]);
    expect(await scene.due(message)).toBeUndefined();
  });

  test("a resend remembers its answer", async () => {
    const scene = await setup();
    const message = await scene.accept();
    const idempotency = scene.answer("resend", "");
    await scene.store.deliveries.resend({ ...scene.delivery(message), now: scene.now, idempotency });
    const found = await scene.findAnswer(idempotency.scope);
    expect(found).toEqual(idempotency);
  });

  test("paused deliveries come back in steps when their endpoint is enabled", async () => {
    const scene = await setup();
    const disabled = { ...scene.endpoint, disabled: true };
    await scene.store.endpoints.update(disabled, {});
    for (let count = 0; count < 3; count++) {
      const message = await scene.accept({ leased: true });
      const next = { kind: "paused", attempts: 0 } as const;
      await scene.settle(scene.settled(scene.delivery(message), { attempt: null, next }));
    }
    expect(await scene.claimDue()).toEqual([]);
    await scene.store.endpoints.update(scene.endpoint, {});
    const lane = { appId: scene.app.id, endpointId: scene.endpoint.id, now: scene.now, limit: 2 };
    expect(await scene.store.deliveries.resumePaused(lane)).toBe(2);
    expect(await scene.store.deliveries.resumePaused(lane)).toBe(1);
    expect(await scene.store.deliveries.resumePaused(lane)).toBe(0);
    expect(await scene.claimDue()).toHaveLength(3);
  });

  test("resuming touches only its own endpoint and application", async () => {
    const scene = await setup();
    const other = await scene.addEndpoint({ disabled: true });
    const message = await scene.accept({ endpoints: [other], leased: true });
    const delivery = scene.delivery(message, { endpointId: other.id });
    const next = { kind: "paused", attempts: 0 } as const;
    await scene.settle(scene.settled(delivery, { attempt: null, next }));
    const resume = (appId: string, endpointId: string) =>
      scene.store.deliveries.resumePaused({ appId, endpointId, now: scene.now, limit: 10 });
    expect(await resume(scene.app.id, scene.endpoint.id)).toBe(0);
    expect(await resume("app_other", other.id)).toBe(0);
    // Still disabled.
    expect(await resume(scene.app.id, other.id)).toBe(0);
    await scene.store.endpoints.update({ ...other, disabled: false }, {});
    expect(await resume(scene.app.id, other.id)).toBe(1);
  });

  test("lanes with paused deliveries are found page by page", async () => {
    const scene = await setupAlone();
    const second = await scene.addEndpoint({ disabled: true });
    const third = await scene.addEndpoint({ disabled: true });
    for (const endpoint of [second, third, third]) {
      const message = await scene.accept({ endpoints: [endpoint], leased: true });
      const delivery = scene.delivery(message, { endpointId: endpoint.id });
      const next = { kind: "paused", attempts: 0 } as const;
      await scene.settle(scene.settled(delivery, { attempt: null, next }));
    }
    await scene.accept();
    const lane = (endpointId: string) => ({ appId: scene.app.id, endpointId });
    const { deliveries } = scene.store;
    expect(await deliveries.findPausedLanes({ after: null, limit: 1 })).toEqual([lane(second.id)]);
    expect(await deliveries.findPausedLanes({ after: lane(second.id), limit: 5 })).toEqual([lane(third.id)]);
    expect(await deliveries.findPausedLanes({ after: lane(third.id), limit: 5 })).toEqual([]);
  });

  test("what is owed is listed only under its own application", async () => {
    const scene = await setup();
    const message = await scene.accept();
    const stranger = await scene.addApplication();
    expect(await scene.store.deliveries.listDue({ appId: stranger.id, messageId: message.id })).toEqual([]);
  });

  test("the store counts what is owed", async () => {
    const scene = await setupAlone();
    await scene.accept();
    const message = await scene.accept({ leased: true });
    expect(await scene.store.stats()).toMatchObject({ dueDeliveries: 2 });
    await scene.settle(scene.settled(scene.delivery(message)));
    await scene.store.deliveries.resend({ ...scene.delivery(message), now: scene.now });
    expect(await scene.store.stats()).toMatchObject({ dueDeliveries: 2 });
    expect((await scene.store.stats()).databaseBytes).toBeGreaterThan(0);
    expect(await scene.store.health()).toEqual({ ok: true });
  });

  test("a closed store rejects every call", async () => {
    const scene = await setupAlone();
    await scene.store.close();
    await expect(scene.accept()).rejects.toThrow("closed");
    await expect(scene.store.environments.list()).rejects.toThrow("closed");
  });
}

async function releaseAll(
  scene: Scene,
  request: { heldBy: string; limit: number } | { notHeldBy: string; limit: number },
): Promise<number> {
  let released = 0;
  let after: DeliveryKey | null = null;
  do {
    const page: { released: number; cursor: DeliveryKey | null } = await scene.store.deliveries.releaseLeases(
      { ...request, now: scene.now, after },
    );
    released += page.released;
    after = page.cursor;
  } while (after !== null);
  return released;
}
