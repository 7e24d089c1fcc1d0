import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { Webhook } from "svix";
import { DAY_MS, SECOND_MS } from "@posthaste/core/domain/time";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";

const SETTINGS = "/api/v1/management/environment-settings";

let server: TestServer;
beforeAll(async () => void (server = await startTestServer()));
afterAll(() => server.close());
afterEach(async () => {
  vi.useRealTimers();
  server.answer = () => ({ status: 204 });
  await server.call("PUT", SETTINGS, { body: {} });
});

const patch = (body: object) => server.call("PATCH", SETTINGS, { body });

/** What Svix's library is to find enough. */
const svixOnly = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith("svix-")));

/** Sends a message to an endpoint and returns what was POSTed. */
async function delivered(appId: string): Promise<{ headers: Record<string, string>; body: string }> {
  const before = server.posts.length;
  await server.message(appId);
  const post = await server.until(async () => server.posts[before]);
  return { headers: { ...post.headers }, body: Buffer.from(post.body).toString() };
}

describe("the headers of Svix beside those of Standard Webhooks", () => {
  it("are not sent by default", async () => {
    const app = await server.application();
    await server.endpoint(app);
    const { headers } = await delivered(app);
    expect(Object.keys(headers).filter((name) => name.startsWith("svix-"))).toEqual([]);
  });

  it("verify in Svix's library, which is given nothing else, from the next delivery on", async () => {
    const app = await server.application();
    const endpoint = await server.endpoint(app);
    const secret = (await server.call("GET", `/api/v1/app/${app}/endpoint/${endpoint}/secret`)).json.key;
    await delivered(app);
    expect((await patch({ sendSvixWebhookHeaders: true })).status).toBe(200);
    const { headers, body } = await delivered(app);
    expect(Object.keys(svixOnly(headers)).toSorted()).toEqual([
      "svix-id",
      "svix-signature",
      "svix-timestamp",
    ]);
    vi.useFakeTimers({ toFake: ["Date"], now: server.runtime.clock.now() });
    expect(() => new Webhook(secret).verify(body, svixOnly(headers))).not.toThrow();
    expect(() => new Webhook(secret).verify(`${body} `, svixOnly(headers))).toThrow();
    for (const name of ["id", "timestamp", "signature"]) {
      expect(headers[`svix-${name}`]).toBe(headers[`webhook-${name}`]);
    }
  });

  it("carry the signatures of both secrets while one is being rotated", async () => {
    const app = await server.application();
    const endpoint = await server.endpoint(app);
    const path = `/api/v1/app/${app}/endpoint/${endpoint}/secret`;
    const old = (await server.call("GET", path)).json.key;
    await server.call("POST", `${path}/rotate`, { body: {} });
    await patch({ sendSvixWebhookHeaders: true });
    const { headers, body } = await delivered(app);
    vi.useFakeTimers({ toFake: ["Date"], now: server.runtime.clock.now() });
    for (const secret of [old, (await server.call("GET", path)).json.key]) {
      expect(() => new Webhook(secret).verify(body, svixOnly(headers))).not.toThrow();
    }
  });

  it("are sent by the environment that wants them, and by no other", async () => {
    await patch({ sendSvixWebhookHeaders: true });
    const { key } = server.sandbox;
    const app = (await server.call("POST", "/api/v1/app", { key, body: { name: "Studio" } })).json.id;
    await server.call("POST", `/api/v1/app/${app}/endpoint`, { key, body: { url: "https://example.com/" } });
    const before = server.posts.length;
    const body = { eventType: "order.completed", payload: {} };
    await server.call("POST", `/api/v1/app/${app}/msg`, { key, body });
    const post = await server.until(async () => server.posts[before]);
    expect(post.headers).not.toHaveProperty("svix-id");
  });
});

describe("settings that endpoints follow", () => {
  it("asks for channels and event types where the environment does", async () => {
    const app = await server.application();
    const endpoint = await server.endpoint(app);
    await patch({ requireEndpointChannel: true, requireEndpointFilterTypes: true });
    const path = `/api/v1/app/${app}/endpoint`;
    const url = "https://example.com/";
    const without = await server.call("POST", path, { body: { url, eventTypes: ["order.completed"] } });
    expect([without.status, without.json.detail[0]?.loc]).toEqual([422, ["body", "channels"]]);
    const untyped = await server.call("POST", path, { body: { url, channels: ["eu"] } });
    expect([untyped.status, untyped.json.detail[0]?.loc]).toEqual([422, ["body", "eventTypes"]]);
    const whole = { url, channels: ["eu"], eventTypes: ["order.completed"] };
    expect((await server.call("POST", path, { body: whole })).status).toBe(201);
    // What is there already stays, and may change whatever else it has.
    const one = `${path}/${endpoint}`;
    expect((await server.call("PATCH", one, { body: { description: "x" } })).status).toBe(200);
    expect((await server.call("PATCH", one, { body: { channels: null } })).status).toBe(422);
    expect((await server.call("PUT", one, { body: { url } })).status).toBe(422);
  });

  it("holds applications to the number of endpoints that it names", async () => {
    const app = await server.application();
    await patch({ endpointsPerAppLimit: 1 });
    await server.endpoint(app);
    const more = await server.call("POST", `/api/v1/app/${app}/endpoint`, {
      body: { url: "https://example.com/" },
    });
    expect([more.status, more.json.code]).toEqual([400, "limit_reached"]);
    await patch({ endpointsPerAppLimit: null });
    await server.endpoint(app);
  });

  it("enforces https also where the server allows http", async () => {
    const lenient = await server.another({
      rules: {
        checkUrl: () => ({ ok: true }),
        checkHeader: () => ({ ok: true }),
        isSensitiveHeader: () => false,
        checkSecret: () => {},
        checkIdentity: () => ({ ok: true }),
        checkServerCa: () => ({ ok: true }),
        checkAssertionKey: () => {},
      },
    });
    const app = await server.application();
    const make = (url: string) => lenient.call("POST", `/api/v1/app/${app}/endpoint`, { body: { url } });
    expect((await lenient.call("GET", SETTINGS)).json).toMatchObject({ enforceHttps: false });
    expect((await make("http://example.com/")).status).toBe(201);
    await patch({ enforceHttps: true });
    const refused = await make("HTTP://example.com/");
    expect([refused.status, refused.json.code]).toEqual([400, "url_not_allowed"]);
    expect((await make("https://example.com/")).status).toBe(201);
    // The server's own rule is not for an environment to switch off.
    await patch({ enforceHttps: false });
    expect((await server.call("GET", SETTINGS)).json).toMatchObject({ enforceHttps: true });
  });
});

/** How long the first attempt's delivery waits for the next. */
async function nextWait(app: string, endpoint: string): Promise<number> {
  const attempts = `/api/v1/app/${app}/attempt/endpoint/${endpoint}`;
  const attempt = await server.until(async () => (await server.call("GET", attempts)).json.data[0]);
  const destinations = `/api/v1/app/${app}/msg/${(attempt as unknown as { msgId: string }).msgId}/endpoint`;
  const [destination] = (await server.call("GET", destinations)).json.data;
  const { nextAttempt } = destination as unknown as { nextAttempt: string };
  return Date.parse(nextAttempt) - server.runtime.clock.now();
}

describe("settings that deliveries follow", () => {
  it("retries by the environment's policy where the endpoint has none of its own", async () => {
    server.answer = () => ({ status: 500 });
    await patch({ retryPolicy: [7_000] });
    const app = await server.application();
    const endpoint = await server.endpoint(app);
    await server.message(app);
    const wait = await nextWait(app, endpoint);
    expect(wait).toBeGreaterThan(7_000 * SECOND_MS * 0.7);
    expect(wait).toBeLessThan(7_000 * SECOND_MS * 1.3);
    const other = await server.application();
    const own = await server.endpoint(other, { retrySchedule: [100] });
    await server.message(other);
    expect(await nextWait(other, own)).toBeLessThan(200 * SECOND_MS);
  });

  it("leaves endpoints on that fail for days, when it is told to", async () => {
    server.answer = () => ({ status: 500 });
    await patch({ disableEndpointOnFailure: false });
    const app = await server.application();
    const endpoint = await server.endpoint(app, { retrySchedule: [] });
    const path = `/api/v1/app/${app}/endpoint/${endpoint}`;
    const attempts = async () =>
      (await server.call("GET", `/api/v1/app/${app}/attempt/endpoint/${endpoint}`)).json.data.length;
    await server.message(app);
    await server.until(async () => (await attempts()) === 1);
    await server.runtime.advance(6 * DAY_MS);
    await server.message(app);
    await server.until(async () => (await attempts()) === 2);
    expect((await server.call("GET", path)).json).toMatchObject({ disabled: false });
    await patch({ disableEndpointOnFailure: true });
    await server.message(app);
    await server.until(async () => (await server.call("GET", path)).json.url !== undefined);
    await server.until(async () => {
      const { disabled } = (await server.call("GET", path)).json as unknown as { disabled: boolean };
      return disabled;
    });
  });
});

describe("reading and writing", () => {
  it("shows every setting, with its default until it is set", async () => {
    const { json } = await server.call("GET", SETTINGS);
    expect(json).toMatchObject({
      sendSvixWebhookHeaders: false,
      disableEndpointOnFailure: true,
      enforceHttps: true,
      retryPolicy: null,
      advancedEndpointTypes: [],
      retentionDays: 90,
    });
  });

  it("patches what is given, and gives a default back for null", async () => {
    await patch({ displayName: "Studio", retryPolicy: [5], retentionDays: 30 });
    const { json } = await patch({ retryPolicy: null, customColor: "#fff" });
    expect(json).toMatchObject({
      displayName: "Studio",
      retryPolicy: null,
      customColor: "#fff",
      retentionDays: 30,
    });
    expect((await server.call("GET", SETTINGS)).json).toEqual(json);
  });

  it("replaces everything with PUT, but for how long things are kept", async () => {
    await patch({ displayName: "Studio", readOnly: true, retentionDays: 30 });
    const { json } = await server.call("PUT", SETTINGS, { body: { customColor: "#000" } });
    expect(json).toMatchObject({
      displayName: null,
      readOnly: false,
      customColor: "#000",
      retentionDays: 30,
    });
    await patch({ retentionDays: 90 });
  });

  it("keeps both of two changes at once", async () => {
    await Promise.all([patch({ displayName: "Studio" }), patch({ customColor: "#123" })]);
    expect((await server.call("GET", SETTINGS)).json).toMatchObject({
      displayName: "Studio",
      customColor: "#123",
    });
  });

  it("shows a portal what it needs to look right, and nothing else", async () => {
    await patch({ displayName: "Studio", retryPolicy: [5], colorPaletteDark: { primary: "#fff" } });
    const app = await server.application();
    const access = await server.call("POST", `/api/v1/auth/app-portal-access/${app}`, { body: {} });
    const { status, json } = await server.call("GET", "/api/v1/environment/settings", {
      key: access.json.token,
    });
    expect(status).toBe(200);
    expect(json).toMatchObject({ displayName: "Studio", colorPaletteDark: { primary: "#fff" } });
    expect(json).not.toHaveProperty("retryPolicy");
    expect(json).not.toHaveProperty("endpointsPerAppLimit");
    expect((await server.call("GET", SETTINGS, { key: access.json.token })).status).toBe(403);
  });

  it("says which field does not fit", async () => {
    for (const [field, value] of [
      ["sendSvixWebhookHeaders", "yes"],
      ["sendSvixWebhookHeaders", null],
      ["retryPolicy", [0]],
      ["customLogoUrl", "javascript:alert(1)"],
      ["customColor", "red;}"],
      ["advancedEndpointTypes", ["carrierPigeon"]],
      ["endpointsPerAppLimit", 0],
      ["retentionDays", 0],
    ] as const) {
      for (const method of ["PUT", "PATCH"]) {
        const { status, json } = await server.call(method, SETTINGS, { body: { [field]: value } });
        expect([field, status]).toEqual([field, 422]);
        expect(json.detail[0]?.loc.slice(0, 2)).toEqual(["body", field]);
      }
    }
    const strings = { channelsHelp: "x".repeat(1_001) };
    expect((await patch({ customStringsOverride: strings })).status).toBe(422);
    const links = Object.fromEntries(
      ["customLogoUrl", "customFontFamilyUrl", "applicationAlertsLogoUrl"].map((name) => [
        name,
        `https://example.com/${"x".repeat(60_000)}`,
      ]),
    );
    expect((await patch(links)).status).toBe(422);
  });

  it("refuses whoever may not", async () => {
    const body = { name: "Reader", scopes: ["read:environment"] };
    const keys = `/api/v1/management/authentication/${server.live.environmentId}/api-token`;
    const reader = (await server.call("POST", keys, { body })).json.token;
    const sender = (await server.call("POST", keys, { body: { ...body, scopes: ["write:message"] } })).json
      .token;
    for (const [method, key, status] of [
      ["GET", null, 401],
      ["PATCH", null, 401],
      ["GET", sender, 403],
      ["GET", reader, 200],
      ["PATCH", reader, 403],
      ["PUT", reader, 403],
    ] as const) {
      const options = method === "GET" ? { key } : { key, body: {} };
      expect((await server.call(method, SETTINGS, options)).status).toBe(status);
    }
    expect((await server.call("GET", "/api/v1/environment/settings", { key: sender })).status).toBe(403);
    expect((await server.call("GET", "/api/v1/environment/settings", { key: null })).status).toBe(401);
  });
});
