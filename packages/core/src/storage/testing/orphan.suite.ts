import { expect, test } from "vitest";
import { ID_PREFIX } from "../../domain/ids.ts";
import { FIRST_PAGE, type Scene } from "./scene.ts";
import { type MakeStore, setupWithOwnStore } from "./setup.ts";

const cancel = (scene: Scene, ids: number) =>
  scene.store.history.cancelOrphans({
    now: scene.now,
    attemptIds: Array.from({ length: ids }, () => scene.id(ID_PREFIX.attempt)),
  });

const attemptsOf = async (scene: Scene, messageId: string) =>
  (
    await scene.store.history.listAttempts({
      appId: scene.app.id,
      messageId,
      page: FIRST_PAGE,
      withBody: true,
      withMessage: false,
    })
  ).map(({ attempt }) => attempt);

export function orphanSuite(makeStore: MakeStore): void {
  const setup = setupWithOwnStore(makeStore);

  test("what a deleted endpoint was owed ends as canceled, page by page", async () => {
    const scene = await setup();
    const other = await scene.addEndpoint();
    const messages = [];
    for (let count = 0; count < 3; count++) {
      messages.push(await scene.accept({ endpoints: [scene.endpoint, other] }));
    }
    await scene.store.endpoints.delete({ appId: scene.app.id, id: scene.endpoint.id });
    expect(await scene.due(messages[0]!)).toBeUndefined();
    expect(await cancel(scene, 2)).toBe(2);
    expect(await cancel(scene, 2)).toBe(1);
    expect(await cancel(scene, 2)).toBe(0);
    for (const message of messages) {
      const [attempt, ...more] = await attemptsOf(scene, message.id);
      expect(more).toEqual([]);
      expect(attempt).toMatchObject({
        appId: scene.app.id,
        endpointId: scene.endpoint.id,
        messageId: message.id,
        url: scene.endpoint.url,
        timestamp: scene.now,
        status: "canceled",
        statusCode: 0,
        deliveryState: "canceled",
        nextAttemptAt: null,
      });
      expect(await scene.due(message, other.id)).toMatchObject({ state: "pending" });
    }
    expect(await scene.store.stats()).toMatchObject({ dueDeliveries: 3 });
  });

  test("paused deliveries end as well", async () => {
    const scene = await setup();
    await scene.store.endpoints.update({ ...scene.endpoint, disabled: true }, {});
    const message = await scene.accept({ leased: true });
    const next = { kind: "paused", attempts: 0 } as const;
    await scene.settle(scene.settled(scene.delivery(message), { attempt: null, next }));
    await scene.store.endpoints.delete({ appId: scene.app.id, id: scene.endpoint.id });
    expect(await cancel(scene, 10)).toBe(1);
  });

  test("what is being sent is left to its holder, and ends when it comes back", async () => {
    const scene = await setup();
    const message = await scene.accept({ leased: true });
    await scene.store.endpoints.delete({ appId: scene.app.id, id: scene.endpoint.id });
    expect(await cancel(scene, 10)).toBe(0);
    const next = { kind: "retry", at: scene.now + 1, attempts: 1 } as const;
    expect(await scene.settle(scene.settled(scene.delivery(message), { next }))).toEqual([true]);
    expect(await cancel(scene, 10)).toBe(1);
    const statuses = (await attemptsOf(scene, message.id)).map(({ status }) => status);
    expect(statuses).toEqual(["success", "canceled"]);
  });

  test("a message accepted while its endpoint was being deleted ends too", async () => {
    const scene = await setup();
    await scene.store.endpoints.delete({ appId: scene.app.id, id: scene.endpoint.id });
    expect(await cancel(scene, 10)).toBe(0);
    await scene.runtime.advance(1_000);
    await scene.accept();
    expect(await cancel(scene, 10)).toBe(1);
  });

  test("deleting an application ends what all its endpoints were owed", async () => {
    const scene = await setup();
    const other = await scene.addEndpoint();
    await scene.accept({ endpoints: [scene.endpoint, other] });
    await scene.store.applications.delete({ environmentId: scene.environment.id, id: scene.app.id });
    expect(await cancel(scene, 10)).toBe(2);
    expect(await scene.store.stats()).toMatchObject({ dueDeliveries: 0 });
  });

  test("endpoints that live lose nothing", async () => {
    const scene = await setup();
    await scene.accept();
    await scene.store.endpoints.update({ ...scene.endpoint, disabled: true }, {});
    expect(await cancel(scene, 10)).toBe(0);
  });
}
