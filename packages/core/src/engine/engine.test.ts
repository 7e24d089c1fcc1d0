import { createVerifier } from "@posthaste/receiver";
import { afterEach, expect, test, vi } from "vitest";
import { LANE_QUEUE_MAX, LANES_BYTES_MAX } from "../domain/limits.ts";
import { DAY_MS } from "../domain/time.ts";
import { StoreUnavailable } from "../storage/port.ts";
import { cleanUp, engineHarness, SECRET, START_MS } from "./testing/engine-harness.ts";
import { newEventType } from "./testing/new-entities.ts";
import { hanging } from "./testing/receiver.ts";

afterEach(cleanUp);

test("an accepted message is on disk, POSTed byte for byte, signed, and recorded", async () => {
  const harness = await engineHarness();
  const endpoint = await harness.addEndpoint({
    headers: { "X-Shop": "ana", Authorization: "Bearer s3cret" },
  });
  const payload = '{ "amount": 12345678901234567890.10, "b":1,\n "a":"é" }';
  const message = await harness.send({ payload });
  await harness.until(async () => (await harness.attempts(endpoint)).length === 1);
  const [post] = harness.posts;
  expect(post).toMatchObject({ url: endpoint.url, body: payload, messageId: message.id });
  expect(post?.headers["Authorization"]).toBe("Bearer s3cret");
  const verified = createVerifier({ secrets: SECRET, now: () => START_MS }).verify({
    headers: post?.headers ?? {},
    body: payload,
  });
  await expect(verified).resolves.toMatchObject({ id: message.id });
  const [attempt] = await harness.attempts(endpoint);
  expect(attempt).toMatchObject({ status: "success", statusCode: 204, deliveryState: "succeeded" });
  expect(attempt?.detail.requestHeaders).toMatchObject({
    "X-Shop": "[redacted]",
    Authorization: "[redacted]",
  });
  expect(await harness.store.deliveries.listDue({ appId: message.appId, messageId: message.id })).toEqual([]);
});

test("only the endpoints that want a message get it, decided when it is accepted", async () => {
  const harness = await engineHarness();
  const all = await harness.addEndpoint();
  const refunds = await harness.addEndpoint({ eventTypes: ["order.refunded"] });
  const channel = await harness.addEndpoint({ channels: ["ana"] });
  await harness.send();
  await harness.send({ eventType: "order.refunded", channels: ["ana"] });
  await harness.addEndpoint();
  await harness.until(() => harness.posts.length === 4);
  await harness.pass(1_000);
  expect(harness.posts).toHaveLength(4);
  const counts = async (): Promise<number[]> =>
    (await Promise.all([all, refunds, channel].map((one) => harness.attempts(one)))).map(
      ({ length }) => length,
    );
  await harness.until(async () => (await counts()).join() === "2,1,1");
});

test("a failing delivery is tried on its schedule with the same id and a new timestamp, then stays failed", async () => {
  const harness = await engineHarness({ retryScheduleMs: [5_000, 60_000] });
  const endpoint = await harness.addEndpoint();
  harness.answer = () => 500;
  const message = await harness.send();
  await harness.until(() => harness.posts.length === 1);
  await harness.pass(8_000);
  await harness.until(() => harness.posts.length === 2);
  await harness.pass(80_000);
  await harness.until(async () => (await harness.attempts(endpoint)).length === 3);
  await harness.pass(200_000);
  expect(harness.posts.map(({ messageId }) => messageId)).toEqual([message.id, message.id, message.id]);
  const waits = harness.posts.slice(1).map(({ at }, index) => at - (harness.posts[index]?.at ?? 0));
  expect(waits[0]).toBeGreaterThanOrEqual(4_000);
  expect(waits[0]).toBeLessThanOrEqual(6_500);
  expect(waits[1]).toBeGreaterThanOrEqual(48_000);
  expect(new Set(harness.posts.map(({ headers }) => headers["webhook-timestamp"])).size).toBe(3);
  const attempts = await harness.attempts(endpoint);
  expect(attempts.map(({ deliveryState }) => deliveryState)).toEqual(["pending", "pending", "failed"]);
});

test("a scheduled message is sent at its time and not before, also by the process after a crash", async () => {
  const harness = await engineHarness();
  const endpoint = await harness.addEndpoint();
  const scheduled = await harness.send({ deliverAt: START_MS + 60_000 });
  const atOnce = await harness.send();
  await harness.until(() => harness.posts.length === 1);
  expect(harness.posts[0]?.messageId).toBe(atOnce.id);
  await harness.pass(30_000);
  const after = await harness.replaceEngine();
  await after.pass(25_000);
  expect(after.posts).toEqual([]);
  await after.pass(8_000);
  await after.until(async () => (await after.attempts(endpoint)).length === 2);
  expect(after.posts[0]).toMatchObject({ messageId: scheduled.id });
  expect(after.posts[0]?.at).toBeGreaterThanOrEqual(START_MS + 60_000);
});

test("a scheduled message keeps its place on a FIFO endpoint", async () => {
  const harness = await engineHarness();
  await harness.addEndpoint({ fifo: true });
  const first = await harness.send();
  const scheduled = await harness.send({ deliverAt: START_MS + 20_000 });
  const last = await harness.send();
  await harness.pass(10_000);
  expect(harness.posts.map(({ messageId }) => messageId)).toEqual([first.id]);
  await harness.pass(15_000);
  await harness.until(() => harness.posts.length === 3);
  expect(harness.posts.map(({ messageId }) => messageId)).toEqual([first.id, scheduled.id, last.id]);
});

const ALL = { from: "", through: "msg_~" };

test("what was canceled is not sent, though it lay in memory, and nothing follows an attempt under way", async () => {
  const harness = await engineHarness({ retryScheduleMs: [1_000] });
  const endpoint = await harness.addEndpoint();
  const answers = hanging(harness);
  const sent = await Promise.all(Array.from({ length: 40 }, () => harness.send()));
  await harness.until(() => harness.posts.length > 0 && harness.engine.snapshot().queuedDeliveries > 0);
  await harness.engine.cancel({ appId: endpoint.appId, endpoints: [endpoint], ...ALL });
  const underWay = harness.posts.map(({ messageId }) => messageId);
  for (const { resolve } of answers) resolve(500);
  harness.answer = () => 204;
  const later = await harness.send();
  await harness.until(() => harness.posts.some(({ messageId }) => messageId === later.id));
  await harness.pass(5_000);
  expect(harness.posts).toHaveLength(underWay.length + 1);
  // How each stands is what its last record says: nothing that recovers failed ones picks it up.
  const attempts = await harness.attempts(endpoint);
  for (const { id } of sent) {
    const statuses = attempts.filter(({ messageId }) => messageId === id).map(({ status }) => status);
    expect(statuses).toEqual(underWay.includes(id) ? ["canceled", "fail", "canceled"] : ["canceled"]);
  }
});

test("what was called off while it was sent, and is asked for again, is moved by its own attempt alone", async () => {
  const harness = await engineHarness({ retryScheduleMs: [1_000] });
  const endpoint = await harness.addEndpoint();
  const answers = hanging(harness);
  const { id: messageId } = await harness.send();
  await harness.until(() => answers.length === 1);
  await harness.engine.cancel({ appId: endpoint.appId, endpoints: [endpoint], ...ALL });
  const key = { appId: endpoint.appId, endpointId: endpoint.id, messageId };
  await harness.engine.resend({ ...key, idempotency: undefined });
  await harness.until(() => answers.length === 2);
  answers[0]?.resolve(500);
  await harness.until(async () => (await harness.attempts(endpoint)).length === 2);
  await harness.pass(5_000);
  expect(harness.posts).toHaveLength(2);
  answers[1]?.resolve(204);
  await harness.until(async () => (await harness.attempts(endpoint)).length === 3);
  const statuses = (await harness.attempts(endpoint)).map(({ status, trigger }) => `${status} ${trigger}`);
  expect(statuses.toSorted()).toEqual(["canceled scheduled", "fail scheduled", "success manual"]);
});

test("whatever is on its way to or from disk, nothing canceled is sent once that is answered", async () => {
  const harness = await engineHarness();
  const endpoint = await harness.addEndpoint();
  const fifo = await harness.addEndpoint({ fifo: true });
  for (let round = 0; round < 10; round++) {
    const sends = Array.from({ length: 8 }, () => harness.send());
    if (round % 2 === 0) await sends[round % 8];
    await harness.engine.cancel({ appId: endpoint.appId, endpoints: [endpoint, fifo], ...ALL });
    const since = harness.posts.length;
    await Promise.all(sends);
    await harness.pass(1_000);
    const attempts = [...(await harness.attempts(endpoint)), ...(await harness.attempts(fifo))];
    const canceled = new Set(
      attempts.flatMap(({ status, messageId, endpointId }) =>
        status === "canceled" ? [`${messageId} ${endpointId}`] : [],
      ),
    );
    const sent = harness.posts.slice(since).map(({ messageId, url }) => {
      const to = url === endpoint.url ? endpoint : fifo;
      return `${messageId} ${to.id}`;
    });
    expect(sent.filter((delivery) => canceled.has(delivery))).toEqual([]);
  }
});

test("Retry-After puts the next attempt off", async () => {
  const harness = await engineHarness({ retryScheduleMs: [1_000, 1_000] });
  const endpoint = await harness.addEndpoint();
  harness.answer = () => ({ status: 503, headers: [["retry-after", "600"]] });
  await harness.send();
  await harness.until(async () => (await harness.attempts(endpoint)).length === 1);
  const [attempt] = await harness.attempts(endpoint);
  expect(attempt?.nextAttemptAt).toBe((attempt?.timestamp ?? 0) + 600_000);
});

test("an endpoint's own schedule replaces the server's", async () => {
  const harness = await engineHarness();
  const endpoint = await harness.addEndpoint({ retryScheduleMs: [1_000] });
  harness.answer = () => 500;
  await harness.send();
  await harness.until(() => harness.posts.length === 1);
  await harness.pass(3_000);
  await harness.until(async () => (await harness.attempts(endpoint)).length === 2);
  expect((await harness.attempts(endpoint)).at(-1)?.deliveryState).toBe("failed");
});

test("410 disables the endpoint, pauses what it is owed, and enabling it delivers that", async () => {
  const harness = await engineHarness();
  const endpoint = await harness.addEndpoint({ fifo: true });
  const receiver = Promise.withResolvers<number>();
  harness.answer = () => receiver.promise;
  const first = await harness.send();
  const second = await harness.send();
  await harness.pass(1_000);
  await harness.until(() => harness.posts.length === 1);
  receiver.resolve(410);
  await harness.until(async () => (await harness.findEndpoint(endpoint.id))?.disabled === true);
  expect(await harness.findEndpoint(endpoint.id)).toMatchObject({ disabledReason: "gone" });
  await harness.until(async () => {
    const due = await harness.store.deliveries.listDue({ appId: second.appId, messageId: second.id });
    return due[0]?.state === "paused";
  });
  await harness.pass(2_000);
  expect(harness.posts.map(({ messageId }) => messageId)).toEqual([first.id]);
  harness.answer = () => 204;
  await harness.updateEndpoint({ ...endpoint, disabled: false, disabledReason: null, disabledAt: null });
  await harness.pass(2_000);
  await harness.until(() => harness.posts.length === 2);
  expect(harness.posts[1]?.messageId).toBe(second.id);
});

test("five days of nothing but failures disable an endpoint, with the reason in the store", async () => {
  const harness = await engineHarness({ retryScheduleMs: [1_000, 1_000] });
  const endpoint = await harness.addEndpoint({ failingSince: START_MS - 5 * DAY_MS });
  harness.answer = () => "timeout";
  await harness.send();
  await harness.until(async () => (await harness.findEndpoint(endpoint.id))?.disabled === true);
  expect(await harness.findEndpoint(endpoint.id)).toMatchObject({ disabledReason: "failing" });
});

test("a success ends the run of failures", async () => {
  const harness = await engineHarness({ retryScheduleMs: [1_000] });
  const endpoint = await harness.addEndpoint();
  harness.answer = () => 500;
  await harness.send();
  await harness.until(async () => (await harness.findEndpoint(endpoint.id))?.failingSince !== null);
  harness.answer = () => 204;
  await harness.pass(2_000);
  await harness.until(async () => (await harness.findEndpoint(endpoint.id))?.failingSince === null);
});

test("a FIFO endpoint gets its messages in order, a failing one holds back those behind it", async () => {
  const harness = await engineHarness({ retryScheduleMs: [1_000, 1_000, 1_000] });
  await harness.addEndpoint({ fifo: true });
  let failures = 2;
  harness.answer = () => (failures-- > 0 ? 500 : 204);
  const sent: string[] = [];
  for (let index = 0; index < 6; index++) sent.push((await harness.send()).id);
  for (let round = 0; round < 40 && harness.posts.length < 8; round++) await harness.pass(250);
  await harness.until(() => harness.posts.length === 8);
  const order = harness.posts.map(({ messageId }) => messageId);
  expect(order).toEqual([sent[0], sent[0], ...sent]);
});

test("FIFO order holds across memory, store and a restart", async () => {
  const harness = await engineHarness();
  await harness.addEndpoint({ fifo: true });
  harness.answer = () => new Promise<number>(() => {});
  const sent: string[] = [];
  for (let batch = 0; batch < 4; batch++) {
    const outcomes = await harness.accept(Array.from({ length: 50 }, () => ({})));
    sent.push(...outcomes.flatMap((outcome) => ("message" in outcome ? [outcome.message.id] : [])));
  }
  const next = await harness.replaceEngine();
  for (let round = 0; round < 400 && next.posts.length < 200; round++) await next.pass(50);
  await next.until(() => next.posts.length === 200);
  expect(next.posts.map(({ messageId }) => messageId)).toEqual(sent);
});

test("after a restart new messages to a FIFO endpoint wait behind its backlog", async () => {
  const harness = await engineHarness();
  await harness.addEndpoint({ fifo: true });
  harness.answer = () => new Promise<number>(() => {});
  const idsOf = (outcomes: Awaited<ReturnType<typeof harness.accept>>): string[] =>
    outcomes.flatMap((outcome) => ("message" in outcome ? [outcome.message.id] : []));
  const sent = idsOf(await harness.accept(Array.from({ length: 100 }, () => ({}))));
  const next = await harness.replaceEngine();
  for (let round = 0; round < 400 && next.posts.length < 130; round++) {
    if (round < 30) sent.push(...idsOf(await next.accept([{}])));
    await next.pass(20);
  }
  await next.until(() => next.posts.length === 130);
  expect(next.posts.map(({ messageId }) => messageId)).toEqual(sent);
});

test("a FIFO endpoint that is enabled again gets what it missed before anything new", async () => {
  const harness = await engineHarness();
  const endpoint = await harness.addEndpoint({ fifo: true });
  const receiver = Promise.withResolvers<number>();
  harness.answer = () => receiver.promise;
  const sent: string[] = [];
  for (let count = 0; count < 10; count++) sent.push((await harness.send()).id);
  await harness.pass(1_000);
  await harness.until(() => harness.posts.length === 1);
  await harness.updateEndpoint({
    ...endpoint,
    disabled: true,
    disabledReason: "manual",
    disabledAt: START_MS,
  });
  receiver.resolve(500);
  await harness.pass(1_000);
  harness.answer = () => 204;
  const enabling = harness.updateEndpoint(endpoint);
  for (let count = 0; count < 5; count++) sent.push((await harness.send()).id);
  await enabling;
  for (let round = 0; round < 100 && harness.posts.length < 16; round++) await harness.pass(250);
  const delivered = harness.posts.slice(1).map(({ messageId }) => messageId);
  const known = sent.filter((id) => delivered.includes(id));
  expect(delivered).toEqual(known);
  expect(delivered.length).toBeGreaterThanOrEqual(10);
});

test("a resend to a busy FIFO endpoint gets its turn", async () => {
  const harness = await engineHarness();
  const endpoint = await harness.addEndpoint({ fifo: true });
  const first = await harness.send();
  await harness.pass(1_000);
  await harness.until(async () => (await harness.attempts(endpoint)).length === 1);
  const key = { appId: first.appId, endpointId: endpoint.id, messageId: first.id };
  await harness.engine.resend({ ...key, idempotency: undefined });
  for (let count = 0; count < 20; count++) {
    await harness.send();
    await harness.pass(100);
  }
  await harness.until(() => harness.posts.length === 22);
  expect(harness.posts.filter(({ messageId }) => messageId === first.id)).toHaveLength(2);
});

test("endpoints that hang with large payloads do not take the last bytes of memory from others", async () => {
  const harness = await engineHarness();
  const stuck = await harness.addEndpoint({ eventTypes: ["big"], url: "https://example.com/hanging" });
  const healthy = await harness.addEndpoint({ eventTypes: ["small"] });
  harness.answer = (post) => (post.url === stuck.url ? new Promise<number>(() => {}) : 204);
  const payload = JSON.stringify({ filler: "x".repeat(1_000_000) });
  for (let count = 0; count < 80; count++) await harness.send({ eventType: "big", payload });
  for (let count = 0; count < 20; count++) await harness.send({ eventType: "small" });
  await harness.pass(1_000);
  await harness.until(async () => (await harness.attempts(healthy)).length === 20);
  expect(harness.engine.snapshot().queuedBytes).toBeLessThan(LANES_BYTES_MAX);
});

test("large payloads that hang in flight do not keep others from being claimed", async () => {
  const harness = await engineHarness();
  for (let name = 0; name < 60; name++) {
    await harness.addEndpoint({ eventTypes: ["big"], url: `https://example.com/hanging/${name}` });
  }
  const healthy = await harness.addEndpoint({ eventTypes: ["small"] });
  harness.answer = (post) => (post.url === healthy.url ? 204 : new Promise<number>(() => {}));
  const payload = JSON.stringify({ filler: "x".repeat(1_000_000) });
  for (let count = 0; count < 3; count++) await harness.send({ eventType: "big", payload });
  await harness.pass(2_000);
  expect(harness.engine.snapshot().queuedBytes).toBeGreaterThan(LANES_BYTES_MAX);
  await harness.accept(Array.from({ length: 60 }, () => ({ eventType: "small" })));
  await harness.until(() => harness.posts.filter(({ url }) => url === healthy.url).length === 60);
});

test("a run of failures that ended while an attempt hung does not disable the endpoint", async () => {
  const harness = await engineHarness({ retryScheduleMs: [1_000] });
  const endpoint = await harness.addEndpoint({ failingSince: START_MS - 6 * DAY_MS });
  const slow = Promise.withResolvers<number>();
  harness.answer = (post) => (post.body === '"slow"' ? slow.promise : 204);
  await harness.send({ payload: '"slow"' });
  await harness.send();
  await harness.until(async () => (await harness.attempts(endpoint)).length === 1);
  slow.resolve(500);
  await harness.until(async () => (await harness.attempts(endpoint)).length === 2);
  await harness.pass(500);
  expect(await harness.findEndpoint(endpoint.id)).toMatchObject({ disabled: false });
});

test("a 410 of an address that was changed meanwhile does not disable the new one", async () => {
  const harness = await engineHarness();
  const endpoint = await harness.addEndpoint();
  const old = Promise.withResolvers<number>();
  harness.answer = () => old.promise;
  await harness.send();
  await harness.until(() => harness.posts.length === 1);
  await harness.updateEndpoint({ ...endpoint, url: "https://example.com/new" });
  old.resolve(410);
  await harness.until(async () => (await harness.attempts(endpoint)).length === 1);
  await harness.pass(500);
  expect(await harness.findEndpoint(endpoint.id)).toMatchObject({ disabled: false });
});

test("a clock that is set back does not put off what is due", async () => {
  const harness = await engineHarness();
  await harness.addEndpoint();
  const count = LANE_QUEUE_MAX + 100;
  harness.runtime.stepWallClock(600_000);
  await harness.accept(Array.from({ length: count }, () => ({})));
  harness.runtime.stepWallClock(-600_000);
  for (let round = 0; round < 100 && harness.posts.length < count; round++) await harness.pass(50);
  await harness.until(() => harness.posts.length === count);
});

test("a clock that is set back puts a waiting retry off by no more than its wait", async () => {
  const harness = await engineHarness({ retryScheduleMs: [10_000, 10_000] });
  await harness.addEndpoint();
  harness.answer = () => 500;
  await harness.send();
  await harness.until(() => harness.posts.length === 1);
  harness.runtime.stepWallClock(-7_200_000);
  await harness.pass(25_000);
  await harness.until(() => harness.posts.length === 2);
});

test("what does not fit into a lane waits in the store and is delivered from there", async () => {
  const harness = await engineHarness();
  const endpoint = await harness.addEndpoint();
  const count = LANE_QUEUE_MAX * 2 + 50;
  for (let sent = 0; sent < count; sent += 50) {
    await harness.accept(Array.from({ length: Math.min(50, count - sent) }, () => ({})));
  }
  for (let round = 0; round < 200 && harness.posts.length < count; round++) await harness.pass(50);
  await harness.until(() => harness.posts.length === count);
  expect(new Set(harness.posts.map(({ messageId }) => messageId)).size).toBe(count);
  await harness.until(async () => (await harness.attempts(endpoint)).length === 250);
});

test("after a crash everything that was owed is sent, under the same ids", async () => {
  const harness = await engineHarness();
  await harness.addEndpoint();
  harness.answer = () => new Promise<number>(() => {});
  const sent = await Promise.all(Array.from({ length: 20 }, () => harness.send()));
  await harness.until(() => harness.posts.length > 0);
  const next = await harness.replaceEngine();
  for (let round = 0; round < 40 && next.posts.length < 20; round++) await next.pass(250);
  await next.until(() => next.posts.length === 20);
  const ids = new Set(next.posts.map(({ messageId }) => messageId));
  expect(ids).toEqual(new Set(sent.map(({ id }) => id)));
});

test("a zombie's late result changes nothing but history", async () => {
  const harness = await engineHarness();
  const endpoint = await harness.addEndpoint();
  const receiver = Promise.withResolvers<number>();
  harness.answer = () => receiver.promise;
  const message = await harness.send();
  await harness.until(() => harness.posts.length === 1);
  // The second engine takes the lease over while the first still waits for its answer.
  const key = { appId: message.appId, endpointId: endpoint.id, messageId: message.id };
  await harness.store.deliveries.releaseLeases({
    notHeldBy: "node_new",
    now: START_MS,
    after: null,
    limit: 10,
  });
  const claimed = await harness.store.deliveries.claimDue({
    leaseId: "node_new",
    now: START_MS,
    lanes: [{ ...key, limit: 1, fifo: false }],
    limit: 1,
    bytesMax: 1_000_000,
  });
  expect(claimed).toHaveLength(1);
  receiver.resolve(204);
  await harness.until(async () => (await harness.attempts(endpoint)).length === 1);
  const due = await harness.store.deliveries.listDue({ appId: message.appId, messageId: message.id });
  expect(due).toMatchObject([{ state: "sending", attempts: 0 }]);
});

test("a resend makes one more attempt: at once, by hand, without retries", async () => {
  const harness = await engineHarness({ retryScheduleMs: [1_000] });
  const endpoint = await harness.addEndpoint();
  const message = await harness.send();
  await harness.until(async () => (await harness.attempts(endpoint)).length === 1);
  harness.answer = () => 500;
  const key = { appId: message.appId, endpointId: endpoint.id, messageId: message.id };
  await harness.engine.resend({ ...key, idempotency: undefined });
  await harness.pass(500);
  await harness.until(async () => (await harness.attempts(endpoint)).length === 2);
  await harness.pass(5_000);
  const attempts = await harness.attempts(endpoint);
  expect(attempts.map(({ trigger, status }) => [trigger, status])).toEqual([
    ["scheduled", "success"],
    ["manual", "fail"],
  ]);
  expect(harness.posts.map(({ messageId }) => messageId)).toEqual([message.id, message.id]);
});

test("a resend to a disabled endpoint is refused", async () => {
  const harness = await engineHarness();
  const endpoint = await harness.addEndpoint({ disabled: true, disabledReason: "manual" });
  const message = await harness.send();
  const key = { appId: message.appId, endpointId: endpoint.id, messageId: message.id };
  await expect(harness.engine.resend({ ...key, idempotency: undefined })).rejects.toMatchObject({
    code: "endpoint_disabled",
  });
});

test("the same idempotency key gets the same message, also while the first is in flight", async () => {
  const harness = await engineHarness();
  await harness.addEndpoint();
  const outcomes = await Promise.all(Array.from({ length: 64 }, () => harness.accept([{}], "key-1")));
  const later = await harness.accept([{}], "key-1");
  const ids = [...outcomes, later].map(([outcome]) => outcome && "message" in outcome && outcome.message.id);
  expect(new Set(ids).size).toBe(1);
  expect([...outcomes, later].filter(([outcome]) => outcome?.kind === "accepted")).toHaveLength(1);
  await harness.until(() => harness.posts.length === 1);
  await harness.pass(1_000);
  expect(harness.posts).toHaveLength(1);
  expect(await harness.accept([{ payload: "{}" }], "key-1")).toEqual([
    { kind: "conflict", reason: "idempotency_key" },
  ]);
});

test("an event id is taken once per application", async () => {
  const harness = await engineHarness();
  await harness.send({ eventId: "order-1" });
  expect(await harness.accept([{ eventId: "order-1" }])).toEqual([{ kind: "conflict", reason: "event_id" }]);
});

test("a graceful stop waits for what is in flight and loses nothing", async () => {
  const harness = await engineHarness();
  const endpoint = await harness.addEndpoint();
  const receiver = Promise.withResolvers<number>();
  harness.answer = () => receiver.promise;
  await harness.send();
  await harness.until(() => harness.posts.length === 1);
  const stopped = harness.engine.stop();
  expect(await harness.engine.health()).toMatchObject({ ok: false });
  await expect(harness.send()).rejects.toMatchObject({ code: "unavailable" });
  receiver.resolve(204);
  await stopped;
  expect(await harness.attempts(endpoint)).toMatchObject([{ status: "success" }]);
});

test("an attempt that a stop has to cut burns no retry and is sent by the next start", async () => {
  const harness = await engineHarness({ drainTimeoutMs: 1_000 });
  const endpoint = await harness.addEndpoint();
  harness.answer = () => new Promise<number>(() => {});
  const message = await harness.send();
  await harness.until(() => harness.posts.length === 1);
  const stopped = harness.engine.stop();
  await harness.pass(1_500);
  await stopped;
  expect(await harness.attempts(endpoint)).toMatchObject([{ errorClass: "interrupted" }]);
  const due = await harness.store.deliveries.listDue({ appId: message.appId, messageId: message.id });
  expect(due).toMatchObject([{ attempts: 0, state: "pending" }]);
  const next = await harness.replaceEngine();
  await next.pass(1_000);
  await next.until(() => next.posts.length === 1);
});

test("a deleted endpoint gets nothing more and what it was owed ends as canceled", async () => {
  const harness = await engineHarness({ retryScheduleMs: [1_000, 1_000] });
  const endpoint = await harness.addEndpoint();
  harness.answer = () => 500;
  const message = await harness.send();
  await harness.until(async () => (await harness.attempts(endpoint)).length === 1);
  await harness.store.endpoints.delete({ appId: endpoint.appId, id: endpoint.id });
  await harness.engine.applicationChanged(endpoint.appId);
  for (let round = 0; round < 8; round++) await harness.pass(10_000);
  await harness.until(async () => {
    const due = await harness.store.deliveries.listDue({ appId: message.appId, messageId: message.id });
    return due.length === 0;
  });
  expect(harness.posts).toHaveLength(1);
});

test("a throttled endpoint is not sent more than its rate", async () => {
  const harness = await engineHarness();
  const endpoint = await harness.addEndpoint({ throttleRate: 5 });
  // What a first attempt reads from the store takes real time, in which the clock must not go on.
  await harness.send();
  await harness.until(async () => (await harness.attempts(endpoint)).length === 1);
  harness.posts.length = 0;
  await harness.accept(Array.from({ length: 40 }, () => ({})));
  await harness.pass(4_000);
  expect(harness.posts.length).toBeGreaterThanOrEqual(15);
  expect(harness.posts.length).toBeLessThanOrEqual(22);
});

test("while a secret rotates both keys sign; after the grace only the new one", async () => {
  const harness = await engineHarness();
  const newKey = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;
  const endpoint = await harness.addEndpoint({
    secrets: [
      { key: newKey, expiresAt: null },
      { key: SECRET, expiresAt: START_MS + 60_000 },
    ],
  });
  await harness.send();
  await harness.until(() => harness.posts.length === 1);
  await harness.pass(61_000);
  await harness.send();
  await harness.until(async () => (await harness.attempts(endpoint)).length === 2);
  const signatures = harness.posts.map(({ headers }) => headers["webhook-signature"]?.split(" ").length);
  expect(signatures).toEqual([2, 1]);
});

test("everything owed to a disabled FIFO endpoint is paused, also behind an oldest that is paused already", async () => {
  const harness = await engineHarness();
  const endpoint = await harness.addEndpoint({ fifo: true });
  await harness.send();
  await harness.until(() => harness.posts.length === 1);
  let answer: ((status: number) => void) | undefined;
  harness.answer = () => new Promise((resolve) => (answer = resolve));
  const gone = await harness.send();
  const queued = await harness.send();
  await harness.until(() => harness.posts.length === 2);
  const waiting = { ...queued, id: harness.runtime.ids.next("msg_") };
  await harness.store.deliveries.commit({
    accepted: [
      {
        message: waiting,
        environmentId: harness.application.environmentId,
        deliveries: [{ endpointId: endpoint.id, leased: false, fifo: true }],
        leaseId: "",
        idempotency: null,
      },
    ],
    settled: [],
  });
  answer?.(410);
  const stateOf = async ({ appId, id: messageId }: typeof gone) =>
    (await harness.store.deliveries.listDue({ appId, messageId }))[0]?.state;
  await harness.until(
    async () => (await stateOf(queued)) === "paused" && (await stateOf(waiting)) === "paused",
  );
  expect(await stateOf(gone)).toBeUndefined();
});

test("a deletion that was stored but could not be read again is followed as soon as it can be", async () => {
  const harness = await engineHarness();
  const endpoint = await harness.addEndpoint();
  let answer: ((status: number) => void) | undefined;
  harness.answer = () => new Promise((resolve) => (answer = resolve));
  await harness.send();
  await harness.until(() => harness.posts.length === 1);
  await harness.store.endpoints.delete({ appId: endpoint.appId, id: endpoint.id });
  const find = vi.spyOn(harness.store.applications, "findById");
  find.mockRejectedValueOnce(new StoreUnavailable("away"));
  await expect(harness.engine.applicationChanged(endpoint.appId)).rejects.toThrow("away");
  await harness.until(() => harness.engine.snapshot().lanes === 0);
  answer?.(500);
  await harness.pass(10_000);
  expect(harness.posts).toHaveLength(1);
});

test("what could not be resumed when its endpoint was enabled is resumed as soon as it can be", async () => {
  const harness = await engineHarness();
  const endpoint = await harness.addEndpoint({ fifo: true });
  const receiver = Promise.withResolvers<number>();
  harness.answer = () => receiver.promise;
  await harness.send();
  const second = await harness.send();
  await harness.until(() => harness.posts.length === 1);
  receiver.resolve(410);
  await harness.until(async () => {
    const due = await harness.store.deliveries.listDue({ appId: second.appId, messageId: second.id });
    return due[0]?.state === "paused";
  });
  harness.answer = () => 204;
  const resume = vi.spyOn(harness.store.deliveries, "resumePaused");
  resume.mockRejectedValueOnce(new StoreUnavailable("away"));
  const enabled = { ...endpoint, disabled: false, disabledReason: null, disabledAt: null };
  await expect(harness.updateEndpoint(enabled)).rejects.toThrow("away");
  // A look at the store finds nothing due, and what is new still waits behind what is paused.
  await harness.pass(300);
  const third = await harness.send();
  await harness.pass(2_000);
  await harness.until(() => harness.posts.length === 3);
  expect(harness.posts.slice(1).map(({ messageId }) => messageId)).toEqual([second.id, third.id]);
});

test("a schedule that was stored but could not be read again is followed as soon as it can be", async () => {
  const harness = await engineHarness({ retryScheduleMs: [3_600_000] });
  const endpoint = await harness.addEndpoint();
  harness.answer = () => 400;
  await harness.send();
  await harness.until(async () => (await harness.attempts(endpoint)).length === 1);
  const { environmentId } = harness.application;
  const eventType = newEventType(environmentId, { retryScheduleMs: [] });
  await harness.store.eventTypes.insert(eventType, {});
  const read = vi.spyOn(harness.store.eventTypes, "listRetrySchedules");
  read.mockRejectedValueOnce(new StoreUnavailable("away"));
  await expect(harness.engine.eventTypesChanged(environmentId)).rejects.toThrow("away");
  await harness.pass(1_000);
  await harness.until(() => read.mock.settledResults.some(({ type }) => type === "fulfilled"));
  await harness.send();
  await harness.until(async () => (await harness.attempts(endpoint)).length === 2);
  const states = (await harness.attempts(endpoint)).map(({ deliveryState }) => deliveryState);
  expect(states).toEqual(["pending", "failed"]);
});

test("a stored secret that cannot sign is a failed attempt that says so; rotated, the delivery goes on", async () => {
  const harness = await engineHarness({ retryScheduleMs: [1_000, 60_000] });
  const endpoint = await harness.addEndpoint({ secrets: [{ key: "whsec_!!!", expiresAt: null }] });
  await harness.send();
  await harness.until(async () => (await harness.attempts(endpoint)).length === 1);
  const [attempt] = await harness.attempts(endpoint);
  expect(attempt).toMatchObject({ status: "fail", errorClass: "secret_invalid", deliveryState: "pending" });
  expect(harness.posts).toEqual([]);
  await harness.updateEndpoint({ ...endpoint, secrets: [{ key: SECRET, expiresAt: null }] });
  await harness.pass(2_000);
  await harness.until(() => harness.posts.length === 1);
});
