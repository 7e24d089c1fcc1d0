import { expect, test } from "vitest";
import { ID_PREFIX } from "../../domain/ids.ts";
import { CANCELED, type CancelOwed } from "../port-cancellation.ts";
import { FIRST_PAGE, type Scene } from "./scene.ts";
import { type MakeStore, setupWithSharedStore } from "./setup.ts";

const cancel = (scene: Scene, over: Partial<CancelOwed> = {}): Promise<number> =>
  scene.store.cancellations.cancelOwed({
    appId: scene.app.id,
    endpointId: scene.endpoint.id,
    url: scene.endpoint.url,
    from: "",
    through: "msg_~",
    now: scene.now,
    attemptIds: Array.from({ length: 10 }, () => scene.id(ID_PREFIX.attempt)),
    ...over,
  });

const attemptsOf = async ({ store, app }: Scene, messageId: string) =>
  (
    await store.history.listAttempts({
      appId: app.id,
      messageId,
      page: FIRST_PAGE,
      withBody: true,
      withMessage: false,
    })
  ).map(({ attempt }) => attempt);

export function cancellationSuite(makeStore: MakeStore): void {
  const setup = setupWithSharedStore(makeStore);

  test("what an endpoint is owed of a range of messages ends, each with its record; the rest stays", async () => {
    const scene = await setup();
    const other = await scene.addEndpoint();
    const endpoints = [scene.endpoint, other] as const;
    const before = await scene.accept({ endpoints });
    const due = await scene.accept({ endpoints });
    const scheduled = await scene.accept({ endpoints, deliverAt: scene.now + 60_000 });
    const retried = await scene.acceptDueAt(scene.now + 5_000, { endpoints });
    const after = await scene.accept({ endpoints });
    expect(await cancel(scene, { from: due.id, through: retried.id })).toBe(3);
    for (const message of [due, scheduled, retried]) {
      expect(await scene.due(message)).toBeUndefined();
      expect(await scene.due(message, other.id)).toBeDefined();
      expect(await attemptsOf(scene, message.id)).toMatchObject([
        {
          endpointId: scene.endpoint.id,
          url: scene.endpoint.url,
          timestamp: scene.now,
          status: "canceled",
          trigger: "scheduled",
          statusCode: 0,
          errorClass: CANCELED.errorClass,
          deliveryState: "canceled",
          nextAttemptAt: null,
          responseBody: CANCELED.sentence,
        },
      ]);
    }
    expect((await scene.claimDue()).map(({ delivery }) => delivery.messageId)).toEqual([before.id, after.id]);
    expect(await cancel(scene, { from: due.id, through: retried.id })).toBe(0);
  });

  test("page by page, as many as there are ids, the oldest first", async () => {
    const scene = await setup();
    const messages = [await scene.accept(), await scene.accept(), await scene.accept()];
    const attemptIds = [scene.id(ID_PREFIX.attempt), scene.id(ID_PREFIX.attempt)];
    expect(await cancel(scene, { attemptIds })).toBe(2);
    expect(await scene.due(messages[1]!)).toBeUndefined();
    expect(await scene.due(messages[2]!)).toBeDefined();
    expect(await cancel(scene)).toBe(1);
  });

  test("what is held ends too: its holder's attempt is recorded and moves nothing", async () => {
    const scene = await setup();
    const message = await scene.accept({ leased: true });
    expect(await cancel(scene)).toBe(1);
    const next = { kind: "retry", at: scene.now, attempts: 1 } as const;
    expect(await scene.settle(scene.settled(scene.delivery(message), { next }))).toEqual([false]);
    expect((await attemptsOf(scene, message.id)).map(({ status }) => status)).toEqual([
      "canceled",
      "success",
    ]);
    expect(await scene.claimDue()).toEqual([]);
  });

  test("on a FIFO endpoint what comes behind moves up", async () => {
    const scene = await setup();
    const fifo = await scene.addEndpoint({ fifo: true });
    const endpoints = [fifo] as const;
    const stuck = await scene.accept({ endpoints, deliverAt: scene.now + 60_000 });
    const next = await scene.accept({ endpoints });
    const range = { endpointId: fifo.id, from: stuck.id, through: stuck.id };
    expect(await cancel(scene, range)).toBe(1);
    const claimed = await scene.claimDue({ endpoints: [fifo], fifo: true });
    expect(claimed.map(({ delivery }) => delivery.messageId)).toEqual([next.id]);
  });

  test("paused deliveries end, and another application's stay", async () => {
    const scene = await setup();
    const message = await scene.accept({ leased: true });
    const next = { kind: "paused", attempts: 0 } as const;
    await scene.store.endpoints.update({ ...scene.endpoint, disabled: true }, {});
    await scene.settle(scene.settled(scene.delivery(message), { attempt: null, next }));
    const stranger = await scene.addApplication();
    expect(await cancel(scene, { appId: stranger.id })).toBe(0);
    expect(await cancel(scene)).toBe(1);
  });

  test("one that was canceled can be owed again, and is canceled again", async () => {
    const scene = await setup();
    const { id: messageId } = await scene.accept();
    await cancel(scene);
    const key = { appId: scene.app.id, endpointId: scene.endpoint.id, messageId };
    expect(await scene.store.deliveries.resend({ ...key, now: 0 })).toBe("created");
    expect(await cancel(scene)).toBe(1);
    expect((await attemptsOf(scene, messageId)).map(({ trigger }) => trigger)).toEqual([
      "scheduled",
      "manual",
    ]);
  });
}
