import { Ordering, Svix, Webhook } from "svix";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ContractWatch } from "./testing/contract-watch.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

/** Operational webhooks through Svix's own client, every answer held against Svix's contract where that is at hand. */
const watch = new ContractWatch();
const OPERATOR = "https://operator.example.com/hook";
let server: TestServer;
let svix: Svix;
let stranger: Svix;

beforeAll(async () => {
  server = await startTestServer();
  const serverUrl = await server.app.listen({ host: "127.0.0.1", port: 0 });
  const options = { serverUrl, fetch: watch.fetch, retryScheduleInMs: [] };
  svix = new Svix(server.live.key, options);
  stranger = new Svix(server.sandbox.key, options);
});
afterAll(() => server.close());

/** What came to the operator so far, verified with Svix's own library. */
async function told(secretOf: string): Promise<{ type: string; data: Record<string, unknown> }[]> {
  const { key } = await svix.operationalWebhook.endpoint.getSecret(secretOf);
  const webhook = new Webhook(key);
  // Signed by the server's clock.
  const clock = vi.spyOn(Date, "now").mockReturnValue(server.runtime.clock.now());
  try {
    return server.posts
      .filter(({ url }) => url === OPERATOR)
      .map(({ body, headers }) => {
        const text = Buffer.from(body);
        webhook.verify(text, { ...headers });
        return JSON.parse(text.toString()) as never;
      });
  } finally {
    clock.mockRestore();
  }
}

describe("operational webhooks through Svix's client", () => {
  it("creates, gets, lists, upserts and deletes an endpoint", async () => {
    const created = await svix.operationalWebhook.endpoint.create(
      {
        url: OPERATOR,
        uid: "on-call",
        description: "pages the operator",
        eventTypes: ["message.attempt.exhausted", "endpoint.disabled"],
        throttleRate: 5,
        metadata: { team: "ops" },
        headers: { "X-Team": "ops" },
      },
      { idempotencyKey: "first" },
    );
    expect(created).toMatchObject({ uid: "on-call", disabled: false, throttleRate: 5 });
    const again = await svix.operationalWebhook.endpoint
      .create({ url: OPERATOR, uid: "on-call" }, { idempotencyKey: "second" })
      .catch((error: unknown) => error);
    expect(again).toMatchObject({ code: 409 });
    expect(await svix.operationalWebhook.endpoint.get("on-call")).toEqual(created);
    expect(await svix.operationalWebhook.endpoint.get(created.id)).toEqual(created);
    const other = await svix.operationalWebhook.endpoint.upsert("pager", { url: `${OPERATOR}/2` });
    expect(other).toMatchObject({ uid: "pager", eventTypes: null });
    const list = await svix.operationalWebhook.endpoint.list({ order: Ordering.Ascending, limit: 1 });
    expect(list.data).toEqual([created]);
    const rest = await svix.operationalWebhook.endpoint.list({
      order: Ordering.Ascending,
      iterator: list.iterator!,
    });
    expect(rest.data.map(({ id }) => id)).toEqual([other.id]);
    const changed = await svix.operationalWebhook.endpoint.upsert("on-call", {
      url: OPERATOR,
      uid: "on-call",
      disabled: true,
    });
    expect(changed).toMatchObject({ id: created.id, description: "", disabled: true, metadata: {} });
    expect((await svix.operationalWebhook.endpoint.getHeaders("on-call")).headers).toEqual({
      "X-Team": "ops",
    });
    for (const { id } of [created, other]) await svix.operationalWebhook.endpoint.delete(id);
    expect((await svix.operationalWebhook.endpoint.list()).data).toEqual([]);
  });

  it("keeps headers and secrets as an application's endpoints do", async () => {
    const { id } = await svix.operationalWebhook.endpoint.create({ url: `${OPERATOR}/secret` });
    await svix.operationalWebhook.endpoint.setHeaders(id, {
      headers: { "X-A": "b", Authorization: "Bearer s3cret" },
    });
    expect(await svix.operationalWebhook.endpoint.getHeaders(id)).toEqual({
      headers: { "X-A": "b" },
      sensitive: ["Authorization"],
    });
    const before = await svix.operationalWebhook.endpoint.getSecret(id);
    await svix.operationalWebhook.endpoint.rotateSecret(id, {});
    const after = await svix.operationalWebhook.endpoint.getSecret(id);
    expect(after.key).not.toBe(before.key);
    await svix.operationalWebhook.endpoint.rotateSecret(id, { key: before.key, gracePeriodSeconds: 0 });
    expect(await svix.operationalWebhook.endpoint.getSecret(id)).toEqual(before);
    await svix.operationalWebhook.endpoint.delete(id);
  });

  it("tells that a message is exhausted, in a webhook that Svix's library verifies", async () => {
    server.posts.length = 0;
    const { id } = await svix.operationalWebhook.endpoint.create({
      url: OPERATOR,
      eventTypes: ["message.attempt.exhausted"],
    });
    const appId = await server.application({ uid: "studio" });
    const endpointId = await server.endpoint(appId, { retrySchedule: [] });
    server.answer = ({ url }) => ({ status: url === OPERATOR ? 200 : 500 });
    const msgId = await server.message(appId, { eventId: "order-7" });
    const [event] = await server.until(async () => {
      await server.runtime.advance(50);
      const events = await told(id);
      return events.length > 0 && events;
    });
    expect(event).toMatchObject({
      type: "message.attempt.exhausted",
      data: { appId, appUid: "studio", endpointId, msgId, msgEventId: "order-7" },
    });
    expect(watch.contract?.eventFault(event!) ?? null).toBeNull();
    await svix.operationalWebhook.endpoint.delete(id);
  });

  it("logs every attempt for an endpoint that names the log", async () => {
    server.posts.length = 0;
    const { id } = await svix.operationalWebhook.endpoint.create({
      url: OPERATOR,
      eventTypes: ["message.attempt.log"],
    });
    const appId = await server.application({ uid: "logged" });
    const endpointId = await server.endpoint(appId);
    server.answer = () => ({ status: 200 });
    const msgIds = [await server.message(appId), await server.message(appId)];
    const events = await server.until(async () => {
      await server.runtime.advance(50);
      const found = await told(id);
      return found.length >= 2 && found;
    });
    for (const event of events) {
      expect(watch.contract?.eventFault(event) ?? null).toBeNull();
      expect(event.data).toMatchObject([{ appId, appUid: "logged", endpointId, status: 0, attemptCount: 1 }]);
    }
    const entries = events.flatMap(({ data }) => data as unknown as { msgId: string }[]);
    expect(entries.map(({ msgId }) => msgId).toSorted()).toEqual(msgIds.toSorted());
    await svix.operationalWebhook.endpoint.delete(id);
  });

  it("tells of endpoints that are made, changed, switched and deleted, and of tasks that end", async () => {
    const { id } = await svix.operationalWebhook.endpoint.create({ url: OPERATOR });
    server.posts.length = 0;
    server.answer = () => ({ status: 200 });
    const { id: appId } = await svix.application.create({ name: "Studio", uid: "teller" });
    const endpoint = await svix.endpoint.create(appId, { url: "https://example.com/hook", uid: "shop" });
    await svix.endpoint.patch(appId, "shop", { disabled: true });
    await svix.endpoint.patch(appId, "shop", { disabled: false });
    await svix.endpoint.setHeaders(appId, "shop", { headers: { "X-A": "b" } });
    await svix.endpoint.rotateSecret(appId, "shop", {});
    await svix.endpoint.recover(appId, "shop", { since: new Date(server.runtime.clock.now() - 1_000) });
    const finished = await server.until(async () => {
      await server.runtime.advance(500);
      return (await told(id)).find(({ type }) => type === "background_task.finished");
    });
    expect(finished.data).toMatchObject({ task: "endpoint.recover", status: "finished" });
    await svix.endpoint.delete(appId, "shop");
    const events = await server.until(async () => {
      await server.runtime.advance(50);
      const found = await told(id);
      return found.length >= 9 && found;
    });
    const counts = Map.groupBy(events, ({ type }) => type);
    const expected = {
      "endpoint.created": 1,
      "endpoint.updated": 4,
      "endpoint.disabled": 1,
      "endpoint.enabled": 1,
      "endpoint.deleted": 1,
      "background_task.finished": 1,
    };
    expect(Object.fromEntries([...counts].map(([type, { length }]) => [type, length]))).toEqual(expected);
    const names = { appId, appUid: "teller", endpointId: endpoint.id, endpointUid: "shop" };
    for (const event of events) {
      expect(watch.contract?.eventFault(event) ?? null).toBeNull();
      if (event.type !== "background_task.finished") expect(event.data).toMatchObject(names);
    }
    expect(counts.get("endpoint.disabled")?.[0]?.data).toMatchObject({ trigger: "manual", failSince: null });
    await svix.operationalWebhook.endpoint.delete(id);
  });

  it("tells nothing of a change that was refused", async () => {
    server.posts.length = 0;
    const { id } = await svix.operationalWebhook.endpoint.create({ url: OPERATOR });
    const appId = await server.application();
    await svix.endpoint.create(appId, { url: "https://example.com/hook", uid: "taken" });
    await server.until(async () => {
      await server.runtime.advance(50);
      return (await told(id)).length > 0;
    });
    server.posts.length = 0;
    const twin = svix.endpoint.create(appId, { url: "https://example.com/hook", uid: "taken" });
    await expect(twin).rejects.toMatchObject({ code: 409 });
    await expect(svix.endpoint.delete(appId, "nobody")).rejects.toMatchObject({ code: 404 });
    const last = await svix.endpoint.create(appId, { url: "https://example.com/hook" });
    const events = await server.until(async () => {
      await server.runtime.advance(50);
      const found = await told(id);
      return found.length > 0 && found;
    });
    expect(events.map(({ data }) => data["endpointId"])).toEqual([last.id]);
    await svix.operationalWebhook.endpoint.delete(id);
  });

  it("is closed to a stranger, and its application is nobody's", async () => {
    const { id } = await svix.operationalWebhook.endpoint.create({ url: OPERATOR });
    expect((await stranger.operationalWebhook.endpoint.list()).data).toEqual([]);
    for (const call of [
      () => stranger.operationalWebhook.endpoint.get(id),
      () => stranger.operationalWebhook.endpoint.delete(id),
      () => stranger.operationalWebhook.endpoint.getSecret(id),
      () => stranger.operationalWebhook.endpoint.rotateSecret(id, {}),
      () => stranger.operationalWebhook.endpoint.getHeaders(id),
      () => stranger.operationalWebhook.endpoint.setHeaders(id, { headers: {} }),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 404 });
    }
    const hidden = server.live.environmentId.replace("env_", "app_");
    await expect(svix.application.get(hidden)).rejects.toMatchObject({ code: 404 });
    await expect(svix.endpoint.list(hidden)).rejects.toMatchObject({ code: 404 });
    await expect(svix.message.list(hidden)).rejects.toMatchObject({ code: 404 });
    const applications = await svix.application.list({ limit: 250 });
    expect(applications.data.map((application) => application.id)).not.toContain(hidden);
    await svix.operationalWebhook.endpoint.delete(id);
  });

  it("gave only answers that the contract knows", () => {
    expect(watch.faults).toEqual([]);
  });
});
