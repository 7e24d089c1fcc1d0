import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hashToken } from "../../auth.ts";
import { CREDENTIAL_CACHE_MS, ONE_TIME_TOKEN_MS } from "../../http-limits.ts";
import { startTestServer, type Reply, type TestServer } from "../../testing/test-server.ts";

let server: TestServer;
beforeAll(async () => void (server = await startTestServer()));
afterAll(() => server.close());

const post = (url: string, body: unknown, key?: string): Promise<Reply> =>
  server.call("POST", url, { body, ...(key === undefined ? {} : { key }) });
const access = (app: string, body: object = {}): Promise<Reply> =>
  post(`/api/v1/auth/app-portal-access/${app}`, body);
const portalToken = async (app: string, body: object = {}): Promise<string> =>
  (await access(app, body)).json.token;
const codeOf = ({ json }: Reply): string =>
  JSON.parse(Buffer.from(new URL(json.url).hash.slice("#key=".length), "base64").toString()).oneTimeToken;
const exchange = (oneTimeToken: string): Promise<Reply> =>
  server.call("POST", "/api/v1/auth/one-time-token", { body: { oneTimeToken }, key: null });
const get = (url: string, key: string): Promise<Reply> => server.call("GET", url, { key });

const alive = async (...tokens: string[]): Promise<boolean[]> =>
  Promise.all(tokens.map(async (key) => (await get("/api/v1/auth/whoami", key)).status === 200));

describe("a portal token", () => {
  it("is for its own application, by id and by uid, and shows what it is", async () => {
    const app = await server.application({ uid: "studio.own" });
    const other = await server.application({ uid: "studio.other" });
    const token = await portalToken("studio.own", { sessionId: "ana@studio" });
    expect(token).toMatch(/^pht_live_[0-9A-Za-z]{32}$/);
    for (const ref of [app, "studio.own"]) {
      expect(await get(`/api/v1/app/${ref}/endpoint`, token)).toMatchObject({ status: 200 });
    }
    for (const ref of [other, "studio.other", "nobody"]) {
      expect(await get(`/api/v1/app/${ref}/endpoint`, token)).toMatchObject({
        status: 404,
        json: { code: "not_found" },
      });
    }
    expect((await get("/api/v1/app", token)).json.code).toBe("insufficient_access");
    const who = await get("/api/v1/auth/whoami", token);
    expect(who.json).toMatchObject({ appId: app, sessionId: "ana@studio" });
  });

  it("does what its capabilities say; readOnly is ViewBase alone", async () => {
    const app = await server.application();
    const endpoint = await server.endpoint(app);
    const url = `/api/v1/app/${app}/endpoint/${endpoint}`;
    const reader = await portalToken(app, { readOnly: true });
    const writer = await portalToken(app, { capabilities: ["ViewBase", "ManageEndpoint"] });
    const all = await portalToken(app);
    expect((await get(`${url}/secret`, reader)).status).toBe(403);
    expect((await get(`${url}/secret`, writer)).status).toBe(403);
    expect((await get(`${url}/secret`, all)).status).toBe(200);
    const patch = { body: { description: "Shop" } };
    expect((await server.call("PATCH", url, { ...patch, key: reader })).status).toBe(403);
    expect((await server.call("PATCH", url, { ...patch, key: writer })).status).toBe(200);
    expect(
      (await post(`/api/v1/app/${app}/msg`, { eventType: "order.completed", payload: {} }, all)).status,
    ).toBe(403);
    expect((await server.call("DELETE", `/api/v1/app/${app}`, { key: all })).status).toBe(403);
    const both = await access(app, { readOnly: true, capabilities: ["ViewBase"] });
    expect(both.status).toBe(422);
  });

  it("only views while its environment is read-only, whatever it was issued with, and API keys do what they did", async () => {
    const app = await server.application();
    const url = `/api/v1/app/${app}/endpoint/${await server.endpoint(app)}`;
    const elsewhere = await server.another();
    const settings = "/api/v1/management/environment-settings";
    const all = await portalToken(app);
    const blind = await portalToken(app, { capabilities: ["ManageEndpoint"] });
    const link = codeOf(await access(app));
    const change = (on: TestServer, key: string): Promise<Reply> =>
      on.call("PATCH", url, { body: { description: "Shop" }, key });
    const does = async (on: TestServer): Promise<number[]> => [
      (await on.call("GET", url, { key: all })).status,
      (await change(on, all)).status,
      (await on.call("GET", `${url}/secret`, { key: all })).status,
      (await on.call("GET", url, { key: blind })).status,
      (await change(on, blind)).status,
    ];
    const everything = [200, 200, 200, 403, 200];
    const viewing = [200, 403, 403, 403, 403];
    expect([await does(server), await does(elsewhere)]).toEqual([everything, everything]);
    expect((await server.call("PATCH", settings, { body: { readOnly: true } })).status).toBe(200);
    // Here at once; on another node within the time that tokens are kept.
    expect(await does(server)).toEqual(viewing);
    await server.runtime.advance(CREDENTIAL_CACHE_MS);
    expect(CREDENTIAL_CACHE_MS).toBeLessThanOrEqual(5_000);
    expect(await does(elsewhere)).toEqual(viewing);
    expect((await exchange(link)).json.capabilities).toEqual(["ViewBase"]);
    const late = await portalToken(app);
    expect((await change(server, late)).status).toBe(403);
    expect((await get("/api/v1/auth/whoami", late)).json).toMatchObject({
      permissions: expect.not.arrayContaining(["write:endpoint"]),
    });
    expect((await change(server, server.live.key)).status).toBe(200);
    await server.call("PATCH", settings, { body: { readOnly: false } });
    expect(await does(server)).toEqual(everything);
    expect((await change(server, late)).status).toBe(200);
  });

  it("of another environment does what it did while one is read-only", async () => {
    const { key } = server.sandbox;
    const app = (await post("/api/v1/app", { name: "Studio" }, key)).json.id;
    const token = (await post(`/api/v1/auth/app-portal-access/${app}`, {}, key)).json.token;
    const settings = "/api/v1/management/environment-settings";
    await server.call("PATCH", settings, { body: { readOnly: true } });
    const made = await post(`/api/v1/app/${app}/endpoint`, { url: "https://example.com/" }, token);
    await server.call("PATCH", settings, { body: { readOnly: false } });
    expect(made.status).toBe(201);
  });

  it("is shown event types without flags and those of its own flags, over any number of pages", async () => {
    const flagged = ["a.beta", "b.alpha", "c.beta"];
    for (const name of flagged) {
      const featureFlags = [name.slice(2)];
      await post("/api/v1/event-type", { name, description: "New", featureFlags });
    }
    const app = await server.application();
    const seen = async (token: string): Promise<string[]> => {
      const names: string[] = [];
      let iterator = "";
      for (;;) {
        const { json } = await get(`/api/v1/event-type?limit=1${iterator}`, token);
        names.push(...json.data.map(({ name }) => name));
        if (json.done) return names;
        iterator = `&iterator=${json.iterator}`;
      }
    };
    const plain = ["course.finished", "order.completed", "order.refunded"];
    expect(await seen(await portalToken(app))).toEqual(plain);
    const beta = await portalToken(app, { featureFlags: ["beta"] });
    expect(await seen(beta)).toEqual(["a.beta", "c.beta", ...plain]);
    expect((await get("/api/v1/event-type/b.alpha", beta)).status).toBe(404);
    expect((await get("/api/v1/event-type/a.beta", beta)).status).toBe(200);
    expect(await seen(server.live.key)).toHaveLength(6);
  });

  it("is nothing after its end, which is a week by default and an hour at least", async () => {
    const app = await server.application();
    const token = await portalToken(app, { expiry: 3_600 });
    expect((await get("/api/v1/auth/whoami", token)).status).toBe(200);
    const stored = await server.store.credentials.find(hashToken(token));
    expect(stored?.expiresAt).toBe(server.runtime.clock.now() + 3_600_000);
    for (const expiry of [0, 3_599, 604_801]) expect((await access(app, { expiry })).status).toBe(422);
    await server.runtime.advance(3_600_000);
    expect((await get("/api/v1/auth/whoami", token)).status).toBe(401);
  });

  it("logs out by itself alone, here at once and on another node within the time that it is kept", async () => {
    const app = await server.application();
    const [token, other] = [await portalToken(app), await portalToken(app)];
    const node = await server.another();
    const there = (): Promise<Reply> => node.call("GET", "/api/v1/auth/whoami", { key: token });
    expect((await there()).status).toBe(200);
    expect((await post("/api/v1/auth/logout", undefined, token)).status).toBe(204);
    expect((await get("/api/v1/auth/whoami", token)).status).toBe(401);
    await server.runtime.advance(CREDENTIAL_CACHE_MS);
    expect((await there()).status).toBe(401);
    expect((await get("/api/v1/auth/whoami", other)).status).toBe(200);
    expect((await post("/api/v1/auth/logout", undefined)).status).toBe(403);
  });

  it("ends with the others of its application, or of its session, and no API key does", async () => {
    const app = await server.application();
    const elsewhere = await portalToken(await server.application());
    const [one, two] = [
      await portalToken(app, { sessionId: "1" }),
      await portalToken(app, { sessionId: "2" }),
    ];
    const code = codeOf(await access(app, { sessionId: "1" }));
    const url = `/api/v1/auth/app/${app}/expire-all`;
    expect((await post(url, { sessionIds: ["1"] })).status).toBe(204);
    expect(await alive(one, two, elsewhere)).toEqual([false, true, true]);
    expect((await exchange(code)).status).toBe(401);
    expect((await post(url, {}, two)).status).toBe(403);
    await post(url, { expiry: 60 });
    expect(await alive(two)).toEqual([true]);
    await server.runtime.advance(60_000);
    expect(await alive(two, elsewhere, server.live.key)).toEqual([false, true, true]);
  });

  it("of an application that is deleted finds nothing", async () => {
    const app = await server.application({ uid: "going" });
    const token = await portalToken(app);
    await server.call("DELETE", `/api/v1/app/${app}`);
    await server.application({ uid: "going" });
    for (const ref of [app, "going"]) expect((await get(`/api/v1/app/${ref}`, token)).status).toBe(404);
  });

  it("can be asked for with the application's fields; they are needed when there is none", async () => {
    expect((await access("fresh.one")).status).toBe(404);
    expect((await access("fresh.one", { application: { name: "Fresh", uid: "other" } })).status).toBe(422);
    const made = await access("fresh.one", { application: { name: "Fresh", uid: "fresh.one" } });
    expect(made.status).toBe(200);
    expect((await get("/api/v1/app/fresh.one", made.json.token)).json.name).toBe("Fresh");
  });

  it("is another each time, also under one Idempotency-Key", async () => {
    const app = await server.application();
    const headers = { "idempotency-key": "again" };
    const url = `/api/v1/auth/app-portal-access/${app}`;
    const [first, second] = await Promise.all([
      server.call("POST", url, { body: {}, headers }),
      server.call("POST", url, { body: {}, headers }),
    ]);
    expect(first.json.token).not.toBe(second.json.token);
  });
});

describe("a link to the portal", () => {
  it("opens a session with its capabilities, once", async () => {
    const app = await server.application();
    const reply = await access(app, { capabilities: ["ViewBase", "CreateAttempts"] });
    expect(reply.json.url).toMatch(/^https:\/\/hooks\.example\.com\/portal#key=/);
    expect(reply.json.url).not.toContain(reply.json.token);
    const code = codeOf(reply);
    const exchanged = await Promise.all([exchange(code), exchange(code), exchange(code)]);
    expect(exchanged.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 401, 401]);
    const session = exchanged.find(({ status }) => status === 200);
    expect(session?.json.capabilities).toEqual(["ViewBase", "CreateAttempts"]);
    expect((await get(`/api/v1/app/${app}`, session?.json.token ?? "")).status).toBe(200);
  });

  it("is no credential itself, and is too old after a minute", async () => {
    const app = await server.application();
    const code = codeOf(await access(app));
    expect((await get(`/api/v1/app/${app}`, code)).status).toBe(401);
    await server.runtime.advance(ONE_TIME_TOKEN_MS);
    expect((await exchange(code)).status).toBe(401);
    for (const wrong of ["", "nonsense", server.live.key, `pho_live_${"0".repeat(32)}`]) {
      expect((await exchange(wrong)).json.code).toBe("authentication_failed");
    }
    expect((await exchange("x".repeat(5_000))).status).toBe(413);
  });
});

describe("a message token", () => {
  it("sends to its application and does nothing else", async () => {
    const app = await server.application();
    const made = await post(`/api/v1/auth/app/${app}/create-message-token`, { name: "Shop", expiry: 60 });
    const { token } = made.json;
    expect(made.json.expiresAt).toBe(new Date(server.runtime.clock.now() + 60_000).toISOString());
    const message = { eventType: "order.completed", payload: {} };
    const sent = await post(`/api/v1/app/${app}/msg`, message, token);
    expect(sent.status).toBe(202);
    const other = await server.application();
    expect((await post(`/api/v1/app/${other}/msg`, message, token)).status).toBe(404);
    expect((await get(`/api/v1/app/${app}/msg/${sent.json.id}`, token)).status).toBe(403);
    expect((await get(`/api/v1/app/${app}`, token)).status).toBe(403);
    await server.runtime.advance(60_000);
    expect((await post(`/api/v1/app/${app}/msg`, message, token)).status).toBe(401);
    expect((await post(`/api/v1/auth/app/nobody/create-message-token`, { name: "x" })).status).toBe(404);
    expect((await post(`/api/v1/auth/app/${app}/create-message-token`, {})).status).toBe(422);
  });
});
