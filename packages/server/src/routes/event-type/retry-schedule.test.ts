import { RETRY_SCHEDULE_ENTRIES_MAX } from "@posthaste/core/domain/limits";
import { afterAll, beforeAll, expect, it } from "vitest";
import { loadSvixContract } from "../../testing/svix-contract.ts";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const contract = loadSvixContract();
const place = "/api/v1/event-type/order.completed/retry-schedule";
const wait = (secs: unknown, nanos: unknown = 0) => ({ secs, nanos });

async function set(retrySchedule: unknown, path = place): Promise<number> {
  const { status, json } = await server.call("PUT", path, { body: { retrySchedule } });
  if (status === 200) {
    expect(json).toEqual({ retrySchedule });
    expect(contract?.faults("PUT", path, { status, body: json }) ?? null).toBeNull();
    const { json: read } = await server.call("GET", path);
    expect(read).toEqual({ retrySchedule });
    expect(contract?.faults("GET", path, { status: 200, body: read }) ?? null).toBeNull();
  }
  return status;
}

it("is the server's at first, is kept to the millisecond, and is taken away with null", async () => {
  expect((await server.call("GET", place)).json).toEqual({ retrySchedule: null });
  for (const schedule of [[wait(5), wait(300, 250_000_000)], [], [wait(604_800)], null]) {
    expect(await set(schedule)).toBe(200);
  }
});

it("outlives changes of the event type, and goes with it", async () => {
  const type = "/api/v1/event-type/kept.on";
  await server.call("POST", "/api/v1/event-type", { body: { name: "kept.on", description: "x" } });
  expect(await set([wait(1)], `${type}/retry-schedule`)).toBe(200);
  await server.call("PUT", type, { body: { description: "y" } });
  await server.call("PATCH", type, { body: { description: "z" } });
  await server.call("DELETE", type);
  await server.call("POST", "/api/v1/event-type", { body: { name: "kept.on", description: "again" } });
  expect((await server.call("GET", `${type}/retry-schedule`)).json).toEqual({ retrySchedule: [wait(1)] });
  await server.call("DELETE", `${type}?expunge=true`);
  expect((await server.call("GET", `${type}/retry-schedule`)).status).toBe(404);
});

it("decides when a failed attempt is made again", async () => {
  const app = await server.application();
  const endpoint = await server.endpoint(app);
  server.answer = () => ({ status: 500 });
  expect(await set([])).toBe(200);
  const id = await server.message(app);
  const standing = await server.until(async () => {
    const { json } = await server.call("GET", `/api/v1/app/${app}/msg/${id}/endpoint`);
    return json.data[0]?.status === 2 && json.data[0];
  });
  expect(standing).toMatchObject({ id: endpoint, nextAttempt: null });
  server.answer = () => ({ status: 204 });
  expect(await set(null)).toBe(200);
});

it("refuses what is no schedule", async () => {
  const tooMany = Array.from({ length: RETRY_SCHEDULE_ENTRIES_MAX + 1 }, () => wait(1));
  for (const schedule of [
    "5s",
    [5],
    [{ secs: 5 }],
    [wait(-1)],
    [wait(1.5)],
    [wait(1, 1_000_000_000)],
    [wait(700_000)],
    tooMany,
  ]) {
    expect([schedule, await set(schedule)]).toEqual([schedule, 422]);
  }
});

it("is nobody else's, and needs a key that may", async () => {
  const body = { retrySchedule: [wait(1)] };
  await server.call("POST", "/api/v1/event-type", { body: { name: "only.live", description: "x" } });
  const theirs = "/api/v1/event-type/only.live/retry-schedule";
  for (const [method, options] of [
    ["GET", {}],
    ["PUT", { body }],
  ] as const) {
    expect((await server.call(method, place, { ...options, key: null })).status).toBe(401);
    expect((await server.call(method, theirs, { ...options, key: server.sandbox.key })).status).toBe(404);
    expect((await server.call(method, place.replace("completed", "none"), options)).status).toBe(404);
  }
  const app = await server.application();
  const { json } = await server.call("POST", `/api/v1/auth/app-portal-access/${app}`, { body: {} });
  expect((await server.call("PUT", place, { body, key: json.token })).status).toBe(403);
});
