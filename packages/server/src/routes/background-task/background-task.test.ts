import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTestServer, type Reply, type TestServer } from "../../testing/test-server.ts";

let server: TestServer;
let app: string;
let base: string;
beforeAll(async () => {
  server = await startTestServer();
});
beforeEach(async () => {
  server.answer = () => ({ status: 204 });
  app = await server.application();
  base = `/api/v1/app/${app}`;
});
afterAll(() => server.close());

interface TaskBody {
  readonly id: string;
  readonly status: string;
  readonly task: string;
  readonly data: Readonly<Record<string, unknown>>;
}

async function start(path: string, body?: object, method = "POST"): Promise<TaskBody> {
  const reply = await server.call(method, path, body === undefined ? {} : { body });
  expect(reply).toMatchObject({ status: 202, json: { status: "running" } });
  return reply.json as unknown as TaskBody;
}

const read = async (id: string): Promise<TaskBody> =>
  (await server.call("GET", `/api/v1/background-task/${id}`)).json as unknown as TaskBody;

const sum = (counts: number[] = []): number => counts.reduce((total, count) => total + count, 0);

/** Time goes on until it has ended. */
async function end(id: string): Promise<TaskBody> {
  return server.until(async () => {
    const task = await read(id);
    await server.runtime.advance(50);
    return task.status !== "running" && task;
  });
}

/** Messages that this test's application sent, in order. */
const posted = (): string[] =>
  server.posts.flatMap(({ url, headers }) => (url.includes(app) ? [headers["webhook-id"] ?? ""] : []));

/** Those behind the first ones, once there are so many. */
async function sent(from: number, count: number): Promise<string[]> {
  await server.until(async () => {
    await server.runtime.advance(10);
    return posted().length >= from + count;
  });
  return posted().slice(from);
}

const addEndpoint = (fields: object = {}): Promise<string> =>
  server.endpoint(app, { url: `https://example.com/${app}`, ...fields });

const sorted = (ids: readonly string[]): string[] => ids.toSorted((a, b) => (a < b ? -1 : 1));

const iso = (offsetMs = 0): string => new Date(server.runtime.clock.now() + offsetMs).toISOString();

/** Once an endpoint's numbers are these. */
const stats = (endpoint: string, expected: object): Promise<Reply> =>
  server.until(async () => {
    const reply = await server.call("GET", `${base}/endpoint/${endpoint}/stats`);
    await server.runtime.advance(10);
    const fits = Object.entries(expected).every(
      ([name, count]) => (reply.json as unknown as Record<string, unknown>)[name] === count,
    );
    return fits && reply;
  });

describe("recover", () => {
  it("sends what failed since a time once more, under the same id, and nothing else", async () => {
    await addEndpoint({ uid: "shop", retrySchedule: [] });
    server.answer = () => ({ status: 500 });
    await server.message(app);
    await stats("shop", { fail: 1 });
    await server.runtime.advance(60_000);
    const since = iso();
    const failed = [await server.message(app), await server.message(app)];
    await stats("shop", { fail: 3 });
    server.answer = () => ({ status: 204 });
    await server.message(app);
    await stats("shop", { success: 1 });
    const before = posted().length;
    const body = { since };
    const headers = { "idempotency-key": `recover-${app}` };
    const first = await server.call("POST", `${base}/endpoint/shop/recover`, { body, headers });
    const second = await server.call("POST", `${base}/endpoint/shop/recover`, { body, headers });
    expect(first.json).toEqual(second.json);
    const task = await end(first.json.id);
    expect(task).toMatchObject({
      task: "endpoint.recover",
      status: "finished",
      data: { looked: 3, done: 2 },
    });
    expect(sorted(await sent(before, 2))).toEqual(sorted(failed));
    await stats("shop", { success: 3 });
    const { json } = await server.call("GET", `${base}/attempt/msg/${failed[0]}`);
    expect(json.data).toMatchObject([
      { triggerType: 1, status: 0 },
      { triggerType: 0, status: 2 },
    ]);
    const again = await end((await start(`${base}/endpoint/shop/recover`, body)).id);
    expect(again).toMatchObject({ status: "finished", data: { done: 0 } });
    expect(posted()).toHaveLength(before + 2);
  });

  it("keeps a FIFO endpoint's order over many pages", async () => {
    await addEndpoint({ uid: "queue", fifo: true, retrySchedule: [] });
    server.answer = () => ({ status: 400 });
    const since = iso();
    const messages = Array.from({ length: 150 }, () => ({ eventType: "order.completed", payload: {} }));
    await server.call("POST", `${base}/msg/batch`, { body: { messages } });
    await stats("queue", { fail: 150, pending: 0, sending: 0 });
    server.answer = () => ({ status: 204 });
    const before = posted().length;
    const task = await end((await start(`${base}/endpoint/queue/recover`, { since })).id);
    expect(task.data).toMatchObject({ done: 150 });
    const ids = await sent(before, 150);
    expect(ids).toEqual(sorted(ids));
    expect(new Set(ids).size).toBe(150);
  });
});

describe("replays", () => {
  it("of what is missing send what an endpoint wants and never got", async () => {
    await addEndpoint();
    const wanted = await server.message(app, { eventType: "order.refunded" });
    await server.message(app);
    const since = iso(-60_000);
    await addEndpoint({ uid: "late", eventTypes: ["order.refunded"] });
    const got = await server.message(app, { eventType: "order.refunded" });
    await stats("late", { success: 1 });
    const before = posted().length;
    const task = await end((await start(`${base}/endpoint/late/replay-missing`, { since })).id);
    expect(task).toMatchObject({ task: "endpoint.replay", status: "finished", data: { done: 1 } });
    expect(await sent(before, 1)).toEqual([wanted]);
    expect(got).not.toBe(wanted);
  });

  it("in bulk send what it got, narrowed", async () => {
    await addEndpoint({ uid: "shop", retrySchedule: [] });
    const good = await server.message(app, { tags: ["vip"] });
    await stats("shop", { success: 1 });
    server.answer = () => ({ status: 400 });
    const bad = await server.message(app, { eventType: "order.refunded" });
    await stats("shop", { fail: 1 });
    server.answer = () => ({ status: 204 });
    const since = iso(-60_000);
    for (const [filter, expected] of [
      [{ status: 2 }, [bad]],
      [{ tag: "vip" }, [good]],
      [{ eventTypes: ["course.finished"] }, []],
      [{ statusCodeClass: 400 }, []],
      [{ until: iso(-30_000) }, []],
      [{}, [good, bad]],
    ] as const) {
      const before = posted().length;
      const task = await end((await start(`${base}/endpoint/shop/bulk-replay`, { since, ...filter })).id);
      expect(task).toMatchObject({ task: "endpoint.bulk-replay", data: { done: expected.length } });
      expect(sorted(await sent(before, expected.length))).toEqual(sorted(expected));
      await stats("shop", { pending: 0, sending: 0 });
    }
  });

  it("are refused of a disabled endpoint, a time ahead, and what is no span", async () => {
    const id = await addEndpoint();
    for (const kind of ["recover", "replay-missing", "bulk-replay"]) {
      const path = `${base}/endpoint/${id}/${kind}`;
      for (const body of [
        {},
        { since: "yesterday" },
        { since: iso(60_000) },
        { since: iso(-1_000), until: iso(-2_000) },
      ]) {
        expect((await server.call("POST", path, { body })).status).toBe(422);
      }
    }
    await server.call("PATCH", `${base}/endpoint/${id}`, { body: { disabled: true } });
    const body = { since: iso(-1_000) };
    const refused = await server.call("POST", `${base}/endpoint/${id}/recover`, { body });
    expect(refused.json.code).toBe("endpoint_disabled");
  });
});

describe("payloads", () => {
  it("of several messages, and of all, are deleted", async () => {
    const [first, second, third] = [
      await server.message(app, { eventId: "one" }),
      await server.message(app),
      await server.message(app),
    ];
    const ids = ["one", second, "nobody"];
    const { json } = await server.call("POST", `${base}/msg/bulk-expunge`, { body: { ids } });
    expect(json).toEqual({ results: { one: "expunged", [second]: "expunged", nobody: "not-found" } });
    const payloads = async (): Promise<unknown[]> =>
      (await server.call("GET", `${base}/msg`)).json.data.map(({ payload }) => payload);
    const expired = { expired: true };
    expect(await payloads()).toEqual([{ a: 1 }, expired, expired]);
    const task = await end((await start(`${base}/msg/expunge-all-contents`)).id);
    expect(task).toMatchObject({ task: "application.purge_content", data: { done: 3 } });
    expect(await payloads()).toEqual([expired, expired, expired]);
    expect([first, third]).not.toContain(second);
  });
});

describe("statistics", () => {
  it("count messages by type, deliveries by application, attempts by period, and endpoints", async () => {
    await addEndpoint({ uid: "shop", retrySchedule: [] });
    const since = iso();
    await server.message(app);
    await server.message(app, { eventType: "stats.only" });
    await stats("shop", { success: 2 });
    const types = await end((await start("/api/v1/stats/usage/event-types", undefined, "PUT")).id);
    expect(types.data["eventTypes"]).toMatchObject({ "stats.only": 1 });
    const body = { since, until: iso(60_000), appIds: [app, "nobody"] };
    const started = await start("/api/v1/stats/usage/app", body);
    expect(started).toMatchObject({ task: "application.stats", unresolvedAppIds: ["nobody"] });
    const usage = await end(started.id);
    expect(usage.data["appStats"]).toEqual([{ appId: app, messageDestinations: 2 }]);
    const attempts = await server.call("GET", `/api/v1/stats/app/${app}/attempt?period=FiveMinutes`);
    const { successCount, failureCount } = attempts.json.data as unknown as Record<string, number[]>;
    expect(successCount).toHaveLength(28);
    expect(sum(successCount)).toBe(2);
    expect(failureCount?.every((count) => count === 0)).toBe(true);
    const only = await server.call("GET", `/api/v1/stats/app/${app}/attempt?event_types=stats.only`);
    expect(sum((only.json.data as unknown as Record<string, number[]>)["successCount"])).toBe(1);
    for (const query of [
      "startDate=x",
      "period=OneYear",
      "startDate=2001-01-01T00:00:00Z&period=FiveMinutes",
    ]) {
      expect((await server.call("GET", `/api/v1/stats/app/${app}/attempt?${query}`)).status).toBe(422);
    }
    expect((await server.call("GET", "/api/v1/stats/endpoint/count")).json).toMatchObject({
      active: expect.any(Number),
      disabled: expect.any(Number),
    });
  });
});

describe("an export of event types", () => {
  const path = "/api/v1/event-type/export/openapi";

  it("is a task that brings the document once it has finished", async () => {
    const task = await start(path);
    expect(task.task).toBe("sdk.generate");
    const { status, data } = await end(task.id);
    expect(status).toBe("finished");
    expect(data["openapi"]).toEqual((await server.call("GET", path)).json);
    const list = await server.call("GET", "/api/v1/background-task?task=sdk.generate");
    expect(list.json.data.map(({ id }) => id)).toEqual([task.id]);
    expect(list.text).not.toContain("openapi");
  });

  it("is started once for one Idempotency-Key", async () => {
    const headers = { "idempotency-key": "export-1" };
    const first = await server.call("POST", path, { headers });
    expect((await server.call("POST", path, { headers })).text).toBe(first.text);
  });

  it("shows the document only to those who may read event types, and the task to its environment", async () => {
    const { id } = await start(path);
    await end(id);
    const keys = `/api/v1/management/authentication/${server.live.environmentId}/api-token`;
    const body = { name: "Some", scopes: ["read:task"] };
    const { token: key } = (await server.call("POST", keys, { body })).json;
    const seen = await server.call("GET", `/api/v1/background-task/${id}`, { key });
    expect(seen.json).toMatchObject({ status: "finished" });
    expect(seen.text).not.toContain("openapi");
    expect((await server.call("POST", path, { key })).status).toBe(403);
    expect((await server.call("POST", path, { key: null })).status).toBe(401);
    const foreign = { key: server.sandbox.key };
    expect((await server.call("GET", `/api/v1/background-task/${id}`, foreign)).status).toBe(404);
  });
});

describe("background tasks", () => {
  it("are listed, narrowed, and known to their environment only", async () => {
    const task = await start(`${base}/msg/expunge-all-contents`);
    await end(task.id);
    const list = await server.call(
      "GET",
      "/api/v1/background-task?task=application.purge_content&status=finished",
    );
    expect(list.json.data[0]).toEqual(await read(task.id));
    for (const query of ["status=running&task=application.purge_content", "task=message.broadcast"]) {
      expect((await server.call("GET", `/api/v1/background-task?${query}`)).json.data).toEqual([]);
    }
    const path = `/api/v1/background-task/${task.id}`;
    const { key } = server.sandbox;
    expect((await server.call("GET", path, { key })).status).toBe(404);
    expect((await server.call("POST", `${path}/cancel`, { key })).status).toBe(404);
    expect((await server.call("GET", "/api/v1/background-task", { key })).json.data).toEqual([]);
    expect((await server.call("GET", `/api/v1/background-task/qtask_${"0".repeat(27)}`)).status).toBe(404);
    expect((await server.call("GET", "/api/v1/background-task/x")).status).toBe(422);
    expect((await server.call("GET", "/api/v1/background-task?status=canceled")).status).toBe(422);
    expect((await server.call("GET", path, { key: null })).status).toBe(401);
  });

  it("stop when they are canceled, and wait while their endpoint does not keep up", async () => {
    await addEndpoint({ uid: "slow", retrySchedule: [] });
    server.answer = () => ({ status: 400 });
    const since = iso();
    const messages = Array.from({ length: 900 }, () => ({ eventType: "order.completed", payload: {} }));
    await server.call("POST", `${base}/msg/batch`, { body: { messages } });
    await server.until(async () => {
      await server.runtime.advance(500);
      const { json } = await server.call("GET", `${base}/endpoint/slow/stats`);
      return (json as unknown as { fail: number }).fail === 900;
    });
    const task = await start(`${base}/endpoint/slow/recover`, { since });
    const under = await server.until(async () => {
      await server.runtime.advance(100);
      const { data } = await read(task.id);
      return Number(data["done"]) > 0 && data;
    });
    expect(Number(under["done"])).toBeLessThan(900);
    const canceled = await server.call("POST", `/api/v1/background-task/${task.id}/cancel`);
    expect(canceled.json).toMatchObject({ status: "failed", data: { canceled: true } });
    const again = await server.call("POST", `/api/v1/background-task/${task.id}/cancel`);
    expect(again.json).toEqual(canceled.json);
    await server.runtime.advance(5_000);
    expect(await read(task.id)).toEqual(canceled.json);
  });
});
