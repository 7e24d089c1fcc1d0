import { Svix } from "svix";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ContractWatch } from "./testing/contract-watch.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

/** Polling endpoints through Svix's own client, every answer held against Svix's contract where that is at hand. */
const watch = new ContractWatch();
let server: TestServer;
let svix: Svix;

beforeAll(async () => {
  server = await startTestServer();
  const serverUrl = await server.app.listen({ host: "127.0.0.1", port: 0 });
  svix = new Svix(server.live.key, { serverUrl, fetch: watch.fetch, retryScheduleInMs: [] });
});
afterAll(() => server.close());

async function scene(fields: object = {}): Promise<{ appId: string; sinkId: string }> {
  const appId = await server.application();
  const created = await server.call("POST", `/api/v1/app/${appId}/destination`, {
    body: { type: "pollingEndpoint", ...fields },
  });
  expect(created.status).toBe(201);
  expect(
    watch.contract?.faults("POST", `/api/v1/app/${appId}/destination`, { status: 201, body: created.json }) ??
      null,
  ).toBeNull();
  return { appId, sinkId: created.json.id };
}

const v2 = (appId: string, sinkId: string, query = "") =>
  server.call("GET", `/api/v1/app/${appId}/polling-endpoint/${sinkId}/consumer/c${query}`);

const commit = (appId: string, sinkId: string, offset: unknown) =>
  server.call("POST", `/api/v1/app/${appId}/polling-endpoint/${sinkId}/consumer/c/commit`, {
    body: { offset },
  });

const operationsOn = (app: string, sink: string) =>
  [
    ["GET", `/api/v1/app/${app}/destination`],
    ["POST", `/api/v1/app/${app}/destination`, { type: "pollingEndpoint" }],
    ["GET", `/api/v1/app/${app}/destination/${sink}`],
    ["DELETE", `/api/v1/app/${app}/destination/${sink}`],
    ["GET", `/api/v1/app/${app}/poller/${sink}`],
    ["GET", `/api/v1/app/${app}/poller/${sink}/consumer/c`],
    ["POST", `/api/v1/app/${app}/poller/${sink}/consumer/c/seek`, { after: "2026-01-01T00:00:00Z" }],
    ["GET", `/api/v1/app/${app}/polling-endpoint/${sink}/consumer/c`],
    ["POST", `/api/v1/app/${app}/polling-endpoint/${sink}/consumer/c/commit`, { offset: 0 }],
  ] as const;

const offsets = async (...args: Parameters<typeof v2>): Promise<number[]> => {
  const reply = await v2(...args);
  const path = `/api/v1/app/x/polling-endpoint/y/consumer/c`;
  expect(watch.contract?.faults("GET", path, { status: reply.status, body: reply.json }) ?? null).toBeNull();
  return reply.json.data.map((item) => (item as unknown as { offset: number }).offset);
};

describe("polling endpoints through Svix's client", () => {
  it("gives every accepted message once, page by page", async () => {
    const { appId, sinkId } = await scene({ uid: "warehouse" });
    const ids: string[] = [];
    for (let count = 0; count < 5; count++)
      ids.push(await server.message(appId, { channels: ["eu"], tags: ["t"] }));
    const seen: string[] = [];
    let iterator: string | undefined;
    for (let done = false; !done;) {
      const page = await svix.message.poller.poll(appId, "warehouse", {
        limit: 2,
        ...(iterator && { iterator }),
      });
      seen.push(...page.data.map(({ id }) => id));
      ({ iterator, done } = page);
    }
    expect(seen).toEqual(ids);
    const more = await server.message(appId);
    const page = await svix.message.poller.poll(appId, sinkId, { iterator: iterator! });
    expect(page.data.map(({ id }) => id)).toEqual([more]);
    expect(page.data[0]!.payload).toEqual({ a: 1 });
  });

  it("lets through what the endpoint and the poll ask for", async () => {
    const { appId, sinkId } = await scene({ eventTypes: ["order.refunded"] });
    await server.message(appId);
    const refunded = await server.message(appId, { eventType: "order.refunded", channels: ["eu"] });
    const idsOf = async (options: object): Promise<string[]> =>
      (await svix.message.poller.poll(appId, sinkId, options)).data.map(({ id }) => id);
    expect(await idsOf({})).toEqual([refunded]);
    expect(await idsOf({ channel: "eu", eventType: "order.refunded" })).toEqual([refunded]);
    expect(await idsOf({ channel: "us" })).toEqual([]);
    expect(await idsOf({ eventType: "order.completed" })).toEqual([]);
    expect(await idsOf({ after: new Date(server.runtime.clock.now() + 60_000) })).toEqual([]);
  });

  it("keeps a consumer's place: again until its iterator is given, moved by seek", async () => {
    const { appId, sinkId } = await scene();
    const first = await server.message(appId);
    await server.runtime.advance(60_000);
    const later = new Date(server.runtime.clock.now());
    const second = await server.message(appId);
    const { poller } = svix.message;
    const one = await svix.message.poller.consumerPoll(appId, sinkId, "c", { limit: 1 });
    expect(one.data.map(({ id }) => id)).toEqual([first]);
    expect((await poller.consumerPoll(appId, sinkId, "c", { limit: 1 })).data[0]!.id).toBe(first);
    const two = await poller.consumerPoll(appId, sinkId, "c", { iterator: one.iterator });
    expect(two.data.map(({ id }) => id)).toEqual([second]);
    await poller.consumerPoll(appId, sinkId, "c", { iterator: two.iterator });
    expect((await poller.consumerPoll(appId, sinkId, "c")).data).toEqual([]);
    const { iterator } = await svix.message.poller.consumerSeek(appId, sinkId, "c", { after: later });
    expect(iterator).toBe(one.iterator);
    expect((await poller.consumerPoll(appId, sinkId, "c")).data.map(({ id }) => id)).toEqual([second]);
    expect((await poller.consumerPoll(appId, sinkId, "other")).data).toHaveLength(2);
  });

  it("keeps polling endpoints", async () => {
    const appId = await server.application();
    const made = await svix.destination.create(appId, {
      type: "pollingEndpoint",
      config: {},
      uid: "w",
    } as never);
    expect(await svix.destination.get(appId, "w")).toEqual(made);
    expect((await svix.destination.list(appId)).data).toEqual([made]);
    await svix.destination.delete(appId, "w");
    expect((await svix.destination.list(appId)).data).toEqual([]);
  });

  it("answers what Svix's contract says", () => {
    expect(watch.faults).toEqual([]);
  });
});

describe("polling with offsets", () => {
  it("gives the same until it is committed, and never goes back", async () => {
    const { appId, sinkId } = await scene();
    for (let count = 0; count < 3; count++) await server.message(appId);
    expect(await offsets(appId, sinkId)).toEqual([1, 2, 3]);
    expect(await offsets(appId, sinkId)).toEqual([1, 2, 3]);
    expect((await commit(appId, sinkId, 2)).status).toBe(204);
    expect(await offsets(appId, sinkId)).toEqual([3]);
    expect((await commit(appId, sinkId, 1)).status).toBe(204);
    expect(await offsets(appId, sinkId)).toEqual([3]);
    expect((await commit(appId, sinkId, 4)).status).toBe(422);
    expect((await commit(appId, sinkId, -1)).status).toBe(422);
  });

  it("leases: others go on behind, and what was not committed in time comes again", async () => {
    const { appId, sinkId } = await scene();
    for (let count = 0; count < 4; count++) await server.message(appId);
    const lease = "?limit=2&lease_duration_ms=1000";
    expect(await offsets(appId, sinkId, lease)).toEqual([1, 2]);
    expect(await offsets(appId, sinkId, lease)).toEqual([3, 4]);
    expect(await offsets(appId, sinkId, lease)).toEqual([]);
    await commit(appId, sinkId, 1);
    await server.runtime.advance(1_000);
    expect(await offsets(appId, sinkId, "")).toEqual([2, 3, 4]);
  });

  it("lets a new consumer begin at the end", async () => {
    const { appId, sinkId } = await scene();
    await server.message(appId);
    expect(await offsets(appId, sinkId, "?starting_position=latest")).toEqual([]);
    await server.message(appId);
    expect(await offsets(appId, sinkId, "?starting_position=latest")).toEqual([2]);
  });
});

describe("polling endpoints and strangers", () => {
  it("are made, listed and deleted by their own environment only", async () => {
    const { appId, sinkId } = await scene({ uid: "u", metadata: { a: "b" } });
    const base = `/api/v1/app/${appId}/destination`;
    const again = await server.call("POST", base, { body: { type: "pollingEndpoint", uid: "u" } });
    expect(again.status).toBe(409);
    expect((await server.call("POST", base, { body: { type: "amazonS3" } })).status).toBe(422);
    const list = await server.call("GET", base);
    expect(list.json.data.map(({ id }) => id)).toEqual([sinkId]);
    expect(watch.contract?.faults("GET", base, { status: 200, body: list.json }) ?? null).toBeNull();
    expect((await server.call("GET", `${base}/u`)).json).toMatchObject({ id: sinkId, metadata: { a: "b" } });
    expect((await server.call("DELETE", `${base}/u`)).status).toBe(204);
    expect((await server.call("GET", `${base}/${sinkId}`)).status).toBe(404);
    expect((await server.call("DELETE", `${base}/u`)).status).toBe(404);
  });

  it("every operation is closed without a key, to another environment and for what is not there", async () => {
    const { appId, sinkId } = await scene();
    for (const [method, url, body] of operationsOn(appId, sinkId)) {
      const call = (key: string | null) => server.call(method, url, { key, ...(body && { body }) });
      expect((await call(null)).status, url).toBe(401);
      expect((await call(server.sandbox.key)).status, url).toBe(404);
    }
    for (const [method, url, body] of operationsOn(appId, "sink_none")) {
      if (url.endsWith("/destination")) continue;
      expect((await server.call(method, url, body && { body })).status, url).toBe(404);
    }
    const other = await scene();
    expect((await server.call("GET", `/api/v1/app/${other.appId}/poller/${sinkId}`)).status).toBe(404);
  });

  it("what is no iterator, limit, time or offset is refused", async () => {
    const { appId, sinkId } = await scene();
    const poller = `/api/v1/app/${appId}/poller/${sinkId}`;
    for (const query of ["iterator=x", "iterator=p-1", "limit=0", "limit=251", "after=soon"]) {
      expect((await server.call("GET", `${poller}?${query}`)).status, query).toBe(422);
    }
    const seek = await server.call("POST", `${poller}/consumer/c/seek`, { body: { after: "soon" } });
    expect(seek.status).toBe(422);
  });
});
