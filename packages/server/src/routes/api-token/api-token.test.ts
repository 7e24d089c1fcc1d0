import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CREDENTIAL_CACHE_MS } from "../../http-limits.ts";
import { PERMISSIONS } from "../../permission.ts";
import { startTestServer, type Reply, type TestServer } from "../../testing/test-server.ts";

let server: TestServer;
let base: string;
beforeAll(async () => {
  server = await startTestServer();
  base = `/api/v1/management/authentication/${server.live.environmentId}/api-token`;
});
afterAll(() => server.close());

const call = (method: string, path: string, body?: unknown, key?: string): Promise<Reply> =>
  server.call(method, base + path, { body, ...(key === undefined ? {} : { key }) });
const make = (body: object, key?: string): Promise<Reply> => call("POST", "", body, key);
const status = async (key: string, url = "/api/v1/app"): Promise<number> =>
  (await server.call("GET", url, { key })).status;

describe("an API key", () => {
  it("is made with a name, shown once and listed by how it begins", async () => {
    const made = await make({ name: "Shop" });
    expect(made).toMatchObject({ status: 200, json: { name: "Shop", scopes: null, expiresAt: null } });
    const { id, token } = made.json;
    expect(token).toMatch(/^phk_live_[0-9A-Za-z]{32}$/);
    expect(await status(token)).toBe(200);
    const got = await call("GET", `/${id}`);
    expect(got.json).toMatchObject({ id, name: "Shop", censoredToken: `${token.slice(0, 13)}****` });
    const list = await call("GET", "?order=descending&limit=1");
    expect(list.json.data).toEqual([got.json]);
    expect(list.text + got.text).not.toContain(token.slice(13));
    expect((await call("GET", `/key_${"0".repeat(27)}`)).status).toBe(404);
    expect((await call("GET", "/nonsense")).status).toBe(422);
  });

  it("with scopes does those, and gives no more away than it has", async () => {
    const { json } = await make({ name: "Sender", scopes: ["read:application", "write:api-token"] });
    expect(await status(json.token)).toBe(200);
    expect(await status(json.token, "/api/v1/event-type")).toBe(403);
    expect((await make({ name: "x" }, json.token)).json.code).toBe("insufficient_access");
    expect((await make({ name: "x", scopes: ["write:message"] }, json.token)).status).toBe(403);
    expect((await make({ name: "x", scopes: ["read:application"] }, json.token)).status).toBe(200);
    for (const scopes of [null, [...PERMISSIONS]]) {
      expect((await call("PATCH", `/${json.id}`, { scopes }, json.token)).status).toBe(403);
    }
    const portals = await make({ name: "Portals", scopes: ["write:portal", "read:message"] });
    const access = `/api/v1/auth/app-portal-access/${await server.application({ uid: "grants" })}`;
    const { token } = portals.json;
    expect((await server.call("POST", access, { key: token, body: {} })).status).toBe(403);
    expect((await server.call("POST", access, { key: token, body: { capabilities: [] } })).status).toBe(200);
    const sender = "/api/v1/auth/app/grants/create-message-token";
    expect((await server.call("POST", sender, { key: token, body: { name: "x" } })).status).toBe(403);
    const inline = { capabilities: [], application: { name: "New", uid: "grants.new" } };
    const fresh = access.replace(/app_.*/, "grants.new");
    expect((await server.call("POST", fresh, { key: token, body: inline })).status).toBe(403);
    for (const scopes of [[], ["read:everything"], ["read:message", "read:message"]]) {
      expect((await make({ name: "x", scopes })).status).toBe(422);
    }
  });

  it("can be renamed, and given other scopes, which hold at once here", async () => {
    const { json } = await make({ name: "a", scopes: ["read:application"] });
    expect((await call("PUT", `/${json.id}`, { name: "b" })).json).toMatchObject({
      name: "b",
      scopes: ["read:application"],
    });
    expect(await status(json.token)).toBe(200);
    const patched = await call("PATCH", `/${json.id}`, { name: null, scopes: ["read:event-type"] });
    expect(patched.json).toMatchObject({ name: null, scopes: ["read:event-type"] });
    expect(await status(json.token)).toBe(403);
    expect(await status(json.token, "/api/v1/event-type")).toBe(200);
  });

  it("that is expired stops here at once, on another node within the time that it is kept", async () => {
    const { json } = await make({ name: "a" });
    const node = await server.another();
    const there = async (): Promise<number> =>
      (await node.call("GET", "/api/v1/app", { key: json.token })).status;
    expect(await there()).toBe(200);
    expect((await call("POST", `/${json.id}/expire`, {})).status).toBe(204);
    expect(await status(json.token)).toBe(401);
    await server.runtime.advance(CREDENTIAL_CACHE_MS);
    expect(await there()).toBe(401);
    const got = await call("GET", `/${json.id}`);
    expect(got.json.expiresAt).not.toBeNull();
  });

  it("can end later, by itself or because somebody said so", async () => {
    const { json } = await make({ name: "a", expiry: 120 });
    expect((await call("POST", `/${json.id}/expire`, { expiry: 60 })).status).toBe(204);
    await server.runtime.advance(59_000);
    expect(await status(json.token)).toBe(200);
    await server.runtime.advance(1_000);
    expect(await status(json.token)).toBe(401);
    for (const expiry of [-1, 259_201]) {
      expect((await call("POST", `/${json.id}/expire`, { expiry })).status).toBe(422);
    }
  });

  it("of another environment is not there, under either id", async () => {
    const { json } = await make({ name: "a" });
    const other = { key: server.sandbox.key };
    expect((await server.call("GET", `${base}/${json.id}`, other)).status).toBe(404);
    const theirs = `/api/v1/management/authentication/${server.sandbox.environmentId}/api-token`;
    expect((await server.call("GET", `${theirs}/${json.id}`, other)).status).toBe(404);
    expect((await server.call("POST", `${theirs}/${json.id}/expire`, { ...other, body: {} })).status).toBe(
      404,
    );
    expect((await server.call("GET", theirs)).status).toBe(404);
    expect(await status(json.token)).toBe(200);
    const svix = server.live.environmentId.replace("env_", "org_");
    expect((await server.call("GET", base.replace(server.live.environmentId, svix))).status).toBe(200);
  });
});
