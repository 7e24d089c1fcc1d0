import { Svix, Webhook } from "svix";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { loadSvixContract } from "../../testing/svix-contract.ts";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";

let server: TestServer;
let app: string;
let endpoint: string;
let place: string;
beforeAll(async () => {
  server = await startTestServer();
});
beforeEach(async () => {
  app = await server.application();
  endpoint = await server.endpoint(app, { headers: { authorization: "Bearer owner" } });
  place = `/api/v1/app/${app}/endpoint/${endpoint}/transformation`;
});
afterAll(() => server.close());

const contract = loadSvixContract();
const handler = (body: string): string => `function handler(webhook) { ${body} return webhook; }`;

async function enable(code: string): Promise<void> {
  const { status, text } = await server.call("PATCH", place, { body: { code, enabled: true } });
  expect([status, text]).toEqual([204, ""]);
}

/** The code runs in a thread, on real time: rounds of the event loop alone say nothing. */
async function eventually<Value>(value: () => Promise<Value | undefined | false>): Promise<Value> {
  for (;;) {
    const found = await value();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The first attempt of a message, once it is recorded. */
async function firstAttempt(msg: string): Promise<Record<string, unknown>> {
  return eventually(async () => {
    const { json } = await server.call("GET", `/api/v1/app/${app}/attempt/msg/${msg}`);
    return json.data[0] as unknown as Record<string, unknown> | undefined;
  });
}

describe("an endpoint's transformation", () => {
  it("is empty and off at first, and keeps what is not given", async () => {
    const empty = { code: null, enabled: false, variables: null, updatedAt: null };
    expect((await server.call("GET", place)).json).toEqual(empty);
    const code = handler("");
    expect((await server.call("PATCH", place, { body: { code, variables: { a: "1" } } })).status).toBe(204);
    expect((await server.call("PATCH", place, { body: { enabled: true } })).status).toBe(204);
    const stored = await server.call("GET", place);
    expect(stored.json).toEqual({
      code,
      enabled: true,
      variables: { a: "1" },
      updatedAt: expect.any(String),
    });
    expect(contract?.faults("GET", place, { status: 200, body: stored.json }) ?? null).toBeNull();
    // A change of the endpoint leaves it alone.
    const url = `/api/v1/app/${app}/endpoint/${endpoint}`;
    await server.call("PUT", url, { body: { url: "https://example.com/other" } });
    expect((await server.call("GET", place)).json).toEqual(stored.json);
  });

  it("is read and changed by Svix's own client", async () => {
    const serverUrl = await server.app.listen({ host: "127.0.0.1", port: 0 });
    const svix = new Svix(server.live.key, { serverUrl, retryScheduleInMs: [] });
    await svix.endpoint.transformation.patch(app, endpoint, { code: handler(""), enabled: true });
    expect(await svix.endpoint.transformation.get(app, endpoint)).toMatchObject({
      code: handler(""),
      enabled: true,
    });
  });

  it.each([
    [{ code: "short" }, 422],
    [{ code: "x".repeat(51_201) }, 422],
    [{ enabled: "yes" }, 422],
    [{ variables: { a: 1 } }, 422],
    [{ variables: { a: "x".repeat(20_000) } }, 422],
    [{ enabled: true }, 400],
  ])("refuses %j", async (body, status) => {
    expect((await server.call("PATCH", place, { body })).status).toBe(status);
  });

  it("is nobody else's, and needs a key", async () => {
    const simulate = { code: handler(""), eventType: "a.b", payload: {} };
    for (const [method, url, body] of [
      ["GET", place, undefined],
      ["PATCH", place, { enabled: false }],
      ["POST", `${place}/simulate`, simulate],
    ] as const) {
      const at = body === undefined ? {} : { body };
      expect((await server.call(method, url, { ...at, key: null })).status).toBe(401);
      expect((await server.call(method, url, { ...at, key: server.sandbox.key })).status).toBe(404);
      expect((await server.call(method, url.replace(endpoint, "none"), at)).status).toBe(404);
    }
  });
});

describe("simulating", () => {
  it("shows what would be sent, and sends nothing", async () => {
    const before = server.posts.length;
    const code = handler('webhook.payload.type = webhook.eventType + env.x; webhook.method = "PUT";');
    const body = { code, eventType: "a.b", payload: { n: 1 }, variables: { x: "!" } };
    const { status, json } = await server.call("POST", `${place}/simulate`, { body });
    expect(status).toBe(200);
    const payload = JSON.stringify({ n: 1, type: "a.b!" });
    expect(json).toEqual({ url: "https://example.com/hook", payload, method: "PUT", cancel: false });
    expect(contract?.faults("POST", `${place}/simulate`, { status, body: json }) ?? null).toBeNull();
    expect(server.posts.length).toBe(before);
  });

  it("says what is wrong with the code", async () => {
    const body = { code: handler("nothing.here;"), eventType: "a.b", payload: {} };
    const { status, json } = await server.call("POST", `${place}/simulate`, { body });
    expect(status).toBe(400);
    expect(json).toMatchObject({ code: "transformation_failed", detail: expect.stringContaining("nothing") });
    expect((await server.call("POST", `${place}/simulate`, { body: { code: "x" } })).status).toBe(422);
  });
});

describe("delivering", () => {
  it("sends and signs what the code made of the message", async () => {
    await enable(
      handler(`webhook.payload = { n: webhook.payload.a + 1, has: Object.keys(webhook.headers) };
        webhook.url = "https://example.com/changed"; webhook.method = "PUT"; webhook.headers["x-token"] = "s3cret";`),
    );
    const msg = await server.message(app, { payload: { a: 1 } });
    expect(await firstAttempt(msg)).toMatchObject({ status: 0, url: "https://example.com/changed" });
    const post = server.posts.at(-1);
    if (post === undefined) throw new Error("nothing was sent");
    // The endpoint's own headers go out too, but the code does not see them. Both are secrets in what is recorded.
    expect(post).toMatchObject({ url: "https://example.com/changed", method: "PUT" });
    expect(post.headers).toMatchObject({ authorization: "[redacted]", "x-token": "[redacted]" });
    expect(Buffer.from(post.body).toString()).toBe('{"n":2,"has":[]}');
    const { json } = await server.call("GET", `/api/v1/app/${app}/endpoint/${endpoint}/secret`);
    const headers = Object.fromEntries(Object.entries(post.headers));
    const signed = new Webhook(json.key);
    expect(signed.sign(msg, new Date(Number(headers["webhook-timestamp"]) * 1_000), '{"n":2,"has":[]}')).toBe(
      headers["webhook-signature"],
    );
  });

  it("drops what the code cancels, visibly", async () => {
    await enable(handler("webhook.cancel = true;"));
    const before = server.posts.length;
    const attempt = await firstAttempt(await server.message(app));
    expect(attempt).toMatchObject({
      status: 2,
      response: expect.stringContaining("transformation canceled it"),
    });
    expect(server.posts.length).toBe(before);
  });

  it("fails the attempt of code that fails, says why, and tries again; others are not touched", async () => {
    const other = await server.application();
    await server.endpoint(other, { url: "https://example.com/quick" });
    await enable(handler("for (;;);"));
    const msg = await server.message(app);
    const quick = await server.message(other);
    await eventually(async () => server.posts.some(({ headers }) => headers["webhook-id"] === quick));
    const attempt = await firstAttempt(msg);
    expect(attempt).toMatchObject({ status: 2, response: expect.stringContaining("ran longer than 100 ms") });
    await enable(handler("webhook.payload = 1;"));
    await eventually(async () => {
      // The sandbox's thread takes time of its own: its patience must not run out while the clock is set on.
      if (server.engine.snapshot().inFlight === 0) await server.runtime.advance(100);
      return server.posts.some(({ headers }) => headers["webhook-id"] === msg);
    });
  });
});
