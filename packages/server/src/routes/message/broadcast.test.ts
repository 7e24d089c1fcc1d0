import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const PATH = "/api/v1/msg/broadcast";
const BODY = { eventType: "order.completed", payload: { a: 1 } };

const read = (id: string) => server.call("GET", `/api/v1/background-task/${id}`);

const isOver = ({ text }: { text: string }): boolean => !text.includes('"status":"running"');

async function end(id: string) {
  return server.until(async () => {
    await server.runtime.advance(50);
    const reply = await read(id);
    return isOver(reply) && reply;
  });
}

describe("a broadcast", () => {
  it("sends one message to every application of the environment, as it was written", async () => {
    const apps = [await server.application(), await server.application(), await server.application()];
    for (const app of apps) await server.endpoint(app);
    const since = server.posts.length;
    const payload = '{ "total":12345678901234567890.10, "b":1 }';
    const started = await server.call("POST", PATH, {
      body: `{"eventType":"order.completed","payload":${payload},"channels":null}`,
    });
    expect(started).toMatchObject({ status: 202, json: { status: "running", task: "message.broadcast" } });
    const { id } = started.json;
    const ended = await end(id);
    expect(ended.json).toMatchObject({
      status: "finished",
      data: { eventType: "order.completed", eventId: id, looked: apps.length, done: apps.length },
    });
    expect(ended.text).not.toContain("12345678901234567890");
    await server.until(async () => server.posts.length >= since + apps.length);
    const bodies = server.posts.slice(since).map(({ body }) => Buffer.from(body).toString());
    expect(bodies).toEqual(apps.map(() => payload));
    for (const app of apps) {
      const { json } = await server.call("GET", `/api/v1/app/${app}/msg/${id}`);
      expect(json).toMatchObject({ eventId: id, eventType: "order.completed" });
    }
  });

  it("is asked for once under one key, and stops when it is canceled", async () => {
    const headers = { "idempotency-key": "launch" };
    const [first, again] = [
      await server.call("POST", PATH, { body: BODY, headers }),
      await server.call("POST", PATH, { body: BODY, headers }),
    ];
    expect(again.json).toEqual(first.json);
    await server.call("POST", `/api/v1/background-task/${first.json.id}/cancel`);
    const canceled = (await read(first.json.id)).json;
    expect(canceled).toMatchObject({ status: "failed", data: { canceled: true } });
  });

  it("refuses what it cannot send", async () => {
    for (const body of [
      {},
      { eventType: "a b", payload: {} },
      { eventType: "a", payload: [] },
      { ...BODY, eventId: "msg_123456789012345678901234567" },
      { ...BODY, channels: [] },
      { ...BODY, payloadRetentionPeriod: 91 },
    ]) {
      expect([body, (await server.call("POST", PATH, { body })).status]).toEqual([body, 422]);
    }
    expect((await server.call("POST", PATH, { body: BODY, key: null })).status).toBe(401);
  });

  it("reaches its own environment only", async () => {
    const app = await server.application();
    const { json } = await server.call("POST", PATH, { body: BODY, key: server.sandbox.key });
    await server.until(async () => {
      await server.runtime.advance(50);
      const reply = await server.call("GET", `/api/v1/background-task/${json.id}`, {
        key: server.sandbox.key,
      });
      return isOver(reply);
    });
    expect((await read(json.id)).status).toBe(404);
    expect((await server.call("GET", `/api/v1/app/${app}/msg/${json.id}`)).status).toBe(404);
  });
});
