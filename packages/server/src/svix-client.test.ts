import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiException, BackgroundTaskStatus, MessageStatus, messageInRaw, Ordering, Svix } from "svix";
import { clientMethods, testedOperations } from "./compatibility/svix-client.ts";
import { ContractWatch } from "./testing/contract-watch.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

/**
 * Svix's own client against a listening server. Every answer it gets is also held against Svix's OpenAPI
 * document, where that is at hand.
 */
const watch = new ContractWatch();
if (watch.contract === null)
  console.log("Svix's OpenAPI document is not at hand: answers are checked by the client only.");

let server: TestServer;
let svix: Svix;

beforeAll(async () => {
  server = await startTestServer();
  const serverUrl = await server.app.listen({ host: "127.0.0.1", port: 0 });
  svix = new Svix(server.live.key, { serverUrl, fetch: watch.fetch, retryScheduleInMs: [] });
});
afterAll(() => server.close());

async function refusal(call: Promise<unknown>): Promise<{ status: number; body: unknown }> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ApiException) return { status: error.code, body: error.body };
    throw error;
  }
  throw new Error("it was not refused");
}

describe("Svix's client", () => {
  it("keeps applications", async () => {
    const created = await svix.application.create({
      name: "Studio Lumen",
      uid: "lumen",
      throttleRate: 10,
      metadata: { plan: "pro" },
    });
    expect(created).toMatchObject({
      name: "Studio Lumen",
      uid: "lumen",
      throttleRate: 10,
      metadata: { plan: "pro" },
    });
    expect(created.createdAt.getTime()).toBe(server.runtime.clock.now());
    expect(await svix.application.getOrCreate({ name: "Other", uid: "lumen" })).toEqual(created);
    expect(await svix.application.get("lumen")).toEqual(created);
    expect(await svix.application.get(created.id)).toEqual(created);
    expect((await refusal(svix.application.create({ name: "Other", uid: "lumen" }))).status).toBe(409);
    const patched = await svix.application.patch("lumen", { name: "Lumen", throttleRate: null });
    expect(patched).toMatchObject({
      name: "Lumen",
      throttleRate: null,
      uid: "lumen",
      metadata: { plan: "pro" },
    });
    const replaced = await svix.application.upsert("lumen", { name: "Lumen 2", uid: "lumen" });
    expect(replaced).toMatchObject({ id: created.id, name: "Lumen 2", metadata: {} });
    const list = await svix.application.list({ limit: 10, order: Ordering.Descending });
    expect(list.data.map(({ id }) => id)).toEqual([created.id]);
    expect(list.done).toBe(true);
    await svix.application.delete(created.id);
    expect((await refusal(svix.application.get("lumen"))).status).toBe(404);
  });

  it("keeps endpoints, their headers and their secrets", async () => {
    const app = await svix.application.create({ name: "A" });
    const created = await svix.endpoint.create(app.id, {
      url: "https://example.com/hook",
      uid: "shop",
      description: "Shop",
      eventTypes: ["order.completed"],
      channels: ["eu"],
      metadata: { a: "b" },
      headers: { "x-shop": "1" },
    });
    expect(created).toMatchObject({
      uid: "shop",
      eventTypes: ["order.completed"],
      channels: ["eu"],
      disabled: false,
    });
    expect(await svix.endpoint.get(app.id, "shop")).toEqual(created);
    const patched = await svix.endpoint.patch(app.id, "shop", { disabled: true, channels: null });
    expect(patched).toMatchObject({ disabled: true, channels: null, description: "Shop" });
    const replaced = await svix.endpoint.upsert(app.id, "shop", {
      url: "https://example.com/2",
      uid: "shop",
    });
    expect(replaced).toMatchObject({
      id: created.id,
      url: "https://example.com/2",
      disabled: false,
      eventTypes: null,
    });
    expect((await svix.endpoint.list(app.id)).data).toHaveLength(1);

    expect(await svix.endpoint.getHeaders(app.id, "shop")).toEqual({
      headers: { "x-shop": "1" },
      sensitive: [],
    });
    await svix.endpoint.setHeaders(app.id, "shop", { headers: { "x-a": "1", authorization: "Bearer t" } });
    await svix.endpoint.patchHeaders(app.id, "shop", { headers: { "x-b": "2" }, deleteHeaders: ["X-A"] });
    expect(await svix.endpoint.getHeaders(app.id, "shop")).toEqual({
      headers: { "x-b": "2" },
      sensitive: expect.arrayContaining(["authorization"]),
    });

    const { key } = await svix.endpoint.getSecret(app.id, "shop");
    expect(key).toMatch(/^whsec_/);
    await svix.endpoint.rotateSecret(app.id, "shop", {});
    expect((await svix.endpoint.getSecret(app.id, "shop")).key).not.toBe(key);
    const own = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;
    await svix.endpoint.rotateSecret(app.id, "shop", { key: own, gracePeriodSeconds: 0 });
    expect(await svix.endpoint.getSecret(app.id, "shop")).toEqual({ key: own });

    await svix.endpoint.delete(app.id, "shop");
    expect((await refusal(svix.endpoint.get(app.id, "shop"))).status).toBe(404);
  });

  it("keeps event types", async () => {
    const created = await svix.eventType.create({
      name: "lesson.done",
      description: "A lesson was finished",
      schemas: { 1: { type: "object" } },
      groupName: "lessons",
      featureFlags: ["beta"],
    });
    expect(created).toMatchObject({ archived: false, deprecated: false, schemas: { 1: { type: "object" } } });
    expect(await svix.eventType.get("lesson.done")).toEqual(created);
    const patched = await svix.eventType.patch("lesson.done", { deprecated: true, featureFlags: null });
    expect(patched).toMatchObject({ deprecated: true, description: "A lesson was finished" });
    expect((await svix.eventType.upsert("lesson.done", { description: "Done" })).schemas).toBeNull();
    await svix.eventType.delete("lesson.done");
    const listed = await svix.eventType.list({ withContent: true });
    expect(listed.data.map(({ name }) => name)).not.toContain("lesson.done");
    const all = await svix.eventType.list({ includeArchived: true });
    expect(all.data.map(({ name }) => name)).toContain("lesson.done");
    await svix.eventType.create({ name: "lesson.done", description: "Back" });
    await svix.eventType.delete("lesson.done", { expunge: true });
    expect((await refusal(svix.eventType.get("lesson.done"))).status).toBe(404);
  });

  it("sends messages and sees what became of them", async () => {
    const app = await svix.application.create({ name: "A" });
    const endpoint = await svix.endpoint.create(app.id, { url: "https://example.com/hook" });
    const sent = await svix.message.create(
      app.id,
      {
        eventType: "order.completed",
        eventId: "evt_1",
        payload: { amount: 129 },
        channels: ["eu"],
        tags: ["vip"],
      },
      { withContent: true, idempotencyKey: "one" },
    );
    expect(sent).toMatchObject({
      eventId: "evt_1",
      payload: { amount: 129 },
      channels: ["eu"],
      tags: ["vip"],
    });
    const again = await svix.message.create(
      app.id,
      {
        eventType: "order.completed",
        eventId: "evt_1",
        payload: { amount: 129 },
        channels: ["eu"],
        tags: ["vip"],
      },
      { withContent: true, idempotencyKey: "one" },
    );
    expect(again).toEqual(sent);
    expect(await svix.message.get(app.id, "evt_1", { withContent: true })).toEqual(sent);
    expect((await svix.message.get(app.id, sent.id)).payload).toEqual({});
    const listed = await svix.message.list(app.id, {
      channel: "eu",
      tag: "vip",
      eventTypes: ["order.completed", "order.refunded"],
      after: new Date(server.runtime.clock.now() - 1_000),
      before: new Date(server.runtime.clock.now() + 1_000),
      withContent: true,
    });
    expect(listed.data).toEqual([sent]);

    const byMessage = await server.until(async () => {
      const list = await svix.messageAttempt.listByMsg(app.id, sent.id, { withContent: true });
      return list.data.length > 0 && list;
    });
    const [attempt] = byMessage.data;
    expect(attempt).toMatchObject({
      status: MessageStatus.Success,
      statusText: "success",
      triggerType: 0,
      responseStatusCode: 204,
    });
    const byEndpoint = await svix.messageAttempt.listByEndpoint(app.id, endpoint.id, {
      withMsg: true,
      status: MessageStatus.Success,
    });
    expect(byEndpoint.data[0]).toMatchObject({ id: attempt?.id, msg: { id: sent.id } });
    expect(await svix.messageAttempt.get(app.id, sent.id, attempt?.id ?? "")).toMatchObject({
      id: attempt?.id,
    });
    await svix.messageAttempt.resend(app.id, sent.id, endpoint.id);
    const both = await server.until(async () => {
      const list = await svix.messageAttempt.listByEndpoint(app.id, endpoint.id);
      await server.runtime.advance(10);
      return list.data.length > 1 && list;
    });
    expect(both.data.map(({ triggerType }) => triggerType)).toEqual([1, 0]);
  });

  it("sends text that is no JSON as it is", async () => {
    const app = await svix.application.create({ name: "A" });
    await svix.endpoint.create(app.id, { url: "https://example.com/raw" });
    await svix.message.create(app.id, messageInRaw("order.completed", "plain <text>\n"));
    await server.until(async () => server.posts.some(({ body }) => body.toString() === "plain <text>\n"));
    const refused = await refusal(
      svix.message.create(app.id, messageInRaw("order.completed", "<a/>", "text/xml")),
    );
    expect(refused.status).toBe(422);
  });

  it("walks lists both ways", async () => {
    const app = await svix.application.create({ name: "A" });
    for (let count = 0; count < 5; count++) {
      await svix.message.create(app.id, { eventType: "order.completed", payload: { count } });
    }
    const first = await svix.message.list(app.id, { limit: 2, withContent: true });
    const second = await svix.message.list(app.id, {
      limit: 2,
      iterator: first.iterator ?? "",
      withContent: true,
    });
    expect(second.data.map(({ payload }) => payload.count)).toEqual([2, 1]);
    const back = await svix.message.list(app.id, {
      limit: 2,
      iterator: second.prevIterator ?? "",
      withContent: true,
    });
    expect(back.data).toEqual(first.data);
  });

  it("reads refusals", async () => {
    const app = await svix.application.create({ name: "A" });
    expect((await refusal(svix.application.get("nobody"))).body).toEqual({
      code: "not_found",
      detail: expect.any(String),
    });
    const invalid = await refusal(
      svix.endpoint.create(app.id, { url: "https://example.com/", eventTypes: ["no.such"] }),
    );
    expect(invalid.status).toBe(422);
    expect((await refusal(svix.endpoint.create(app.id, { url: "http://127.0.0.1/" }))).status).toBe(400);
    const stranger = new Svix("phk_live_aaaaaaaaaaaaaaaaaaaaaaaaa", {
      serverUrl: `http://127.0.0.1:${(server.app.server.address() as { port: number }).port}`,
      fetch: watch.fetch,
    });
    expect((await refusal(stranger.application.list())).status).toBe(401);
  });

  it("looks at deliveries from both sides, counts them, and deletes contents", async () => {
    const app = await svix.application.create({ name: "A" });
    const endpoint = await svix.endpoint.create(app.id, {
      url: "https://example.com/hook",
      headers: { authorization: "secret" },
    });
    const message = await svix.endpoint.sendExample(app.id, endpoint.id, { eventType: "svix.ping" });
    const [attempt] = await server.until(async () => {
      const { data } = await svix.messageAttempt.listByMsg(app.id, message.id);
      return data.length > 0 && data;
    });
    const messages = await svix.messageAttempt.listAttemptedMessages(app.id, endpoint.id);
    expect(messages.data).toMatchObject([{ id: message.id, status: MessageStatus.Success }]);
    const destinations = await svix.messageAttempt.listAttemptedDestinations(app.id, message.id);
    expect(destinations.data).toMatchObject([{ id: endpoint.id, status: MessageStatus.Success }]);
    expect(await svix.endpoint.getStats(app.id, endpoint.id)).toMatchObject({ success: 1, fail: 0 });
    const lane = `/api/v1/app/${app.id}`;
    const get = async (path: string): Promise<unknown> => {
      const { port } = server.app.server.address() as { port: number };
      const headers = { authorization: `Bearer ${server.live.key}` };
      return (await watch.fetch(`http://127.0.0.1:${port}${lane}/${path}`, { headers })).json();
    };
    expect(await get(`attempt/endpoint/${endpoint.id}/count`)).toEqual({ count: 1, approximated: false });
    expect(await get(`endpoint/${endpoint.id}/rate-limit-status`)).toEqual({ status: "Ok" });
    expect(await get(`msg/${message.id}/attempt/${attempt?.id}/headers`)).toMatchObject({
      sensitive: expect.arrayContaining(["authorization"]),
    });
    await svix.messageAttempt.expungeContent(app.id, message.id, attempt?.id ?? "");
    await svix.message.expungeContent(app.id, message.id);
    const expunged = await svix.message.get(app.id, message.id, { withContent: true });
    expect(expunged.payload).toEqual({ expired: true });
  });

  it("recovers, replays, deletes in bulk and counts in background tasks", async () => {
    const app = await svix.application.create({ name: "A" });
    const endpoint = await svix.endpoint.create(app.id, { url: "https://example.com/hook" });
    const message = await svix.message.create(app.id, { eventType: "order.completed", payload: {} });
    const since = new Date(server.runtime.clock.now() - 1_000);
    const until = new Date(server.runtime.clock.now() + 1_000);
    const started = [
      await svix.endpoint.recover(app.id, endpoint.id, { since }),
      await svix.endpoint.replayMissing(app.id, endpoint.id, { since }),
      await svix.endpoint.bulkReplay(app.id, endpoint.id, { since }),
      await svix.message.expungeAllContents(app.id),
      await svix.statistics.aggregateAppStats({ since, until }),
      await svix.statistics.aggregateEventTypes(),
    ];
    for (const { id } of started) {
      const ended = await server.until(async () => {
        await server.runtime.advance(50);
        const task = await svix.backgroundTask.get(id);
        return task.status !== BackgroundTaskStatus.Running && task;
      });
      expect(ended.status).toBe("finished");
    }
    const listed = await svix.backgroundTask.list({ limit: 6, order: Ordering.Ascending });
    expect(listed.data.map(({ id }) => id)).toEqual(started.map(({ id }) => id));
    const { port } = server.app.server.address() as { port: number };
    const headers = { authorization: `Bearer ${server.live.key}`, "content-type": "application/json" };
    const url = `http://127.0.0.1:${port}/api/v1`;
    const ids = [message.id];
    const bulk = { method: "POST", headers, body: JSON.stringify({ ids }) };
    const expunged = await watch.fetch(`${url}/app/${app.id}/msg/bulk-expunge`, bulk);
    expect(await expunged.json()).toEqual({ results: { [message.id]: "expunged" } });
    expect((await watch.fetch(`${url}/stats/endpoint/count`, { headers })).status).toBe(200);
    expect((await watch.fetch(`${url}/app/stats/count-active`, { headers })).status).toBe(200);
    expect((await watch.fetch(`${url}/app/${app.id}/stats/attempts`, { headers })).status).toBe(200);
    const exported = await watch.fetch(`${url}/event-type/export/openapi`, {
      method: "POST",
      headers,
      body: "{}",
    });
    expect(exported.status).toBe(202);
    expect((await watch.fetch(`${url}/stats/app/${app.id}/attempt`, { headers })).status).toBe(200);
  });

  it("asks for health", async () => {
    await svix.health.get();
  });

  it("changes and tries an endpoint's transformation", async () => {
    const app = await svix.application.create({ name: "Transformed" });
    const { id } = await svix.endpoint.create(app.id, { url: "https://example.com/hook" });
    const code = "function handler(webhook) { webhook.payload.seen = true; return webhook; }";
    await svix.endpoint.transformation.patch(app.id, id, { code, enabled: true });
    expect(await svix.endpoint.transformation.get(app.id, id)).toMatchObject({ code, enabled: true });
    // The client leaves this one out.
    const place = `${server.app.listeningOrigin}/api/v1/app/${app.id}/endpoint/${id}/transformation/simulate`;
    const tried = await watch.fetch(place, {
      method: "POST",
      headers: { authorization: `Bearer ${server.live.key}`, "content-type": "application/json" },
      body: JSON.stringify({ code, eventType: "order.completed", payload: {} }),
    });
    expect(await tried.json()).toMatchObject({ payload: '{"seen":true}', cancel: false });
  });

  it("has its answers held against a contract that knows a wrong one", () => {
    const { contract } = watch;
    if (contract === null) return;
    const answer = { status: 200, body: { data: [{ id: "x" }], done: true, iterator: null } };
    expect(contract.faults("GET", "/api/v1/app", answer)).toContain("must have required property 'name'");
    expect(contract.faults("GET", "/api/v1/app", { status: 418, body: {} })).toContain("418");
  });

  it("got only answers that fit Svix's contract", () => {
    expect(watch.faults).toEqual([]);
  });

  it("called every operation that is Svix's too, here or in a test of its own", async () => {
    const { contract, called } = watch;
    if (contract === null) return;
    const { routes } = await import("./routes/index.ts");
    const methods = clientMethods();
    const elsewhere = testedOperations(methods);
    const callable = new Set(methods.values());
    const missing = routes.filter(({ method, path }) => {
      const key = `${method} ${path.replaceAll(/:([a-z_]+)/g, "{$1}")}`;
      const form = new RegExp(`^${method} ${path.replaceAll(/:[a-z_]+/g, "[^/]+")}$`);
      if (!contract.operations.has(key) || !callable.has(key)) return false;
      return !elsewhere.has(key) && ![...called].some((call) => form.test(call));
    });
    expect(missing.map(({ operationId }) => operationId)).toEqual([]);
  });
});
