import { createVerifier } from "@posthaste/receiver";
import { afterEach, expect, test } from "vitest";
import type { Attempt } from "../domain/attempt.ts";
import type { Endpoint } from "../domain/endpoint.ts";
import { operationalAppId, operationalApplication } from "../domain/operational.ts";
import { DAY_MS } from "../domain/time.ts";
import { cleanUp, engineHarness, type Harness, SECRET } from "./testing/engine-harness.ts";
import { newEndpoint } from "./testing/new-entities.ts";
import type { Post } from "./testing/receiver.ts";

afterEach(cleanUp);

const OPERATOR = "https://operator.example/hook";

/** An operational endpoint, made as the API makes one. */
async function listen(harness: Harness, changes: Partial<Endpoint> = {}): Promise<Endpoint> {
  const { store, engine, runtime, application } = harness;
  const appId = operationalAppId(application.environmentId);
  const made = operationalApplication(application.environmentId, runtime.clock.now());
  await store.applications.ensureOperational(made);
  const endpoint = newEndpoint(runtime.ids.next("ep_"), appId, { url: OPERATOR, ...changes });
  await store.endpoints.insert(endpoint, {});
  await engine.applicationChanged(appId);
  return endpoint;
}

interface Told {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}
const told = (harness: Harness): Told[] =>
  harness.posts.filter(({ url }) => url === OPERATOR).map(({ body }) => JSON.parse(body) as Told);
const types = (harness: Harness): string[] => told(harness).map(({ type }) => type);

const logged = (attempt: Attempt | undefined, rest: object): object => {
  const { id, timestamp = 0, durationMs = 0 } = attempt ?? {};
  const [attemptStart, attemptEnd] = [timestamp, timestamp + durationMs].map((at) =>
    new Date(at).toISOString(),
  );
  return { attemptId: id, attemptStart, attemptEnd, ...rest };
};

/** The operator hears; everybody else answers this. */
const others =
  (status: number | ((post: Post) => number)) =>
  (post: Post): number =>
    post.url === OPERATOR ? 204 : typeof status === "number" ? status : status(post);

test("a delivery that failed for good is told once, signed, with its last attempt", async () => {
  const harness = await engineHarness({ retryScheduleMs: [1_000] });
  await listen(harness);
  const endpoint = await harness.addEndpoint();
  harness.answer = others(500);
  const message = await harness.send({ eventId: "order-1" });
  await harness.pass(3_000);
  await harness.until(() => told(harness).length === 1);
  const last = (await harness.attempts(endpoint)).at(-1);
  expect(told(harness)).toEqual([
    {
      type: "message.attempt.exhausted",
      timestamp: expect.any(String) as string,
      data: {
        appId: message.appId,
        appUid: "ana",
        endpointId: endpoint.id,
        msgId: message.id,
        msgEventId: "order-1",
        lastAttempt: {
          id: last?.id,
          responseStatusCode: 500,
          timestamp: new Date(last?.timestamp ?? 0).toISOString(),
        },
      },
    },
  ]);
  const post = harness.posts.find(({ url }) => url === OPERATOR);
  const verifier = createVerifier({ secrets: SECRET, now: () => post?.at ?? 0 });
  await expect(
    verifier.verify({ headers: post?.headers ?? {}, body: post?.body ?? "" }),
  ).resolves.toMatchObject({ id: post?.messageId });
  await harness.pass(5_000);
  expect(types(harness)).toEqual(["message.attempt.exhausted"]);
});

test("the fourth failure is told as failing, and a success after that as recovered", async () => {
  const harness = await engineHarness({ retryScheduleMs: [100, 100, 100, 100, 100] });
  await listen(harness);
  const endpoint = await harness.addEndpoint();
  let tries = 0;
  harness.answer = others(() => (++tries <= 4 ? 500 : 200));
  await harness.send();
  await harness.until(async () => {
    await harness.pass(500);
    return told(harness).length === 2;
  });
  expect(types(harness)).toEqual(["message.attempt.failing", "message.attempt.recovered"]);
  const attempts = await harness.attempts(endpoint);
  expect(told(harness).map(({ data }) => data["lastAttempt"])).toMatchObject([
    { id: attempts[3]?.id, responseStatusCode: 500 },
    { id: attempts[4]?.id, responseStatusCode: 200 },
  ]);
});

test("an endpoint that is disabled by 410 is told beside the delivery that ended with it", async () => {
  const harness = await engineHarness();
  await listen(harness);
  const endpoint = await harness.addEndpoint({ uid: "shop" });
  harness.answer = others(410);
  const { appId } = await harness.send();
  await harness.until(() => told(harness).length === 2);
  expect(types(harness).toSorted()).toEqual(["endpoint.disabled", "message.attempt.exhausted"]);
  expect(told(harness).find(({ type }) => type === "endpoint.disabled")?.data).toEqual({
    appId,
    appUid: "ana",
    endpointId: endpoint.id,
    endpointUid: "shop",
    failSince: null,
    trigger: "automatic",
  });
});

test("five days of nothing but failures: the operator hears since when", async () => {
  const harness = await engineHarness({ retryScheduleMs: [] });
  await listen(harness, { eventTypes: ["endpoint.disabled"] });
  const failingSince = harness.runtime.clock.now() - 5 * DAY_MS;
  await harness.addEndpoint({ failingSince });
  harness.answer = others(500);
  await harness.send();
  await harness.until(() => told(harness).length === 1);
  expect(told(harness)[0]?.data).toMatchObject({ failSince: new Date(failingSince).toISOString() });
});

test("operational endpoints that fail, or answer 410, tell nothing of themselves", async () => {
  const harness = await engineHarness({ retryScheduleMs: [50, 50, 50, 50, 50] });
  const operator = await listen(harness);
  const gone = await listen(harness, { url: `${OPERATOR}/gone` });
  await harness.addEndpoint({ retryScheduleMs: [] });
  harness.answer = ({ url }) => (url === gone.url ? 410 : 500);
  await harness.send();
  await harness.until(async () => {
    await harness.pass(500);
    return (await harness.attempts(operator)).length === 6;
  });
  await harness.until(async () => {
    const stored = await harness.store.endpoints.listAll(gone.appId);
    return stored.find(({ id }) => id === gone.id)?.disabled === true;
  });
  await harness.pass(2_000);
  const page = { limit: 50, after: null, order: "ascending" } as const;
  const messages = await harness.store.history.listMessages({
    appId: operator.appId,
    page,
    withPayload: false,
  });
  expect(messages.map(({ eventType }) => eventType)).toEqual(["message.attempt.exhausted"]);
});

test("an environment without operational endpoints makes no message, and one that gets its first does", async () => {
  const harness = await engineHarness({ retryScheduleMs: [] });
  const endpoint = await harness.addEndpoint();
  harness.answer = others(500);
  await harness.send();
  await harness.until(async () => (await harness.attempts(endpoint)).length === 1);
  await listen(harness, { eventTypes: ["message.attempt.exhausted"] });
  const { id } = await harness.send();
  await harness.until(() => told(harness).length === 1);
  expect(told(harness)[0]?.data["msgId"]).toBe(id);
});

test("each attempt is logged for an endpoint that names the log, and for no other; its own are not", async () => {
  const harness = await engineHarness({ retryScheduleMs: [100] });
  const operator = await listen(harness, { eventTypes: ["message.attempt.log"] });
  const all = await listen(harness, { url: `${OPERATOR}/all` });
  const endpoint = await harness.addEndpoint();
  let tries = 0;
  harness.answer = others(() => (++tries === 1 ? 500 : 200));
  const message = await harness.send({ eventId: "order-9" });
  await harness.until(async () => {
    await harness.pass(500);
    return told(harness).length === 2;
  });
  await harness.pass(5_000);
  const [first, second] = await harness.attempts(endpoint);
  const entry = {
    orgId: harness.application.environmentId.replace("env_", "org_"),
    appId: message.appId,
    appUid: "ana",
    endpointId: endpoint.id,
    msgId: message.id,
    msgEventId: "order-9",
    msgCreated: new Date(message.createdAt).toISOString(),
    eventType: message.eventType,
  };
  expect(told(harness).map(({ type, data }) => ({ type, data }))).toEqual([
    {
      type: "message.attempt.log",
      data: [{ ...entry, ...logged(first, { status: 2, responseStatusCode: 500, attemptCount: 1 }) }],
    },
    {
      type: "message.attempt.log",
      data: [{ ...entry, ...logged(second, { status: 0, responseStatusCode: 200, attemptCount: 2 }) }],
    },
  ]);
  expect(await harness.attempts(operator)).toHaveLength(2);
  expect(await harness.attempts(all)).toEqual([]);
});

test("what was stored but not sent when the process was killed is told by the next one, once", async () => {
  const harness = await engineHarness({ retryScheduleMs: [] });
  const operator = await listen(harness);
  const endpoint = await harness.addEndpoint();
  harness.answer = others(500);
  await harness.send();
  await harness.until(async () => (await harness.attempts(endpoint)).length === 1);
  const next = await harness.replaceEngine();
  await next.until(async () => (await next.attempts(operator)).some(({ status }) => status === "success"));
  expect(types(next).length + types(harness).length).toBeGreaterThanOrEqual(1);
  const ids = [...harness.posts, ...next.posts]
    .filter(({ url }) => url === OPERATOR)
    .map(({ messageId }) => messageId);
  expect(new Set(ids).size).toBe(1);
});

test("no request finds their application, by id or in memory", async () => {
  const harness = await engineHarness();
  const { appId } = await listen(harness);
  const { environmentId } = harness.application;
  expect((await harness.engine.operational.find(environmentId))?.endpoints).toHaveLength(1);
  expect(await harness.engine.findApplication({ environmentId, ref: appId })).toBeNull();
});
