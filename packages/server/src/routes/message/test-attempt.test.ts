import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { TEST_ATTEMPTS_PER_APP_MAX } from "@posthaste/core/domain/limits";
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
  server.answer = () => ({ status: 200, body: "hello" });
  app = await server.application();
  endpoint = await server.endpoint(app, { filterTypes: ["order.refunded"] });
  place = `/api/v1/app/${app}/endpoint/${endpoint}/msg/test-attempt`;
});
afterAll(() => server.close());

const contract = loadSvixContract();
const BODY = { eventType: "order.completed", payload: { amount: 1 } };
const attempts = async () =>
  (await server.call("GET", `/api/v1/app/${app}/attempt/endpoint/${endpoint}`)).json;

it("sends any payload, byte for byte, whatever the filters, and answers with what came back", async () => {
  const before = server.posts.length;
  const body = '{"eventType":"order.completed","payload":{ "n": 12345678901234567890.10 }}';
  const { status, json } = await server.call("POST", place, { body });
  expect(status).toBe(201);
  expect(json).toMatchObject({
    status: 0,
    statusText: "success",
    triggerType: 1,
    response: "hello",
    responseStatusCode: 200,
    endpointId: endpoint,
    msg: { eventType: "order.completed" },
  });
  expect(contract?.faults("POST", place, { status, body: json }) ?? null).toBeNull();
  expect(server.posts.slice(before)).toMatchObject([
    { body: Buffer.from('{ "n": 12345678901234567890.10 }'), headers: { "webhook-id": json.msg.id } },
  ]);
  const recorded = await server.call(
    "GET",
    `/api/v1/app/${app}/msg/${json.msg.id}/attempt/${json.id}?with_msg=true`,
  );
  expect(recorded.json).toMatchObject({ id: json.id, response: "hello", status: 0 });
});

it("reports a failure, never repeats it and holds nothing against the endpoint", async () => {
  server.answer = () => ({ status: 410, body: "gone" });
  const before = server.posts.length;
  const { status, json } = await server.call("POST", place, { body: BODY });
  expect(status).toBe(201);
  expect(json).toMatchObject({ status: 2, statusText: "fail", responseStatusCode: 410 });
  const { disabled } = (await server.call("GET", `/api/v1/app/${app}/endpoint/${endpoint}`))
    .json as unknown as { disabled: boolean };
  expect(disabled).toBe(false);
  await server.runtime.advance(3_600_000);
  expect(server.posts.length).toBe(before + 1);
  expect((await attempts()).data).toHaveLength(1);
});

it("goes through the endpoint's transformation", async () => {
  const transformation = `/api/v1/app/${app}/endpoint/${endpoint}/transformation`;
  const code = "function handler(webhook) { webhook.cancel = true; return webhook; }";
  await server.call("PATCH", transformation, { body: { code, enabled: true } });
  const { status, json } = await server.call("POST", place, { body: BODY });
  expect(status).toBe(201);
  expect(json).toMatchObject({ status: 4, statusText: "canceled" });
});

it("answers a repeated key with the same attempt", async () => {
  const headers = { "idempotency-key": "once" };
  const before = server.posts.length;
  const first = await server.call("POST", place, { body: BODY, headers });
  const again = await server.call("POST", place, { body: BODY, headers });
  expect(again.json).toEqual(first.json);
  expect(server.posts.length).toBe(before + 1);
  const other = await server.call("POST", place, { body: { ...BODY, eventType: "a.b" }, headers });
  expect(other.status).toBe(409);
});

it("refuses a disabled endpoint, bad bodies, strangers and what is not there", async () => {
  const soon = new Date(server.runtime.clock.now() + 60_000).toISOString();
  for (const body of [
    {},
    { eventType: "a.b" },
    { ...BODY, payload: 1 },
    { ...BODY, deliverAt: soon },
    { ...BODY, eventType: "a b" },
  ]) {
    expect((await server.call("POST", place, { body })).status).toBe(422);
  }
  expect((await server.call("POST", place, { body: BODY, key: null })).status).toBe(401);
  expect((await server.call("POST", place, { body: BODY, key: server.sandbox.key })).status).toBe(404);
  expect((await server.call("POST", place.replace(endpoint, "none"), { body: BODY })).status).toBe(404);
  expect((await server.call("POST", place.replace(app, "none"), { body: BODY })).status).toBe(404);
  await server.call("PATCH", `/api/v1/app/${app}/endpoint/${endpoint}`, { body: { disabled: true } });
  const disabled = await server.call("POST", place, { body: BODY });
  expect([disabled.status, disabled.json.code]).toEqual([400, "endpoint_disabled"]);
  const body = { ...BODY, eventId: "e1" };
  const second = await server.endpoint(app);
  const there = place.replace(endpoint, second);
  expect((await server.call("POST", there, { body })).status).toBe(201);
  expect((await server.call("POST", there, { body })).status).toBe(409);
});

it("may not be made by an application's portal", async () => {
  const { json } = await server.call("POST", `/api/v1/auth/app-portal-access/${app}`, { body: {} });
  expect((await server.call("POST", place, { body: BODY, key: json.token })).status).toBe(403);
});

it("makes only so many at a time for one application", async () => {
  const statuses = await Promise.all(
    Array.from({ length: TEST_ATTEMPTS_PER_APP_MAX + 2 }, async () => {
      const { status } = await server.call("POST", place, { body: BODY });
      return status;
    }),
  );
  expect(statuses.filter((status) => status === 201)).toHaveLength(TEST_ATTEMPTS_PER_APP_MAX);
  expect(statuses.filter((status) => status === 429)).toHaveLength(2);
  expect((await server.call("POST", place, { body: BODY })).status).toBe(201);
});
