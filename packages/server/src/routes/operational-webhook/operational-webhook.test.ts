import { OPERATIONAL_ENDPOINTS_MAX } from "@posthaste/core/domain/limits";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";

const BASE = "/api/v1/operational-webhook/endpoint";
const URL_OK = { url: "https://operator.example.com/hook" };
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

async function made(fields: object = {}): Promise<string> {
  const { status, json, text } = await server.call("POST", BASE, { body: { ...URL_OK, ...fields } });
  expect(status, text).toBe(201);
  return json.id;
}

const operationsOn = (id: string) =>
  [
    ["GET", BASE],
    ["POST", BASE, URL_OK],
    ["GET", `${BASE}/${id}`],
    ["PUT", `${BASE}/${id}`, URL_OK],
    ["DELETE", `${BASE}/${id}`],
    ["GET", `${BASE}/${id}/headers`],
    ["PUT", `${BASE}/${id}/headers`, { headers: {} }],
    ["GET", `${BASE}/${id}/secret`],
    ["POST", `${BASE}/${id}/secret/rotate`, {}],
  ] as const;

describe("operational endpoints", () => {
  it("every operation is closed without a key and to portal tokens", async () => {
    const id = await made();
    const appId = await server.application();
    const access = await server.call("POST", `/api/v1/auth/app-portal-access/${appId}`, { body: {} });
    for (const [method, url, body] of operationsOn(id)) {
      const call = (key: string | null) => server.call(method, url, { key, ...(body && { body }) });
      expect((await call(null)).status, url).toBe(401);
      expect((await call(access.json.token)).status, url).toBe(403);
    }
    expect((await server.call("GET", `${BASE}/${id}`)).status).toBe(200);
  });

  it("what is not there is 404, here and in another environment", async () => {
    const id = await made();
    const { environmentId, key } = server.sandbox;
    for (const [method, url, body] of operationsOn(id)) {
      // These make one, or list those that are there.
      if (url === BASE || (method === "PUT" && url === `${BASE}/${id}`)) continue;
      const elsewhere = await server.call(method, url, { key, ...(body && { body }) });
      expect(elsewhere.status, url).toBe(404);
      const missing = url.replace(id, "nobody");
      expect((await server.call(method, missing, body && { body })).status, missing).toBe(404);
    }
    expect(environmentId).not.toBe(server.live.environmentId);
    expect((await server.call("GET", BASE, { key })).json.data).toEqual([]);
  });

  it.each([
    [{}, 422],
    [{ url: "not a url" }, 400],
    [{ url: "https://127.0.0.1/" }, 400],
    [{ ...URL_OK, eventTypes: [] }, 422],
    [{ ...URL_OK, eventTypes: ["order.completed"] }, 422],
    [{ ...URL_OK, throttleRate: 0 }, 422],
    [{ ...URL_OK, uid: "ep_2m5tWYTsZiDTFIVmWTMBWz0Mabc" }, 422],
    [{ ...URL_OK, secret: "whsec_short" }, 422],
    [{ ...URL_OK, headers: { "webhook-id": "x" } }, 400],
  ])("refuses %j with %i", async (body, status) => {
    const reply = await server.call("POST", BASE, { body });
    expect(reply.status, reply.text).toBe(status);
  });

  it("a repeated request with the same key makes one", async () => {
    const before = (await server.call("GET", `${BASE}?limit=250`)).json.data.length;
    const request = { body: URL_OK, headers: { "idempotency-key": "k" } };
    const first = await server.call("POST", BASE, request);
    expect((await server.call("POST", BASE, request)).json).toEqual(first.json);
    expect((await server.call("GET", `${BASE}?limit=250`)).json.data).toHaveLength(before + 1);
  });

  it("a read-only key sees no secret", async () => {
    const id = await made();
    const issued = await server.call(
      "POST",
      `/api/v1/management/authentication/${server.live.environmentId}/api-token`,
      {
        body: { name: "watcher", scopes: ["read:operational-webhook"] },
      },
    );
    expect(issued.status, issued.text).toBe(200);
    const { token: key } = issued.json;
    expect((await server.call("GET", `${BASE}/${id}`, { key })).status).toBe(200);
    expect((await server.call("GET", `${BASE}/${id}/secret`, { key })).status).toBe(403);
    expect((await server.call("PUT", `${BASE}/${id}`, { key, body: URL_OK })).status).toBe(403);
  });

  it("there are not more than the bound", async () => {
    const { length } = (await server.call("GET", `${BASE}?limit=250`)).json.data;
    for (let count = length; count < OPERATIONAL_ENDPOINTS_MAX; count++) await made();
    const reply = await server.call("POST", BASE, { body: URL_OK });
    expect(reply.status).toBe(400);
    expect(reply.json.code).toBe("limit_reached");
  });
});
