import { expect, test } from "vitest";
import { DAY_MS, HOUR_MS, SECOND_MS } from "../../domain/time.ts";
import { FIRST_PAGE, type Scene } from "./scene.ts";
import { type MakeStore, setupWithOwnStore } from "./setup.ts";

const prune = (scene: Scene, limit = 100) =>
  scene.store.history.prune({
    environmentId: scene.environment.id,
    before: scene.now - DAY_MS,
    now: scene.now,
    limit,
  });

const messageIds = async (scene: Scene) =>
  (await scene.store.history.listMessages({ appId: scene.app.id, page: FIRST_PAGE, withPayload: true })).map(
    ({ id }) => id,
  );

const attemptIds = async (scene: Scene) =>
  (
    await scene.store.history.listAttempts({
      appId: scene.app.id,
      endpointId: scene.endpoint.id,
      page: FIRST_PAGE,
      withBody: false,
      withMessage: false,
    })
  ).map(({ attempt }) => attempt.id);

export function pruneSuite(makeStore: MakeStore): void {
  const setup = setupWithOwnStore(makeStore);

  test("old messages go with their attempts, younger ones stay", async () => {
    const scene = await setup();
    const [old] = await scene.deliver({ eventId: "evt" });
    await scene.runtime.advance(DAY_MS + SECOND_MS);
    const [young, attempt] = await scene.deliver();
    expect(await prune(scene)).toBe(1);
    expect(await prune(scene)).toBe(0);
    expect(await messageIds(scene)).toEqual([young.id]);
    expect(await attemptIds(scene)).toEqual([attempt.id]);
    const { history } = scene.store;
    expect(await history.findMessage({ appId: scene.app.id, ref: old.id })).toBeNull();
    const query = { appId: scene.app.id, messageId: old.id, page: FIRST_PAGE };
    expect(await history.listAttempts({ ...query, withBody: false, withMessage: false })).toEqual([]);
    // Its event id may be used again.
    await scene.accept({ eventId: "evt" });
  });

  test("a batch is as large as asked, and the next one goes on", async () => {
    const scene = await setup();
    const second = await scene.addApplication();
    for (let count = 0; count < 5; count++) {
      await scene.deliver();
      await scene.accept({ appId: second.id, endpoints: [scene.endpoint], leased: true });
    }
    await releaseAndEnd(scene, second.id);
    await scene.runtime.advance(2 * DAY_MS);
    const gone = [];
    for (let count = await prune(scene, 4); count > 0; count = await prune(scene, 4)) gone.push(count);
    expect(Math.max(...gone)).toBeLessThanOrEqual(4);
    expect(gone.reduce((sum, count) => sum + count, 0)).toBe(10);
    expect(await messageIds(scene)).toEqual([]);
  });

  test("retention keeps what is still owed, until it has ended", async () => {
    const scene = await setup();
    const other = await scene.addEndpoint();
    const waiting = await scene.accept();
    const [sending] = await scene.deliver();
    await scene.accept({ endpoints: [other], leased: true });
    const gone = await scene.deliver();
    await scene.runtime.advance(2 * DAY_MS);
    await scene.store.deliveries.resend({ ...scene.delivery(sending), now: scene.now });
    expect(await prune(scene)).toBe(1);
    expect(await messageIds(scene)).not.toContain(gone[0].id);
    expect(await messageIds(scene)).toHaveLength(3);
    const claimed = await scene.claimDue();
    expect(claimed).toHaveLength(2);
    await scene.settle(...claimed.map(({ delivery }) => scene.settled(delivery)));
    expect(await prune(scene)).toBe(2);
    expect(await messageIds(scene)).not.toContain(waiting.id);
  });

  test("what a disabled endpoint was owed ends with its message", async () => {
    const scene = await setup();
    const other = await scene.addEndpoint();
    await scene.store.endpoints.update({ ...scene.endpoint, disabled: true }, {});
    const pause = async (endpoints: Parameters<Scene["accept"]>[0]) => {
      const message = await scene.accept({ ...endpoints, leased: true });
      const next = { kind: "paused", attempts: 0 } as const;
      await scene.settle(scene.settled(scene.delivery(message), { attempt: null, next }));
      return message;
    };
    const onlyPaused = await pause({});
    const alsoOwed = await pause({ endpoints: [scene.endpoint, other] });
    await scene.runtime.advance(2 * DAY_MS);
    expect(await prune(scene)).toBe(1);
    expect(await messageIds(scene)).toEqual([alsoOwed.id]);
    expect(await scene.due(onlyPaused)).toBeUndefined();
    expect(await scene.due(alsoOwed)).toMatchObject({ state: "paused" });
    expect(await scene.store.stats()).toMatchObject({ dueDeliveries: 2 });
  });

  test("paused deliveries of an endpoint that is enabled again are kept", async () => {
    const scene = await setup();
    await scene.store.endpoints.update({ ...scene.endpoint, disabled: true }, {});
    const message = await scene.accept({ leased: true });
    const next = { kind: "paused", attempts: 0 } as const;
    await scene.settle(scene.settled(scene.delivery(message), { attempt: null, next }));
    await scene.store.endpoints.update(scene.endpoint, {});
    await scene.runtime.advance(2 * DAY_MS);
    expect(await prune(scene)).toBe(0);
    expect(await messageIds(scene)).toEqual([message.id]);
  });

  test("a payload past its own expiry is cleared, the message stays", async () => {
    const scene = await setup();
    const message = await scene.accept({ payloadExpiresAt: scene.now + HOUR_MS });
    await scene.accept({ payloadExpiresAt: scene.now + 2 * HOUR_MS });
    expect(await prune(scene)).toBe(0);
    await scene.runtime.advance(HOUR_MS);
    expect(await prune(scene)).toBe(1);
    expect(await prune(scene)).toBe(0);
    const found = await scene.store.history.findMessage({ appId: scene.app.id, ref: message.id });
    expect(found).toEqual({ ...message, payload: null });
    expect(await messageIds(scene)).toHaveLength(2);
  });

  test("only the environment that was named is pruned", async () => {
    const scene = await setup();
    const [message] = await scene.deliver();
    await scene.runtime.advance(2 * DAY_MS);
    const request = { before: scene.now, now: scene.now, limit: 10 };
    expect(await scene.store.history.prune({ environmentId: "env_other", ...request })).toBe(0);
    expect(await messageIds(scene)).toEqual([message.id]);
  });

  test("a deleted application's history is pruned, and then the application itself", async () => {
    const scene = await setup();
    await scene.deliver();
    await scene.store.applications.delete({ environmentId: scene.environment.id, id: scene.app.id });
    await scene.store.history.cancelOrphans({ now: scene.now, attemptIds: ["atmpt_1"] });
    expect(await prune(scene)).toBe(0);
    await scene.runtime.advance(2 * DAY_MS);
    await scene.store.history.cancelOrphans({ now: scene.now, attemptIds: ["atmpt_2"] });
    // The message and the endpoint, then the application.
    let gone = 0;
    for (let count = await prune(scene); count > 0; count = await prune(scene)) gone += count;
    expect(gone).toBe(3);
    expect(await messageIds(scene)).toEqual([]);
  });

  test("idempotency keys are forgotten after a day without a trace in the count", async () => {
    const scene = await setup();
    await scene.store.applications.insert(scene.newApplication(), { idempotency: scene.answer("k") });
    await scene.runtime.advance(2 * DAY_MS);
    expect(await prune(scene)).toBe(0);
    const { scope } = scene.claim("k");
    expect(await scene.findAnswer(scope, scene.now - 2 * DAY_MS)).toBeNull();
  });
}

/** Ends what was leased for messages of another application. */
async function releaseAndEnd(scene: Scene, appId: string): Promise<void> {
  const page = { limit: 100, after: null, order: "ascending" } as const;
  const messages = await scene.store.history.listMessages({ appId, page, withPayload: false });
  await scene.settle(...messages.map((message) => scene.settled(scene.delivery(message))));
}
