import { eventTypes } from "@posthaste/catalog";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ENVIRONMENT_WATCH_MS, PURGE_INTERVAL_MS } from "@posthaste/core/domain/limits";
import { CREDENTIAL_CACHE_MS } from "../../http-limits.ts";
import { ContractWatch } from "../../testing/contract-watch.ts";
import { OPERATOR_KEY, type Reply, startTestServer, type TestServer } from "../../testing/test-server.ts";

const BASE = "/api/v1/management/environment";
const NOBODY = `org_${"0".repeat(27)}`;

let server: TestServer;
const watch = new ContractWatch({ ours: true });
beforeAll(async () => void (server = await startTestServer()));
afterAll(() => server.close());
afterEach(() => expect(watch.faults).toEqual([]));

/** As the operator, unless told otherwise; every answer is held against Svix's contract. */
async function call(
  method: string,
  path: string,
  {
    key = OPERATOR_KEY,
    body,
    headers,
  }: { key?: string | null; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Reply> {
  const reply = await server.call(method, path, { key, body, ...(headers === undefined ? {} : { headers }) });
  watch.hold(method, path.split("?", 1)[0] ?? "", { status: reply.status, body: reply.json });
  return reply;
}

let made = 0;
/** A new environment with its first key. */
async function environment(fields: object = {}): Promise<{ id: string; name: string; key: string }> {
  const body = { name: `Staging ${++made}`, type: "development", ...fields };
  const { json, status, text } = await call("POST", BASE, { body });
  expect(status, text).toBe(201);
  return { id: json.id, name: json.name, key: await newKey(json.id) };
}

async function newKey(id: string): Promise<string> {
  const path = `/api/v1/management/authentication/${id}/api-token`;
  const { json, status, text } = await call("POST", path, { body: { name: "First" } });
  expect(status, text).toBe(200);
  return json.token;
}

const code = ({ status, json }: Reply): string => `${status} ${json?.code ?? ""}`;

describe("making an environment", () => {
  it("makes one that is whole: the catalog, default settings, keys named after it", async () => {
    const { status, json } = await call("POST", BASE, {
      body: { name: "Studio Nord 2", type: "production" },
    });
    expect(status).toBe(201);
    expect(json).toMatchObject({ name: "Studio Nord 2", type: "production", region: "self-hosted" });
    const key = await newKey(json.id);
    expect(key).toMatch(/^phk_studionord2_[A-Za-z0-9]{32}$/);
    const types = await call("GET", "/api/v1/event-type?limit=250", { key });
    expect(types.json.data.map(({ name }) => name).toSorted()).toEqual(
      eventTypes.map(({ name }) => name).toSorted(),
    );
    const settings = await call("GET", "/api/v1/management/environment-settings", { key });
    expect(settings.json).toMatchObject({ sendSvixWebhookHeaders: false, retentionDays: 90 });
  });

  it("makes one that can be used: an event arrives, and its secret is sealed with a key of its own", async () => {
    const { key, id } = await environment();
    const app = (await call("POST", "/api/v1/app", { key, body: { name: "Ana" } })).json.id;
    const path = `/api/v1/app/${app}/endpoint`;
    const endpoint = (await call("POST", path, { key, body: { url: "https://example.com/fresh" } })).json.id;
    expect((await call("GET", `${path}/${endpoint}/secret`, { key })).json.key).toMatch(/^whsec_/);
    const body = { eventType: "order.completed", payload: { id: "o_1" } };
    expect((await call("POST", `/api/v1/app/${app}/msg`, { key, body })).status).toBe(202);
    await server.until(async () => server.posts.find(({ url }) => url === "https://example.com/fresh"));
    const keys = (await server.store.dataKeys.list()).map(({ environmentId }) => environmentId);
    expect(keys.filter((each) => each === `env_${id.slice(4)}`)).toHaveLength(1);
    // Nothing of it is there for anybody else, and nothing of theirs for it.
    expect(code(await server.call("GET", `/api/v1/app/${app}`))).toBe("404 not_found");
    const other = await server.application();
    expect(code(await call("GET", `/api/v1/app/${other}`, { key }))).toBe("404 not_found");
  });

  it("is refused when the name is taken, also at the same moment", async () => {
    const body = { name: "Twice", type: "development" };
    const replies = await Promise.all([1, 2, 3].map(() => call("POST", BASE, { body })));
    expect(replies.map(code).toSorted()).toEqual(["201 ", "409 conflict", "409 conflict"]);
    expect(code(await call("POST", BASE, { body: { ...body, name: "live" } }))).toBe("409 conflict");
  });

  it("happens once for one Idempotency-Key", async () => {
    const headers = { "idempotency-key": "make-1" };
    const body = { name: "Once", type: "development" };
    const first = await call("POST", BASE, { body, headers });
    const again = await call("POST", BASE, { body, headers });
    expect([again.status, again.text]).toEqual([201, first.text]);
    // An environment's own keys of the same name are another thing.
    const app = await server.call("POST", "/api/v1/app", { body: { name: "Studio" }, headers });
    expect(app.status).toBe(201);
    const other = await call("POST", BASE, { body: { ...body, name: "Twice over" }, headers });
    expect(code(other)).toBe("409 idempotency_conflict");
  });

  it("says which field does not fit", async () => {
    for (const [body, field] of [
      [{ type: "production" }, "name"],
      [{ name: "", type: "production" }, "name"],
      [{ name: "x".repeat(256), type: "production" }, "name"],
      [{ name: "a\u0000b", type: "production" }, "name"],
      [{ name: 1, type: "production" }, "name"],
      [{ name: "Staging" }, "type"],
      [{ name: "Staging", type: "staging" }, "type"],
    ] as const) {
      const { status, json } = await call("POST", BASE, { body });
      expect([status, json.detail[0]?.loc]).toEqual([422, ["body", field]]);
    }
    expect(code(await call("POST", BASE, { body: "{" }))).toBe("400 invalid_json");
  });
});

describe("looking at environments", () => {
  it("lists all of them, in pages that lead on and back", async () => {
    const { id } = await environment();
    const all = (await call("GET", BASE)).json;
    expect(all.data.map(({ name }) => name).slice(0, 2)).toEqual(["live", "sandbox"]);
    expect(all.data.at(-1)?.id).toBe(id);
    expect(all.done).toBe(true);
    const first = (await call("GET", `${BASE}?limit=2`)).json;
    expect(first).toMatchObject({ done: false, iterator: first.data[1]?.id });
    const next = (await call("GET", `${BASE}?limit=2&iterator=${first.iterator}`)).json;
    expect(next.data[0]).toEqual(all.data[2]);
    const back = (await call("GET", `${BASE}?limit=2&iterator=${next.prevIterator}`)).json;
    expect(back.data).toEqual(first.data);
    const newest = (await call("GET", `${BASE}?order=descending&limit=1`)).json;
    expect(newest.data).toEqual([all.data.at(-1)]);
    expect((await call("GET", `${BASE}?limit=251`)).status).toBe(422);
    expect((await call("GET", `${BASE}?iterator=app_x`)).status).toBe(422);
  });

  it("shows one by either form of its id", async () => {
    const { id, name } = await environment();
    const one = await call("GET", `${BASE}/${id}`);
    expect(one.json).toMatchObject({ id, name, type: "development" });
    expect((await call("GET", `${BASE}/env_${id.slice(4)}`)).text).toBe(one.text);
    expect(code(await call("GET", `${BASE}/${NOBODY}`))).toBe("404 not_found");
  });
});

describe("renaming an environment", () => {
  it("keeps everything but the name, and the keys that there are", async () => {
    const { id, key } = await environment();
    await call("PATCH", "/api/v1/management/environment-settings", { key, body: { displayName: "Ana" } });
    const before = (await call("GET", `${BASE}/${id}`)).json;
    const { status, json } = await call("PUT", `${BASE}/${id}`, { body: { name: "Quality" } });
    expect(status).toBe(200);
    expect(json).toMatchObject({ id, name: "Quality", type: "development" });
    expect((await call("GET", `${BASE}/${id}`)).json).toEqual({ ...before, ...json });
    const settings = await call("GET", "/api/v1/management/environment-settings", { key });
    expect(settings.json).toMatchObject({ displayName: "Ana" });
    expect(await newKey(id)).toMatch(/^phk_quality_/);
    // To its own name as well.
    expect((await call("PUT", `${BASE}/${id}`, { body: { name: "Quality" } })).status).toBe(200);
  });

  it("is refused when the name is taken, when it does not fit and when there is none", async () => {
    const { id } = await environment();
    const other = await environment();
    expect(code(await call("PUT", `${BASE}/${id}`, { body: { name: other.name } }))).toBe("409 conflict");
    expect(code(await call("PUT", `${BASE}/${NOBODY}`, { body: { name: "x" } }))).toBe("404 not_found");
    for (const body of [{}, { name: "" }, { name: "x".repeat(256) }, { name: null }]) {
      const { status, json } = await call("PUT", `${BASE}/${id}`, { body });
      expect([status, json.detail[0]?.loc]).toEqual([422, ["body", "name"]]);
    }
  });
});

/** With an application, an endpoint that fails, and a message that will be tried again. */
async function busy(): Promise<{ id: string; key: string; app: string; url: string; name: string }> {
  const { id, key, name } = await environment();
  const url = `https://example.com/${id}`;
  const app = (await call("POST", "/api/v1/app", { key, body: { name: "Ana" } })).json.id;
  await call("POST", `/api/v1/app/${app}/endpoint`, { key, body: { url } });
  const body = { eventType: "order.completed", payload: {} };
  await call("POST", `/api/v1/app/${app}/msg`, { key, body });
  await server.until(async () => server.posts.some((post) => post.url === url));
  return { id, key, app, url, name };
}

describe("deleting an environment", () => {
  it("ends its keys, its tokens and its deliveries at once, and nobody else's", async () => {
    server.answer = () => ({ status: 500 });
    const { id, key, app, url } = await busy();
    const access = await call("POST", `/api/v1/auth/app-portal-access/${app}`, { key, body: {} });
    const { token } = access.json;
    expect((await call("GET", `/api/v1/app/${app}/endpoint`, { key: token })).status).toBe(200);
    expect((await call("DELETE", `${BASE}/${id}`)).status).toBe(204);
    for (const credential of [key, token]) {
      const reply = await call("GET", `/api/v1/app/${app}/endpoint`, { key: credential });
      expect(code(reply)).toBe("401 authentication_failed");
    }
    const posts = (): number => server.posts.filter((post) => post.url === url).length;
    const before = posts();
    await server.runtime.advance(60_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(posts()).toBe(before);
    server.answer = () => ({ status: 204 });
    const own = await server.application();
    await server.endpoint(own, { url: "https://example.com/still-there" });
    await server.message(own);
    await server.until(async () =>
      server.posts.some((post) => post.url === "https://example.com/still-there"),
    );
  });

  it("takes it out of every list, and gives its name free", async () => {
    const { id, name } = await environment();
    expect((await call("DELETE", `${BASE}/${id}`)).text).toBe("");
    expect(code(await call("GET", `${BASE}/${id}`))).toBe("404 not_found");
    expect(code(await call("PUT", `${BASE}/${id}`, { body: { name: "x" } }))).toBe("404 not_found");
    expect((await call("GET", BASE)).json.data.map((each) => each.id)).not.toContain(id);
    const keys = `/api/v1/management/authentication/${id}/api-token`;
    expect(code(await call("POST", keys, { body: { name: "k" } }))).toBe("404 not_found");
    expect(code(await call("GET", keys))).toBe("404 not_found");
    expect((await environment({ name })).name).toBe(name);
  });

  it("happens once", async () => {
    const { id } = await environment();
    const replies = await Promise.all([1, 2].map(() => call("DELETE", `${BASE}/${id}`)));
    expect(replies.map(code).toSorted()).toEqual(["204 ", "404 not_found"]);
    expect(code(await call("DELETE", `${BASE}/${id}`))).toBe("404 not_found");
    expect(code(await call("DELETE", `${BASE}/${NOBODY}`))).toBe("404 not_found");
  });

  it("is noticed within five seconds by a node that knew its key", async () => {
    const { id, key } = await environment();
    const other = await server.another();
    const status = async (): Promise<number> => (await other.call("GET", "/api/v1/app", { key })).status;
    expect(await status()).toBe(200);
    await call("DELETE", `${BASE}/${id}`);
    await server.runtime.advance(CREDENTIAL_CACHE_MS);
    expect(await status()).toBe(401);
  });

  it("leaves no row of it behind, an hour later", async () => {
    const { id } = await busy();
    await call("DELETE", `${BASE}/${id}`);
    await server.runtime.advance(ENVIRONMENT_WATCH_MS);
    await server.until(async () => {
      await server.runtime.advance(PURGE_INTERVAL_MS);
      return (await server.store.environments.listDeleted()).length === 0;
    });
    const keys = (await server.store.dataKeys.list()).map(({ environmentId }) => environmentId);
    expect(keys).not.toContain(`env_${id.slice(4)}`);
    expect((await server.call("GET", "/api/v1/app")).status).toBe(200);
  });
});

it("a new environment is served by another node at once", async () => {
  const { key } = await environment();
  const other = await server.another();
  expect((await other.call("POST", "/api/v1/app", { key, body: { name: "Ana" } })).status).toBe(201);
});

describe("who may", () => {
  it("is the operator and nobody else", async () => {
    const { id, key } = await environment();
    const body = { name: "Mine", type: "development" };
    for (const [method, path] of [
      ["POST", BASE],
      ["GET", BASE],
      ["GET", `${BASE}/${id}`],
      ["PUT", `${BASE}/${id}`],
      ["DELETE", `${BASE}/${id}`],
    ] as const) {
      const options = method === "GET" || method === "DELETE" ? {} : { body };
      expect(code(await call(method, path, { ...options, key: null }))).toBe("401 authentication_failed");
      // Also of the environment itself.
      for (const other of [key, server.live.key]) {
        expect(code(await call(method, path, { ...options, key: other }))).toBe("403 insufficient_access");
      }
    }
  });

  it("cannot be given to an API key", async () => {
    const path = `/api/v1/management/authentication/${server.live.environmentId}/api-token`;
    const body = { name: "Mine", scopes: ["write:installation"] };
    expect((await call("POST", path, { body })).status).toBe(422);
    expect((await call("POST", path, { body, key: server.live.key })).status).toBe(422);
  });

  it("manages the keys of any environment", async () => {
    const { id, key } = await environment();
    const path = `/api/v1/management/authentication/${id}/api-token`;
    const { json } = await call("GET", path);
    const [first] = json.data;
    expect(first).toMatchObject({ name: "First", scopes: null });
    const one = `${path}/${first?.id}`;
    expect((await call("PUT", one, { body: { name: "Shop" } })).json).toMatchObject({ name: "Shop" });
    expect((await call("PATCH", one, { body: { scopes: ["read:message"] } })).status).toBe(200);
    expect(code(await call("GET", "/api/v1/app", { key }))).toBe("403 insufficient_access");
    expect((await call("POST", `${one}/expire`, { body: {} })).status).toBe(204);
    expect(code(await call("GET", "/api/v1/app", { key }))).toBe("401 authentication_failed");
    // Only in the environment that the path names.
    const elsewhere = `/api/v1/management/authentication/${server.live.environmentId}/api-token/${first?.id}`;
    expect(code(await call("GET", elsewhere))).toBe("404 not_found");
    const nobody = `/api/v1/management/authentication/${NOBODY}/api-token`;
    expect(code(await call("POST", nobody, { body: { name: "k" } }))).toBe("404 not_found");
  });
});
