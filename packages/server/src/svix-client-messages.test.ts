import { afterAll, beforeAll, expect, it } from "vitest";
import { ApiException, BackgroundTaskStatus, Svix } from "svix";
import { ContractWatch } from "./testing/contract-watch.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

/** Svix's own client, each answer held against Svix's OpenAPI document where it is at hand. */
const watch = new ContractWatch({ ours: true });
const CONTENT = { withContent: true };
let server: TestServer;
let serverUrl: string;
let svix: Svix;

/** What the client has no method for. */
const call = (method: string, path: string, body?: object): Promise<Response> =>
  watch.fetch(`${serverUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${server.live.key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

beforeAll(async () => {
  server = await startTestServer();
  serverUrl = await server.app.listen({ host: "127.0.0.1", port: 0 });
  svix = new Svix(server.live.key, { serverUrl, fetch: watch.fetch, retryScheduleInMs: [] });
});
afterAll(async () => {
  await server.close();
  expect(watch.faults).toEqual([]);
});

it("asks whether a message would be sent", async () => {
  const app = await server.application();
  expect(await svix.message.precheck(app, { eventType: "order.completed" })).toEqual({ active: false });
  await server.endpoint(app);
  expect(await svix.message.precheck(app, { eventType: "order.completed" })).toEqual({ active: true });
});

it("imports event types from an OpenAPI document", async () => {
  const spec = { openapi: "3.1.0", webhooks: { "quiz.passed": { post: { description: "Someone passes" } } } };
  const planned = await svix.eventType.importOpenapi({ spec, dryRun: true });
  expect(planned.data.toModify?.map(({ name }) => name)).toEqual(["quiz.passed"]);
  const done = await svix.eventType.importOpenapi({ specRaw: JSON.stringify(spec) });
  expect(done.data.modified).toEqual(["quiz.passed"]);
  expect((await svix.eventType.get("quiz.passed")).description).toBe("Someone passes");
  await expect(svix.eventType.importOpenapi({})).rejects.toBeInstanceOf(ApiException);
});

it("reads a payload as it was sent, and messages on and on", async () => {
  const app = await server.application();
  const { id } = await svix.message.create(app, { eventType: "order.completed", payload: { a: 1 } });
  const raw = await call("GET", `/api/v1/app/${app}/msg/${id}/raw`);
  expect(await raw.json()).toEqual({ payload: '{"a":1}' });
  await server.runtime.advance(60_000);
  const events = await call("GET", `/api/v1/app/${app}/events?limit=10`);
  expect(await events.json()).toMatchObject({ data: [{ id }], iterator: id, done: true });
});

it("schedules messages and calls off what an endpoint is owed", async () => {
  const app = await server.application();
  const endpoint = await server.endpoint(app);
  const deliverAt = new Date(server.runtime.clock.now() + 60_000);
  const message = { eventType: "order.completed", payload: { a: 1 }, deliverAt };
  const scheduled = await svix.message.create(app, message);
  expect(scheduled.deliverAt).toEqual(deliverAt);
  const createdBefore = new Date(server.runtime.clock.now() + 1_000).toISOString();
  const canceled = await call("POST", `/api/v1/app/${app}/endpoint/${endpoint}/cancel-msgs`, {
    createdBefore,
  });
  expect(canceled.status).toBe(204);
  const { data } = await svix.messageAttempt.listAttemptedDestinations(app, scheduled.id);
  expect(data.map(({ status, nextAttempt }) => [status, nextAttempt])).toEqual([[4, null]]);
});

it("deletes the payloads of several messages", async () => {
  const app = await server.application();
  const { id } = await svix.message.create(app, { eventType: "order.completed", payload: { a: 1 } });
  const ids = [id, "nobody"];
  const { results } = await svix.message.bulkExpungeContent(app, { ids });
  expect(results).toEqual({ [id]: "expunged", nobody: "not-found" });
  expect((await svix.message.get(app, id, CONTENT)).payload).toEqual({ expired: true });
});

it("broadcasts", async () => {
  const apps = [await server.application(), await server.application()];
  const body = { eventType: "order.completed", payload: { a: 1 } };
  const started = (await (await call("POST", "/api/v1/msg/broadcast", body)).json()) as { id: string };
  await server.until(async () => {
    await server.runtime.advance(50);
    return (await svix.backgroundTask.get(started.id)).status === BackgroundTaskStatus.Finished;
  });
  for (const app of apps)
    expect((await svix.message.get(app, started.id, CONTENT)).payload).toEqual({ a: 1 });
  const listed = await svix.backgroundTask.list();
  expect(listed.data.find(({ id }) => id === started.id)).toMatchObject({ task: "message.broadcast" });
});
