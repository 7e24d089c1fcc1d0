import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiException, AppPortalCapability, Svix } from "svix";
import { ContractWatch } from "./testing/contract-watch.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

/** Svix's own client with our keys and tokens, each answer held against Svix's OpenAPI document where it is at hand. */
const watch = new ContractWatch({ ours: true });
let server: TestServer;
let serverUrl: string;

const client = (token: string): Svix =>
  new Svix(token, { serverUrl, fetch: watch.fetch, retryScheduleInMs: [] });
const statusOf = (call: Promise<unknown>): Promise<number> =>
  call.then(
    () => 200,
    (error: unknown) => (error instanceof ApiException ? error.code : Promise.reject(error as Error)),
  );

beforeAll(async () => {
  server = await startTestServer();
  serverUrl = await server.app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => server.close());

describe("Svix's client", () => {
  it("gets a portal token, uses it as its own, and ends it", async () => {
    const app = await server.application({ uid: "studio" });
    const platform = client(server.live.key);
    const access = await platform.authentication.appPortalAccess("studio", {
      capabilities: [AppPortalCapability.ViewBase, AppPortalCapability.ManageEndpoint],
      featureFlags: ["beta"],
      expiry: 3_600,
      sessionId: "s1",
    });
    const portal = client(access.token);
    const endpoint = await portal.endpoint.create(app, { url: "https://example.com/hook" });
    expect((await portal.endpoint.list(app)).data.map(({ id }) => id)).toEqual([endpoint.id]);
    expect(await statusOf(portal.endpoint.getSecret(app, endpoint.id))).toBe(403);
    expect(await statusOf(portal.application.list())).toBe(403);
    await portal.authentication.logout();
    expect(await statusOf(portal.endpoint.list(app))).toBe(401);
    const next = client((await platform.authentication.appPortalAccess(app, {})).token);
    expect(await statusOf(next.endpoint.list(app))).toBe(200);
    await platform.authentication.expireAll(app, {});
    expect(await statusOf(next.endpoint.list(app))).toBe(401);
    expect(await statusOf(platform.authentication.appPortalAccess("nobody", {}))).toBe(404);
  });

  it("reads no region out of any of our texts", async () => {
    const app = await server.application();
    const access = await client(server.live.key).authentication.appPortalAccess(app, {});
    for (const text of [server.live.key, access.token]) expect(text.split(".")).toHaveLength(1);
  });

  it("finds the operations that have no method of their own as the contract has them", async () => {
    const app = await server.application();
    const environment = server.live.environmentId.replace("env_", "org_");
    const keys = `/api/v1/management/authentication/${environment}/api-token`;
    const send = async (method: string, path: string, body?: unknown): Promise<unknown> => {
      const headers = { authorization: `Bearer ${server.live.key}`, "content-type": "application/json" };
      const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      const response = await watch.fetch(serverUrl + path, init);
      const text = await response.text();
      return text === "" ? undefined : JSON.parse(text);
    };
    await send("GET", "/api/v1/auth/whoami");
    await send("POST", `/api/v1/auth/app/${app}/create-message-token`, { name: "Shop", expiry: 60 });
    const key = (await send("POST", keys, { name: "Shop", scopes: ["read:message"] })) as { id: string };
    await send("GET", keys);
    await send("GET", `${keys}/${key.id}`);
    await send("PUT", `${keys}/${key.id}`, { name: "Till" });
    await send("PATCH", `${keys}/${key.id}`, { scopes: null });
    await send("POST", `${keys}/${key.id}/expire`, {});
    await send("GET", `${keys}/key_${"0".repeat(27)}`);
    const { url } = (await send("POST", `/api/v1/auth/app-portal-access/${app}`, {})) as { url: string };
    const { oneTimeToken } = JSON.parse(Buffer.from(url.split("#key=")[1] ?? "", "base64").toString());
    const session = await send("POST", "/api/v1/auth/one-time-token", { oneTimeToken });
    expect(session).toMatchObject({ token: expect.stringMatching(/^pht_live_/) });
    await send("POST", "/api/v1/auth/one-time-token", { oneTimeToken });
  });

  it("found no answer that Svix's contract does not have", () => {
    expect(watch.faults).toEqual([]);
  });
});
