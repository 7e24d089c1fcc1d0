import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTestServer, type Body, type TestServer } from "../../testing/test-server.ts";

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

/** The attempts of a list once there are that many. */
function attempts(path: string, count = 1): Promise<Body["data"]> {
  return server.until(async () => {
    const { json } = await server.call("GET", `${base}/attempt/${path}`);
    if (json.data.length < count) await server.runtime.advance(1);
    return json.data.length >= count && json.data;
  });
}

describe("an attempt", () => {
  it("shows what was sent where and what came back", async () => {
    server.answer = () => ({ status: 500, body: "no, später €" });
    const endpoint = await server.endpoint(app, { url: "https://example.com/x?y=1" });
    const message = await server.message(app);
    const [attempt] = await attempts(`msg/${message}`);
    expect(attempt).toEqual({
      id: expect.stringMatching(/^atmpt_[A-Za-z0-9]{27}$/),
      msgId: message,
      endpointId: endpoint,
      url: "https://example.com/x?y=1",
      timestamp: expect.any(String),
      status: 2,
      statusText: "fail",
      triggerType: 0,
      response: "no, später €",
      responseStatusCode: 500,
      responseDurationMs: expect.any(Number),
    });
    expect(Number.isInteger((attempt as unknown as { responseDurationMs: number }).responseDurationMs)).toBe(
      true,
    );
    expect((await server.call("GET", `${base}/msg/${message}/attempt/${attempt?.id}`)).json).toEqual(attempt);
  });

  it("shows an answer that is no UTF-8 as base64", async () => {
    const bytes = Uint8Array.from([0xff, 0xfe, 0x00, 0x80]);
    server.answer = () => ({ status: 200, body: bytes });
    await server.endpoint(app);
    const message = await server.message(app);
    const [attempt] = await attempts(`msg/${message}`);
    expect(attempt?.response).toBe(Buffer.from(bytes).toString("base64"));
  });

  it("is found through the message's eventId, and under no other message", async () => {
    await server.endpoint(app);
    const message = await server.message(app, { eventId: "evt" });
    const other = await server.message(app);
    const [attempt] = await attempts("msg/evt");
    expect((await server.call("GET", `${base}/msg/evt/attempt/${attempt?.id}`)).json.id).toBe(attempt?.id);
    expect((await server.call("GET", `${base}/msg/${other}/attempt/${attempt?.id}`)).status).toBe(404);
    expect((await server.call("GET", `${base}/msg/${message}/attempt/atmpt_${"0".repeat(27)}`)).status).toBe(
      404,
    );
    expect((await server.call("GET", `${base}/msg/${message}/attempt/nonsense`)).status).toBe(422);
  });
});

describe("lists of attempts", () => {
  it("are newest first and go both ways", async () => {
    const endpoint = await server.endpoint(app, { uid: "shop" });
    const messages: string[] = [];
    for (let count = 0; count < 5; count++) {
      messages.unshift(await server.message(app));
      await attempts("endpoint/shop", count + 1);
    }
    const all = await attempts(`endpoint/${endpoint}`, 5);
    expect(all.map((attempt) => (attempt as unknown as { msgId: string }).msgId)).toEqual(messages);
    const first = (await server.call("GET", `${base}/attempt/endpoint/shop?limit=2`)).json;
    expect(first).toMatchObject({ iterator: all[1]?.id, prevIterator: `-${all[0]?.id}`, done: false });
    const second = (
      await server.call("GET", `${base}/attempt/endpoint/shop?limit=2&iterator=${first.iterator}`)
    ).json;
    expect(second.data.map(({ id }) => id)).toEqual([all[2]?.id, all[3]?.id]);
    const back = (
      await server.call("GET", `${base}/attempt/endpoint/shop?limit=2&iterator=${second.prevIterator}`)
    ).json;
    expect(back.data).toEqual(first.data);
    expect(back.done).toBe(true);
  });

  it("are filtered by status, class, channel, tag, type, time and endpoint", async () => {
    const [good, bad] = [
      await server.endpoint(app, { uid: "good", url: "https://example.com/good" }),
      await server.endpoint(app, { uid: "bad", url: "https://example.com/bad" }),
    ];
    server.answer = ({ url }) => ({ status: url.endsWith("good") ? 204 : 404 });
    const message = await server.message(app, { eventType: "a.one", channels: ["eu"], tags: ["vip"] });
    await attempts(`msg/${message}`, 2);
    const listed = async (query: string): Promise<unknown[]> => {
      const { status, json } = await server.call("GET", `${base}/attempt/msg/${message}?${query}`);
      expect(status).toBe(200);
      return json.data.map((attempt) => (attempt as unknown as { endpointId: string }).endpointId).toSorted();
    };
    const both = [good, bad].toSorted();
    expect(await listed("status=0")).toEqual([good]);
    expect(await listed("status=2")).toEqual([bad]);
    for (const status of [1, 3, 4]) expect(await listed(`status=${status}`)).toEqual([]);
    expect(await listed("status_code_class=200")).toEqual([good]);
    expect(await listed("status_code_class=400")).toEqual([bad]);
    expect(await listed("status_code_class=0")).toEqual([]);
    expect(await listed("channel=eu&tag=vip&event_types=a.one,b")).toEqual(both);
    expect(await listed("channel=us")).toEqual([]);
    expect(await listed("tag=nobody")).toEqual([]);
    expect(await listed("event_types=b")).toEqual([]);
    expect(await listed("endpoint_id=good")).toEqual([good]);
    expect(await listed(`endpoint_id=${bad}`)).toEqual([bad]);
    const later = new Date(server.runtime.clock.now() + 60_000).toISOString();
    expect(await listed(`before=${later}`)).toEqual(both);
    expect(await listed(`after=${later}`)).toEqual([]);
    expect((await server.call("GET", `${base}/attempt/msg/${message}?endpoint_id=nobody`)).status).toBe(404);
  });

  it("leave out answers, and add messages, when asked", async () => {
    server.answer = () => ({ status: 200, body: "thanks" });
    await server.endpoint(app, { uid: "shop" });
    const message = await server.message(app);
    await attempts("endpoint/shop");
    const bare = await server.call("GET", `${base}/attempt/endpoint/shop?with_content=false&with_msg=true`);
    expect(bare.json.data).toMatchObject([{ response: "{}", msg: { id: message, payload: {} } }]);
    const full = await server.call("GET", `${base}/attempt/endpoint/shop?with_msg=true`);
    expect(full.json.data).toMatchObject([{ response: "thanks", msg: { id: message, payload: { a: 1 } } }]);
    expect((await server.call("GET", `${base}/attempt/endpoint/shop`)).json.data[0]).not.toHaveProperty(
      "msg",
    );
  });

  it("show a canceled attempt as failed to clients that do not know it", async () => {
    const endpoint = await server.endpoint(app);
    await server.call("PATCH", `${base}/endpoint/${endpoint}`, { body: { disabled: false } });
    server.answer = () => ({ status: 503 });
    const message = await server.message(app);
    await attempts(`msg/${message}`);
    await server.call("DELETE", `${base}/endpoint/${endpoint}`);
    const canceled = await server.until(async () => {
      const attemptIds = Array.from({ length: 10 }, () => server.runtime.ids.next("atmpt_"));
      await server.store.history.cancelOrphans({ now: server.runtime.clock.now(), attemptIds });
      const list = await server.call("GET", `${base}/attempt/msg/${message}?status=4&expanded_statuses=true`);
      return list.json.data[0];
    });
    expect(canceled).toMatchObject({ status: 4, statusText: "canceled" });
    const path = `${base}/msg/${message}/attempt/${canceled.id}`;
    expect((await server.call("GET", path)).json).toMatchObject({ status: 2, statusText: "fail" });
    expect((await server.call("GET", `${path}?expanded_statuses=true`)).json.status).toBe(4);
  });
});

describe("resending", () => {
  it("makes one more attempt, marked as asked for", async () => {
    const endpoint = await server.endpoint(app, { uid: "shop" });
    const message = await server.message(app, { eventId: "evt" });
    await attempts("msg/evt");
    const reply = await server.call("POST", `${base}/msg/evt/endpoint/shop/resend`);
    expect([reply.status, reply.text]).toEqual([202, "{}"]);
    const both = await attempts(`msg/${message}`, 2);
    expect(both).toMatchObject([
      { triggerType: 1, status: 0, endpointId: endpoint },
      { triggerType: 0, status: 0 },
    ]);
  });

  it("twice with one Idempotency-Key makes one", async () => {
    const endpoint = await server.endpoint(app);
    const message = await server.message(app);
    await attempts(`msg/${message}`);
    const path = `${base}/msg/${message}/endpoint/${endpoint}/resend`;
    const headers = { "idempotency-key": "resend-1" };
    expect((await server.call("POST", path, { headers })).status).toBe(202);
    await attempts(`msg/${message}`, 2);
    expect((await server.call("POST", path, { headers })).text).toBe("{}");
    await server.runtime.advance(1_000);
    expect((await server.call("GET", `${base}/attempt/msg/${message}`)).json.data).toHaveLength(2);
  });

  it("to a disabled endpoint is refused", async () => {
    const endpoint = await server.endpoint(app);
    const message = await server.message(app);
    await attempts(`msg/${message}`);
    await server.call("PATCH", `${base}/endpoint/${endpoint}`, { body: { disabled: true } });
    const reply = await server.call("POST", `${base}/msg/${message}/endpoint/${endpoint}/resend`);
    expect(reply.status).toBe(400);
    expect(reply.json.code).toBe("endpoint_disabled");
  });
});
