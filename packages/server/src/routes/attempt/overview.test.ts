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

/** Once its answer is as expected. */
async function eventually(path: string, expected: object): Promise<Reply> {
  return server.until(async () => {
    const reply = await server.call("GET", `${base}/${path}`);
    await server.runtime.advance(10);
    try {
      expect(reply.json).toMatchObject(expected);
      return reply;
    } catch {
      return null;
    }
  });
}

const attempted = (message: string, count = 1): Promise<Reply> =>
  eventually(`attempt/msg/${message}`, { data: Array.from({ length: count }, () => ({})) });

describe("the messages of an endpoint", () => {
  it("are listed with how each stands, both ways, and narrowed", async () => {
    const endpoint = await server.endpoint(app, { uid: "shop" });
    await server.endpoint(app, { eventTypes: ["course.finished"] });
    const good = await server.message(app, { tags: ["vip"] });
    await attempted(good);
    server.answer = () => ({ status: 500 });
    const waiting = await server.message(app);
    await attempted(waiting);
    const elsewhere = await server.message(app, { eventType: "course.finished" });
    const all = await eventually("endpoint/shop/msg", {
      data: [
        { id: elsewhere, status: 1 },
        { id: waiting, status: 1, statusText: "pending", nextAttempt: expect.any(String) },
        { id: good, status: 0, statusText: "success", nextAttempt: null, payload: { a: 1 } },
      ],
      done: true,
    });
    const first = await server.call("GET", `${base}/endpoint/${endpoint}/msg?limit=1`);
    expect(first.json).toMatchObject({ data: [all.json.data[0]], done: false });
    const next = await server.call("GET", `${base}/endpoint/shop/msg?iterator=${first.json.iterator}`);
    expect(next.json.data).toEqual(all.json.data.slice(1));
    const listed = async (query: string): Promise<string[]> =>
      (await server.call("GET", `${base}/endpoint/shop/msg?${query}`)).json.data.map(({ id }) => id);
    expect(await listed("status=0")).toEqual([good]);
    expect(await listed("status=1")).toEqual([elsewhere, waiting]);
    expect(await listed("status=2")).toEqual([]);
    expect(await listed("status=4")).toEqual([]);
    expect(await listed("tag=vip")).toEqual([good]);
    expect(await listed("event_types=course.finished")).toEqual([elsewhere]);
    const bare = await server.call("GET", `${base}/endpoint/shop/msg?with_content=false&status=0`);
    expect(bare.json.data[0]?.payload).toEqual({});
  });

  it("reads past any number of messages that were for others", async () => {
    const shop = await server.endpoint(app, { eventTypes: ["order.refunded"] });
    const mine = await server.message(app, { eventType: "order.refunded" });
    await attempted(mine);
    for (let part = 0; part < 3; part++) {
      const messages = Array.from({ length: 200 }, () => ({ eventType: "order.completed", payload: {} }));
      await server.call("POST", `${base}/msg/batch`, { body: { messages } });
    }
    const { json } = await server.call("GET", `${base}/endpoint/${shop}/msg`);
    expect(json.data.map(({ id }) => id)).toEqual([mine]);
  });
});

describe("the destinations of a message", () => {
  it("are those it was for, each with how it stands", async () => {
    const good = await server.endpoint(app, { url: "https://example.com/good" });
    const bad = await server.endpoint(app, { url: "https://example.com/bad", retrySchedule: [] });
    await server.endpoint(app, { eventTypes: ["course.finished"] });
    server.answer = ({ url }) => ({ status: url.endsWith("good") ? 204 : 500 });
    const message = await server.message(app, { eventId: "evt" });
    await attempted(message, 2);
    const { json } = await eventually("msg/evt/endpoint", {
      data: [
        { id: bad, status: 2, statusText: "fail", nextAttempt: null },
        { id: good, status: 0, url: "https://example.com/good" },
      ],
    });
    const page = await server.call("GET", `${base}/msg/${message}/endpoint?limit=1`);
    expect(page.json).toMatchObject({ data: [json.data[0]], iterator: bad, done: false });
    const next = await server.call("GET", `${base}/msg/${message}/endpoint?iterator=${bad}`);
    expect(next.json.data).toEqual([json.data[1]]);
  });
});

describe("numbers of an endpoint", () => {
  it("count how deliveries ended and what is owed", async () => {
    await server.endpoint(app, { uid: "shop", retrySchedule: [60] });
    await attempted(await server.message(app));
    server.answer = () => ({ status: 400 });
    const failing = await server.message(app, { tags: ["vip"] });
    await attempted(failing);
    const stats = { success: 1, pending: 1, sending: 0, fail: 0, canceled: 0 };
    await eventually("endpoint/shop/stats", stats);
    await server.runtime.advance(90_000);
    await attempted(failing, 2);
    await eventually("endpoint/shop/stats", { ...stats, pending: 0, fail: 1 });
    const count = async (query = ""): Promise<unknown> =>
      (await server.call("GET", `${base}/attempt/endpoint/shop/count${query}`)).json;
    expect(await count()).toEqual({ count: 3, approximated: false });
    expect(await count("?status=2")).toMatchObject({ count: 2 });
    expect(await count("?status=1")).toMatchObject({ count: 0 });
    expect(await count("?status_code_class=200")).toMatchObject({ count: 1 });
    expect(await count("?tag=vip")).toMatchObject({ count: 2 });
    expect(
      await count(`?after=${new Date(server.runtime.clock.now() + 60_000).toISOString()}`),
    ).toMatchObject({
      count: 0,
    });
    const later = new Date(server.runtime.clock.now() + 60_000).toISOString();
    const none = await server.call("GET", `${base}/endpoint/shop/stats?since=${later}`);
    expect(none.json).toEqual({ success: 0, pending: 0, sending: 0, fail: 0, canceled: 0 });
  });

  it("say whether its rate holds deliveries back", async () => {
    await server.endpoint(app, { uid: "slow", throttleRate: 1 });
    await server.endpoint(app, { uid: "free" });
    for (let count = 0; count < 5; count++) await server.message(app);
    const { json } = await server.call("GET", `${base}/endpoint/slow/rate-limit-status`);
    expect(json).toEqual({ status: "RateLimited" });
    expect((await server.call("GET", `${base}/endpoint/free/rate-limit-status`)).json).toEqual({
      status: "Ok",
    });
    await server.runtime.advance(10_000);
    await eventually("endpoint/slow/rate-limit-status", { status: "Ok" });
  });
});

describe("an attempt", () => {
  it("shows its headers, secret ones by name only", async () => {
    await server.endpoint(app, { headers: { "x-shop": "1", authorization: "Basic abc" } });
    const message = await server.message(app);
    const { json } = await attempted(message);
    const reply = await server.call("GET", `${base}/msg/${message}/attempt/${json.data[0]?.id}/headers`);
    expect(reply.status).toBe(200);
    expect(reply.json).toMatchObject({
      sentHeaders: { "webhook-id": message },
      responseHeaders: [],
      sensitive: expect.arrayContaining(["authorization", "x-shop"]),
    });
    expect(reply.json).not.toHaveProperty("sentHeaders.x-shop");
    expect(reply.text).not.toContain("Basic");
  });

  it("loses what was answered, and stays", async () => {
    server.answer = () => ({ status: 200, body: "a secret" });
    await server.endpoint(app);
    const message = await server.message(app);
    const [attempt] = (await attempted(message)).json.data;
    const path = `${base}/msg/${message}/attempt/${attempt?.id}`;
    for (let times = 0; times < 2; times++) {
      expect((await server.call("DELETE", `${path}/content`)).status).toBe(204);
    }
    expect((await server.call("GET", path)).json).toEqual({ ...attempt, response: "EXPUNGED" });
  });
});

describe("a message's payload", () => {
  it("is deleted everywhere: what is owed of it is canceled, it cannot be resent", async () => {
    const endpoint = await server.endpoint(app);
    server.answer = () => ({ status: 503 });
    const message = await server.message(app, { payload: { card: "4111" }, eventId: "evt" });
    await attempted(message);
    expect((await server.call("DELETE", `${base}/msg/evt/content`)).status).toBe(204);
    expect((await server.call("DELETE", `${base}/msg/evt/content`)).status).toBe(204);
    const shown = await server.call("GET", `${base}/msg/${message}`);
    expect(shown.json.payload).toEqual({ expired: true });
    const sent = server.posts.length;
    await server.runtime.advance(10_000);
    await eventually(`attempt/msg/${message}?expanded_statuses=true`, {
      data: [{ status: 4, statusText: "canceled" }, { status: 2 }],
    });
    expect(server.posts).toHaveLength(sent);
    const resent = await server.call("POST", `${base}/msg/${message}/endpoint/${endpoint}/resend`);
    expect(resent.status).toBe(400);
  });

  it("is deleted of what waits in memory too", async () => {
    await server.endpoint(app, { throttleRate: 1 });
    const first = await server.message(app);
    const second = await server.message(app, { payload: { card: "5500" } });
    const third = await server.message(app);
    await server.call("DELETE", `${base}/msg/${second}/content`);
    await server.runtime.advance(10_000);
    for (const message of [first, third])
      await eventually(`attempt/msg/${message}`, { data: [{ status: 0 }] });
    await eventually(`attempt/msg/${second}?expanded_statuses=true`, { data: [{ status: 4 }] });
    expect(server.posts.some(({ body }) => Buffer.from(body).includes("5500"))).toBe(false);
  });
});

describe("an example", () => {
  it("goes to one endpoint, whatever it asks for, once for one key", async () => {
    const schemas = { 1: { examples: [{ old: true }] }, 2: { examples: [{ order: 1 }, { order: 2 }] } };
    await server.call("POST", "/api/v1/event-type", {
      body: { name: "ex.ample", description: "x", schemas },
    });
    await server.endpoint(app, { url: "https://example.com/other" });
    const endpoint = await server.endpoint(app, { eventTypes: ["order.refunded"], channels: ["eu"] });
    const path = `${base}/endpoint/${endpoint}/send-example`;
    const body = { eventType: "ex.ample", exampleIndex: 1 };
    const headers = { "idempotency-key": "example" };
    const sent = await server.call("POST", path, { body, headers });
    expect(sent).toMatchObject({ status: 202, json: { eventType: "ex.ample", payload: { order: 2 } } });
    expect((await server.call("POST", path, { body, headers })).json).toEqual(sent.json);
    await eventually(`attempt/msg/${sent.json.id}`, { data: [{ endpointId: endpoint, status: 0 }] });
    const ping = await server.call("POST", path, { body: { eventType: "svix.ping" } });
    expect(ping).toMatchObject({ status: 202, json: { payload: { success: true } } });
    for (const wrong of [
      { eventType: "no.such" },
      { eventType: "order.completed" },
      { eventType: "ex.ample", exampleIndex: 9 },
      { eventType: "ex.ample", exampleIndex: -1 },
      {},
    ]) {
      expect((await server.call("POST", path, { body: wrong })).status).toBe(422);
    }
    await server.call("PATCH", `${base}/endpoint/${endpoint}`, { body: { disabled: true } });
    expect((await server.call("POST", path, { body })).json.code).toBe("endpoint_disabled");
  });
});

/** Every operation here, on these. */
const paths = (ep: string, msg: string, at: string): [string, string, object?][] => [
  ["GET", `endpoint/${ep}/msg`],
  ["GET", `msg/${msg}/endpoint`],
  ["GET", `endpoint/${ep}/stats`],
  ["GET", `endpoint/${ep}/rate-limit-status`],
  ["GET", `attempt/endpoint/${ep}/count`],
  ["POST", `endpoint/${ep}/send-example`, { eventType: "svix.ping" }],
  ["DELETE", `msg/${msg}/content`],
  ["GET", `msg/${msg}/attempt/${at}/headers`],
  ["DELETE", `msg/${msg}/attempt/${at}/content`],
];

it("what another environment owns, or nobody, is not found; a call without a key is refused", async () => {
  const endpoint = await server.endpoint(app);
  const message = await server.message(app);
  const [attempt] = (await attempted(message)).json.data;
  const nobody = "0".repeat(27);
  const own = paths(endpoint, message, attempt?.id ?? "");
  for (const [method, path, body] of own) {
    const options = body === undefined ? {} : { body };
    const url = `${base}/${path}`;
    expect((await server.call(method, url, { ...options, key: null })).status, path).toBe(401);
    expect((await server.call(method, url, { ...options, key: server.sandbox.key })).status, path).toBe(404);
  }
  for (const [method, path, body] of paths(`ep_${nobody}`, `msg_${nobody}`, `atmpt_${nobody}`)) {
    const options = body === undefined ? {} : { body };
    expect((await server.call(method, `${base}/${path}`, options)).status, path).toBe(404);
  }
  const [, , , , , , , [, headers] = ["", ""]] = paths(endpoint, message, `atmpt_${nobody}`);
  expect((await server.call("GET", `${base}/${headers}`)).status).toBe(404);
  for (const path of [
    `endpoint/${endpoint}/msg?limit=0`,
    `endpoint/${endpoint}/msg?status=9`,
    `msg/${message}/endpoint?iterator=x`,
    `endpoint/${endpoint}/stats?since=yesterday`,
    `attempt/endpoint/${endpoint}/count?status_code_class=1`,
    `msg/${message}/attempt/x/headers`,
  ]) {
    expect((await server.call("GET", `${base}/${path}`)).status, path).toBe(422);
  }
});
