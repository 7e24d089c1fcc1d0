import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keyedRequest } from "./idempotency.ts";
import { startTestServer, type Reply, type TestServer } from "./testing/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const url = "/api/v1/app";
const create = (key: string, body: unknown, path = url): Promise<Reply> =>
  server.call("POST", path, { body, headers: { "idempotency-key": key } });

describe("a control-plane POST with an Idempotency-Key", () => {
  it("is done once and answered alike, at once and later", async () => {
    const body = { name: "once", metadata: { a: "1" } };
    const replies = await Promise.all([create("k1", body), create("k1", body), create("k1", body)]);
    const later = await create("k1", body);
    for (const reply of [...replies, later]) {
      expect([reply.status, reply.text]).toEqual([201, replies[0]?.text]);
    }
    const { json } = await server.call("GET", `${url}?limit=250`);
    expect(json.data.filter(({ name }) => name === "once")).toHaveLength(1);
  });

  it("is answered as at first even when the application changed meanwhile", async () => {
    const first = await create("k2", { name: "before" });
    await server.call("PATCH", `${url}/${first.json.id}`, { body: { name: "after" } });
    expect((await create("k2", { name: "before" })).text).toBe(first.text);
  });

  it("with another body or query is refused, while the first is under way and after", async () => {
    const [first, second] = await Promise.all([create("k3", { name: "a" }), create("k3", { name: "b" })]);
    expect(first.status).toBe(201);
    expect(second.status).toBe(409);
    expect(second.json.code).toBe("idempotency_conflict");
    expect((await create("k3", { name: "b" })).status).toBe(409);
    expect((await create("k3", { name: "a" }, `${url}?get_if_exists=true`)).status).toBe(409);
  });

  it("that was refused can be tried again under the same key", async () => {
    expect((await create("k4", { name: "" })).status).toBe(422);
    expect((await create("k4", { name: "ok" })).status).toBe(201);
    await server.application({ uid: "k5-taken" });
    expect((await create("k5", { name: "x", uid: "k5-taken" })).status).toBe(409);
    const taken = await server.call("GET", `${url}/k5-taken`);
    await server.call("DELETE", `${url}/${taken.json.id}`);
    expect((await create("k5", { name: "x", uid: "k5-taken" })).status).toBe(201);
  });

  it("belongs to one environment and one path, with or without a slash at its end", async () => {
    const mine = await create("k6", { name: "a" });
    const theirs = await server.call("POST", url, {
      body: { name: "a" },
      key: server.sandbox.key,
      headers: { "idempotency-key": "k6" },
    });
    expect(theirs.status).toBe(201);
    expect(theirs.json.id).not.toBe(mine.json.id);
    expect((await create("k6", { name: "a" }, `${url}/`)).json.id).toBe(mine.json.id);
  });

  it("is forgotten after a day", async () => {
    const first = await create("k7", { name: "a" });
    server.runtime.stepWallClock(24 * 3_600_000 + 1);
    const second = await create("k7", { name: "a" });
    expect(second.status).toBe(201);
    expect(second.json.id).not.toBe(first.json.id);
  });

  it("is done once for endpoints and event types too", async () => {
    const app = await server.application();
    const path = `${url}/${app}/endpoint`;
    const first = await create("k8", { url: "https://example.com/" }, path);
    expect((await create("k8", { url: "https://example.com/" }, path)).text).toBe(first.text);
    expect((await server.call("GET", path)).json.data).toHaveLength(1);
    const eventType = { name: "a.idempotent", description: "x" };
    const made = await create("k8", eventType, "/api/v1/event-type");
    expect(made.status).toBe(201);
    expect((await create("k8", eventType, "/api/v1/event-type")).text).toBe(made.text);
  });
});

describe("the hashes of a request", () => {
  const base = { environmentId: "env_1", method: "POST", url: "/a?q=1", key: "k", body: Buffer.from("{}") };

  it("differ in scope by environment, method, path and key, in body by query and body, and hide the key", () => {
    const first = keyedRequest(base);
    const scopes = [
      first,
      keyedRequest({ ...base, environmentId: "env_2" }),
      keyedRequest({ ...base, method: "PUT" }),
      keyedRequest({ ...base, url: "/b?q=1" }),
      keyedRequest({ ...base, key: "k2" }),
    ].map((request) => request?.scope);
    expect(new Set(scopes).size).toBe(5);
    expect(keyedRequest({ ...base, url: "/a/?q=1" })).toEqual(first);
    const hashes = [
      first,
      keyedRequest({ ...base, url: "/a" }),
      keyedRequest({ ...base, body: Buffer.from("[]") }),
    ];
    expect(new Set(hashes.map((request) => request?.bodyHash)).size).toBe(3);
    expect(first?.scope).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    expect(keyedRequest({ ...base, key: undefined })).toBeNull();
  });
});
