import { expect, test } from "vitest";
import type { Message } from "../../domain/message.ts";
import { DAY_MS, SECOND_MS } from "../../domain/time.ts";
import { NO_LEASE, type SettledDelivery } from "../port.ts";
import { FIRST_PAGE } from "./scene.ts";
import { type MakeStore, setupWithSharedStore } from "./setup.ts";

export function commitSuite(makeStore: MakeStore): void {
  const setup = setupWithSharedStore(makeStore);

  test("an accepted message is stored as given, with a delivery for each endpoint", async () => {
    const scene = await setup();
    const second = await scene.addEndpoint();
    const accepted = scene.accepted({
      endpoints: [scene.endpoint, second],
      channels: ["a", "b"],
      tags: ["t"],
      eventId: "evt-1",
      payload: '{"big":12345678901234567890,"é":"\\u00e9 ✓ 😀"}',
      payloadExpiresAt: scene.now + DAY_MS,
    });
    expect(await scene.acceptAll([accepted])).toEqual([{ kind: "accepted" }]);
    const { message } = accepted;
    expect(await scene.store.history.findMessage({ appId: scene.app.id, ref: message.id })).toEqual(message);
    expect(await scene.store.history.findMessage({ appId: scene.app.id, ref: "evt-1" })).toEqual(message);
    const due = await scene.store.deliveries.listDue({ appId: scene.app.id, messageId: message.id });
    expect(due).toEqual(
      [scene.endpoint.id, second.id].map((endpointId) => ({
        ...scene.delivery(message, { endpointId }),
        state: "pending",
        nextAttemptAt: message.createdAt,
      })),
    );
  });

  test("a leased delivery is being sent and nobody else can claim it", async () => {
    const scene = await setup();
    const message = await scene.accept({ leased: true });
    expect(await scene.due(message)).toMatchObject({ state: "sending", attempts: 0 });
    expect(await scene.claimDue()).toEqual([]);
  });

  test("a message without deliveries is stored", async () => {
    const scene = await setup();
    const accepted = { ...scene.accepted(), deliveries: [] };
    expect(await scene.acceptAll([accepted])).toEqual([{ kind: "accepted" }]);
    expect(await scene.due(accepted.message)).toBeUndefined();
  });

  test("an empty batch is answered", async () => {
    const scene = await setup();
    expect(await scene.store.deliveries.commit({ accepted: [], settled: [] })).toEqual({
      accepted: [],
      settled: [],
    });
  });

  test("a batch answers each operation in its order", async () => {
    const scene = await setup();
    await scene.accept({ eventId: "taken" });
    const leased = await scene.accept({ leased: true });
    const result = await scene.store.deliveries.commit({
      accepted: [scene.accepted(), scene.accepted({ eventId: "taken" }), scene.accepted()],
      settled: [
        scene.settled(scene.delivery(leased), { leaseId: "node_other" }),
        scene.settled(scene.delivery(leased)),
      ],
    });
    expect(result.accepted.map(({ kind }) => kind)).toEqual(["accepted", "conflict", "accepted"]);
    expect(result.settled).toEqual([false, true]);
  });

  test("the same key with the same body answers with the first message, also in one batch", async () => {
    const scene = await setup();
    const idempotency = scene.claim("k");
    const first = scene.accepted({ idempotency, eventId: "evt", channels: ["c"] });
    const results = await scene.acceptAll([first, scene.accepted({ idempotency, eventId: "evt" })]);
    expect(results).toEqual([{ kind: "accepted" }, { kind: "replayed", message: first.message }]);
    const again = scene.accepted({ idempotency });
    expect(await scene.acceptAll([again])).toEqual([{ kind: "replayed", message: first.message }]);
    expect(await scene.due(again.message)).toBeUndefined();
    expect(await scene.store.history.findMessage({ appId: scene.app.id, ref: again.message.id })).toBeNull();
  });

  test("the same key with another body is a conflict", async () => {
    const scene = await setup();
    await scene.accept({ idempotency: scene.claim("k", "a") });
    expect(await scene.acceptAll([scene.accepted({ idempotency: scene.claim("k", "b") })])).toEqual([
      { kind: "conflict", reason: "idempotency_key" },
    ]);
  });

  test("a key is new again after 24 hours, and not a second earlier", async () => {
    const scene = await setup();
    await scene.accept({ idempotency: scene.claim("k", "a") });
    await scene.runtime.advance(DAY_MS - SECOND_MS);
    expect(await scene.acceptAll([scene.accepted({ idempotency: scene.claim("k", "b") })])).toEqual([
      { kind: "conflict", reason: "idempotency_key" },
    ]);
    await scene.runtime.advance(SECOND_MS);
    const renewed = scene.accepted({ idempotency: scene.claim("k", "b") });
    expect(await scene.acceptAll([renewed])).toEqual([{ kind: "accepted" }]);
    expect(await scene.acceptAll([scene.accepted({ idempotency: scene.claim("k", "b") })])).toEqual([
      { kind: "replayed", message: renewed.message },
    ]);
  });

  test("a key of an application that is gone counts as new, once", async () => {
    const scene = await setup();
    const idempotency = scene.claim("k");
    const other = await scene.addApplication();
    await scene.accept({ idempotency, appId: other.id });
    const renewed = await scene.accept({ idempotency });
    expect(await scene.acceptAll([scene.accepted({ idempotency })])).toEqual([
      { kind: "replayed", message: renewed },
    ]);
  });

  test("a key remembered for a control-plane answer does not answer for a message", async () => {
    const scene = await setup();
    await scene.store.applications.insert(scene.newApplication(), { idempotency: scene.answer("k") });
    expect(await scene.acceptAll([scene.accepted({ idempotency: scene.claim("k") })])).toEqual([
      { kind: "conflict", reason: "idempotency_key" },
    ]);
    expect(await scene.findAnswer(scene.claim("k").scope)).not.toBeNull();
  });

  test("an event id is unique in its application, also in one batch, and free in another", async () => {
    const scene = await setup();
    const conflict = { kind: "conflict", reason: "event_id" };
    const results = await scene.acceptAll([
      scene.accepted({ eventId: "evt" }),
      scene.accepted({ eventId: "evt" }),
    ]);
    expect(results).toEqual([{ kind: "accepted" }, conflict]);
    expect(await scene.acceptAll([scene.accepted({ eventId: "evt" })])).toEqual([conflict]);
    const other = await scene.addApplication();
    expect(await scene.acceptAll([scene.accepted({ eventId: "evt", appId: other.id })])).toEqual([
      { kind: "accepted" },
    ]);
  });

  test("an event id conflict does not use up the idempotency key", async () => {
    const scene = await setup();
    await scene.accept({ eventId: "evt" });
    const idempotency = scene.claim("k");
    await scene.acceptAll([scene.accepted({ eventId: "evt", idempotency })]);
    expect(await scene.acceptAll([scene.accepted({ idempotency })])).toEqual([{ kind: "accepted" }]);
  });

  test("a settled attempt is stored as given and ends its delivery", async () => {
    const scene = await setup();
    const message = await scene.accept({ leased: true });
    const delivery = scene.delivery(message);
    const attempt = scene.newAttempt(delivery, {
      status: "fail",
      statusCode: 0,
      errorClass: "timeout",
      deliveryState: "failed",
      responseBody: "No answer within 30 s.",
    });
    expect(await scene.settle(scene.settled(delivery, { attempt }))).toEqual([true]);
    expect(await scene.due(message)).toBeUndefined();
    const found = { appId: message.appId, messageId: message.id, attemptId: attempt.id };
    expect(await scene.store.history.findAttempt(found)).toEqual(attempt);
  });

  test("response bodies keep their bytes, each with its own attempt", async () => {
    const scene = await setup();
    const bodies = [
      Uint8Array.from([0, 255, 10]),
      "text",
      new Uint8Array(0),
      "",
      // A small view of a large buffer.
      new Uint8Array(100_000).fill(7).subarray(50, 53),
    ];
    const settled = await Promise.all(
      bodies.map(async (responseBody) => {
        const delivery = scene.delivery(await scene.accept({ leased: true }));
        return scene.settled(delivery, { attempt: scene.newAttempt(delivery, { responseBody }) });
      }),
    );
    await scene.settle(...settled);
    for (const [index, { attempt }] of settled.entries()) {
      const { appId, messageId, id: attemptId } = attempt!;
      const found = await scene.store.history.findAttempt({ appId, messageId, attemptId });
      expect(found?.responseBody).toEqual(bodies[index]);
    }
  });

  test("a retry waits until its time, with the attempts counted", async () => {
    const scene = await setup();
    const message = await scene.accept({ leased: true });
    const at = scene.now + 5 * SECOND_MS;
    const delivery = scene.delivery(message);
    await scene.settle(scene.settled(delivery, { next: { kind: "retry", at, attempts: 1 } }));
    expect(await scene.due(message)).toMatchObject({ state: "pending", attempts: 1, nextAttemptAt: at });
    expect(await scene.claimDue()).toEqual([]);
    await scene.runtime.advance(5 * SECOND_MS);
    expect(await scene.claimDue()).toMatchObject([{ delivery: { ...delivery, attempts: 1 } }]);
  });

  test("the retry after an attempt that a person asked for is automatic again", async () => {
    const scene = await setup();
    const message = await scene.accept();
    await scene.store.deliveries.resend({ ...scene.delivery(message), now: scene.now });
    const [claimed] = await scene.claimDue();
    expect(claimed?.delivery.trigger).toBe("manual");
    const { delivery } = claimed!;
    // Handed back unsent: still the one that the person asked for.
    const back = { kind: "retry", at: scene.now, attempts: 0 } as const;
    await scene.settle(scene.settled(delivery, { attempt: null, next: back }));
    const [again] = await scene.claimDue();
    expect(again?.delivery.trigger).toBe("manual");
    const next = { kind: "retry", at: scene.now, attempts: 1 } as const;
    await scene.settle(scene.settled(delivery, { next }));
    expect((await scene.claimDue())[0]?.delivery.trigger).toBe("scheduled");
  });

  test("a lost lease changes nothing but the history", async () => {
    const scene = await setup();
    await scene.join("node_a");
    const message = await scene.accept({ leased: true, leaseId: "node_a" });
    const delivery = scene.delivery(message);
    const change = { kind: "disable", reason: "gone", at: scene.now } as const;
    const late = scene.settled(delivery, { leaseId: "node_b", endpoint: change });
    expect(await scene.settle(late)).toEqual([false]);
    expect(await scene.due(message)).toMatchObject({ state: "sending" });
    expect(await scene.readEndpoint()).toEqual(scene.endpoint);
    const attempts = await scene.store.history.listAttempts({
      appId: message.appId,
      messageId: message.id,
      page: FIRST_PAGE,
      withBody: true,
      withMessage: false,
    });
    expect(attempts.map(({ attempt }) => attempt)).toEqual([late.attempt]);
  });

  test("an attempt that no delivery is behind is recorded, and takes nothing from one that is owed", async () => {
    const scene = await setup();
    const owed = await scene.accept();
    const { message } = scene.accepted();
    await scene.acceptAll([{ ...scene.accepted(), message, deliveries: [] }]);
    const alone = scene.settled(scene.delivery(message), { leaseId: NO_LEASE });
    const beside = scene.settled(scene.delivery(owed), { leaseId: NO_LEASE });
    expect(await scene.settle(alone, beside)).toEqual([false, false]);
    for (const { attempt } of [alone, beside]) {
      const { appId, messageId, id: attemptId } = attempt!;
      expect(await scene.store.history.findAttempt({ appId, messageId, attemptId })).toEqual(attempt);
    }
    expect(await scene.due(message)).toBeUndefined();
    expect(await scene.due(owed)).toMatchObject({ state: "pending", attempts: 0 });
  });

  test("the same lease cannot settle an older attempt of a delivery that moved on", async () => {
    const scene = await setup();
    const message = await scene.accept({ leased: true });
    const first = scene.delivery(message);
    const next = { kind: "retry", at: scene.now, attempts: 1 } as const;
    await scene.settle(scene.settled(first, { next }));
    await scene.claimDue();
    expect(await scene.settle(scene.settled(first))).toEqual([false]);
    expect(await scene.settle(scene.settled({ ...first, attempts: 1 }))).toEqual([true]);
  });

  test("settling twice in one batch counts once", async () => {
    const scene = await setup();
    const message = await scene.accept({ leased: true });
    const delivery = scene.delivery(message);
    expect(await scene.settle(scene.settled(delivery), scene.settled(delivery))).toEqual([true, false]);
  });

  test("an interrupted attempt is handed back without a record", async () => {
    const scene = await setup();
    const message = await scene.accept({ leased: true });
    const next = { kind: "retry", at: scene.now, attempts: 0 } as const;
    await scene.settle(scene.settled(scene.delivery(message), { attempt: null, next }));
    expect(await scene.due(message)).toMatchObject({ state: "pending", attempts: 0 });
    const query = { appId: message.appId, messageId: message.id, page: FIRST_PAGE };
    expect(await scene.store.history.listAttempts({ ...query, withBody: true, withMessage: false })).toEqual(
      [],
    );
  });

  test("the run of failures keeps its first moment and ends with a success", async () => {
    const scene = await setup();
    const fail = async (at: number | null): Promise<number | null | undefined> => {
      const delivery = scene.delivery(await scene.accept({ leased: true }));
      await scene.settle(scene.settled(delivery, { endpoint: { kind: "failing_since", at } }));
      return (await scene.readEndpoint())?.failingSince;
    };
    expect(await fail(1_000)).toBe(1_000);
    expect(await fail(2_000)).toBe(1_000);
    expect(await fail(null)).toBeNull();
    expect(await fail(3_000)).toBe(3_000);
  });

  test("an endpoint is disabled once, with the first reason", async () => {
    const scene = await setup();
    const disable = async (reason: "gone" | "failing", at: number): Promise<void> => {
      const delivery = scene.delivery(await scene.accept({ leased: true }));
      await scene.settle(scene.settled(delivery, { endpoint: { kind: "disable", reason, at } }));
    };
    await disable("gone", scene.now + 1);
    await disable("failing", scene.now + 2);
    expect(await scene.readEndpoint()).toMatchObject({
      disabled: true,
      disabledReason: "gone",
      disabledAt: scene.now + 1,
      updatedAt: scene.now + 1,
    });
  });

  test("a run of failures that a success has ended, unknown to the process, does not disable the endpoint", async () => {
    const scene = await setup();
    const settle = async (endpoint: SettledDelivery["endpoint"]): Promise<Message> => {
      const message = await scene.accept({ leased: true });
      const next = { kind: "paused", attempts: 1 } as const;
      await scene.settle(scene.settled(scene.delivery(message), { next, endpoint }));
      return message;
    };
    const disable = { kind: "disable", reason: "failing", at: 9_000, failingSince: 1_000 } as const;
    await settle({ kind: "failing_since", at: 1_000 });
    await settle({ kind: "failing_since", at: null });
    const working = await settle(disable);
    expect(await scene.readEndpoint()).toMatchObject({ disabled: false, failingSince: null });
    expect(await scene.due(working)).toMatchObject({ state: "pending", attempts: 1 });
    await settle({ kind: "failing_since", at: 2_000 });
    await settle(disable);
    expect(await scene.readEndpoint()).toMatchObject({ disabled: false, failingSince: 2_000 });
    const failing = await settle({ ...disable, failingSince: 2_500 });
    expect(await scene.readEndpoint()).toMatchObject({ disabled: true, disabledReason: "failing" });
    expect(await scene.due(failing)).toMatchObject({ state: "paused" });
  });

  test("a change of an endpoint that was deleted meanwhile does not bring it back", async () => {
    const scene = await setup();
    const delivery = scene.delivery(await scene.accept({ leased: true }));
    await scene.store.endpoints.delete({ appId: scene.app.id, id: scene.endpoint.id });
    const change = { kind: "failing_since", at: scene.now } as const;
    expect(await scene.settle(scene.settled(delivery, { endpoint: change }))).toEqual([true]);
    expect(await scene.readEndpoint()).toBeUndefined();
  });

  test("a delivery paused together with the disabling of its endpoint stays paused", async () => {
    const scene = await setup();
    const message = await scene.accept({ leased: true });
    await scene.settle(
      scene.settled(scene.delivery(message), {
        next: { kind: "paused", attempts: 1 },
        endpoint: { kind: "disable", reason: "gone", at: scene.now },
      }),
    );
    expect(await scene.due(message)).toMatchObject({ state: "paused", attempts: 1, nextAttemptAt: null });
    expect(await scene.claimDue()).toEqual([]);
  });

  test("a delivery is not paused when its endpoint has been enabled meanwhile", async () => {
    const scene = await setup();
    const message = await scene.accept({ leased: true });
    const next = { kind: "paused", attempts: 0 } as const;
    await scene.settle(scene.settled(scene.delivery(message), { attempt: null, next }));
    expect(await scene.due(message)).toMatchObject({ state: "pending" });
    expect(await scene.claimDue()).toHaveLength(1);
  });
}
