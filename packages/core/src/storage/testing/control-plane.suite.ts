import { expect, test } from "vitest";
import { DAY_MS } from "../../domain/time.ts";
import type { Page } from "../port.ts";
import { FIRST_PAGE } from "./scene.ts";
import { type MakeStore, setupWithSharedStore } from "./setup.ts";

export function controlPlaneSuite(makeStore: MakeStore): void {
  const setup = setupWithSharedStore(makeStore);

  // ------------------------------------------------------------ environments

  test("an environment is made once, with its event types", async () => {
    const scene = await setup();
    const { environment } = scene;
    const twin = { ...environment, id: scene.id("env_"), retentionDays: 1 };
    const eventType = scene.newEventType({ environmentId: twin.id });
    expect(await scene.store.environments.ensure(twin, [eventType])).toEqual(environment);
    expect(await scene.store.environments.list()).toContainEqual(environment);
    const fresh = { ...twin, name: `${environment.name}x` };
    expect(await scene.store.environments.ensure(fresh, [eventType])).toEqual(fresh);
    const page = { environmentId: fresh.id, page: FIRST_PAGE, includeArchived: false };
    expect(await scene.store.eventTypes.list(page)).toEqual([eventType]);
  });

  test("an answer is remembered with its write for 24 hours", async () => {
    const scene = await setup();
    const idempotency = scene.answer("create");
    await scene.store.applications.insert(scene.newApplication(), { idempotency });
    const { scope } = idempotency;
    expect(await scene.findAnswer(scope)).toEqual(idempotency);
    expect(await scene.findAnswer(scope, scene.now + DAY_MS - 1)).toEqual(idempotency);
    expect(await scene.findAnswer(scope, scene.now + DAY_MS)).toBeNull();
    expect(await scene.findAnswer(`${scope}x`)).toBeNull();
  });

  test("a message's key has no answer to repeat", async () => {
    const scene = await setup();
    await scene.accept({ idempotency: scene.claim("k") });
    const { scope } = scene.claim("k");
    expect(await scene.findAnswer(scope)).toBeNull();
  });

  // ------------------------------------------------------------ applications

  test("an application is found as it was stored, by id and by uid", async () => {
    const scene = await setup();
    const application = await scene.addApplication({
      uid: "cust.1",
      throttleRate: 5,
      metadata: { plan: "pro", ü: "✓" },
    });
    const { environmentId } = application;
    const { applications } = scene.store;
    expect(await applications.find({ environmentId, ref: application.id })).toEqual(application);
    expect(await applications.find({ environmentId, ref: "cust.1" })).toEqual(application);
    expect(await applications.findById(application.id)).toEqual(application);
    expect(await applications.find({ environmentId, ref: "cust.2" })).toBeNull();
  });

  test("an endpoint keeps its transformation", async () => {
    const scene = await setup();
    const transformation = {
      code: "function handler(webhook) { return webhook; }",
      enabled: true,
      variables: { shop: "north" },
      updatedAt: scene.now,
    };
    const endpoint = await scene.addEndpoint({ transformation });
    const { appId } = endpoint;
    expect(await scene.store.endpoints.listAll(appId)).toContainEqual(endpoint);
    const changed = { ...endpoint, transformation: { ...transformation, enabled: false } };
    expect(await scene.store.endpoints.update(changed, {})).toBe("updated");
    expect(await scene.store.endpoints.listAll(appId)).toContainEqual(changed);
  });

  test("an endpoint keeps what its receiver asks of us", async () => {
    const scene = await setup();
    const oauth = {
      authMethod: "clientSecretPost",
      clientId: "posthaste",
      clientSecret: "hush",
      jwt: null,
      tokenUrl: "https://auth.example.com/token",
      scopes: ["events"],
      extraParams: null,
      extraHeaders: { "x-tenant": "ana" },
    } as const;
    const endpoint = await scene.addEndpoint({ access: { oauth, identity: "PEM", serverCa: null } });
    const { appId } = endpoint;
    expect(await scene.store.endpoints.listAll(appId)).toContainEqual(endpoint);
    for (const access of [{ oauth: null, identity: null, serverCa: "PEM" }, null]) {
      const changed = { ...endpoint, access };
      expect(await scene.store.endpoints.update(changed, {})).toBe("updated");
      expect(await scene.store.endpoints.listAll(appId)).toContainEqual(changed);
    }
  });

  test("another environment does not see an application", async () => {
    const scene = await setup();
    const other = await setup();
    const application = await scene.addApplication({ uid: "mine" });
    const environmentId = other.environment.id;
    const { applications } = scene.store;
    expect(await applications.find({ environmentId, ref: application.id })).toBeNull();
    expect(await applications.find({ environmentId, ref: "mine" })).toBeNull();
    expect(await applications.list({ environmentId, page: FIRST_PAGE })).toEqual([other.app]);
    expect(await applications.update({ ...application, environmentId })).toBe("not_found");
    expect(await applications.delete({ environmentId, id: application.id })).toBe(false);
    expect(await applications.findById(application.id)).toEqual(application);
  });

  test("a uid is unique in its environment", async () => {
    const scene = await setup();
    const other = await setup();
    const first = await scene.addApplication({ uid: "u" });
    const { applications } = scene.store;
    const idempotency = scene.answer("second");
    expect(await applications.insert(scene.newApplication({ uid: "u" }), { idempotency })).toEqual({
      kind: "conflict",
      existing: first,
    });
    expect(await scene.findAnswer(idempotency.scope)).toBeNull();
    expect(await applications.insert(other.newApplication({ uid: "u" }), {})).toEqual({ kind: "inserted" });
    const second = await scene.addApplication();
    expect(await applications.update({ ...second, uid: "u" })).toBe("uid_taken");
    expect(await applications.update({ ...first, name: "new name" })).toBe("updated");
    expect(await applications.findById(first.id)).toEqual({ ...first, name: "new name" });
  });

  test("a change based on an older application is stale, whoever made the newer one", async () => {
    const scene = await setup();
    const stored = await scene.addApplication();
    const { applications } = scene.store;
    const renamed = { ...stored, name: "renamed", updatedAt: stored.updatedAt + 1 };
    const limited = { ...stored, throttleRate: 7, updatedAt: stored.updatedAt + 2 };
    expect(await applications.update(renamed, { basedOn: stored })).toBe("updated");
    expect(await applications.update(limited, { basedOn: stored })).toBe("stale");
    expect(await applications.findById(stored.id)).toEqual(renamed);
    const both = { ...limited, name: "renamed" };
    expect(await applications.update(both, { basedOn: renamed })).toBe("updated");
    expect(await applications.findById(stored.id)).toEqual(both);
    await applications.delete({ environmentId: stored.environmentId, id: stored.id });
    expect(await applications.update(both, { basedOn: both })).toBe("not_found");
  });

  test("a deleted application is gone with its endpoints, and its uid is free", async () => {
    const scene = await setup();
    const application = await scene.addApplication({ uid: "u" });
    await scene.addEndpoint({ appId: application.id });
    const { environmentId, id } = application;
    const { applications } = scene.store;
    expect(await applications.delete({ environmentId, id })).toBe(true);
    expect(await applications.delete({ environmentId, id })).toBe(false);
    expect(await applications.find({ environmentId, ref: id })).toBeNull();
    expect(await applications.find({ environmentId, ref: "u" })).toBeNull();
    expect(await applications.findById(id)).toBeNull();
    expect(await applications.list({ environmentId, page: FIRST_PAGE })).toEqual([scene.app]);
    expect(await applications.update(application)).toBe("not_found");
    expect(await scene.store.endpoints.listAll(id)).toEqual([]);
    expect(await applications.insert(scene.newApplication({ uid: "u" }), {})).toEqual({ kind: "inserted" });
  });

  // ------------------------------------------------------------ endpoints

  test("a change based on an older endpoint is stale, and never touches the run of failures", async () => {
    const scene = await setup();
    const { endpoints } = scene.store;
    const read = async () =>
      (await endpoints.listAll(scene.app.id)).find(({ id }) => id === scene.endpoint.id)!;
    const stored = await read();
    const disabled = { ...stored, disabled: true, updatedAt: scene.now + 1, failingSince: scene.now };
    expect(await endpoints.update(disabled, {})).toBe("updated");
    const patched = { ...stored, description: "new", updatedAt: scene.now + 2 };
    expect(await endpoints.update(patched, { basedOn: stored })).toBe("stale");
    expect(await read()).toMatchObject({ disabled: true, description: stored.description });
    const described = { ...disabled, description: "new", failingSince: null };
    expect(await endpoints.update(described, { basedOn: disabled })).toBe("updated");
    expect(await read()).toMatchObject({ disabled: true, description: "new", failingSince: scene.now });
    const enabled = { ...described, disabled: false, updatedAt: scene.now + 3 };
    expect(await endpoints.update(enabled, { basedOn: described })).toBe("updated");
    expect(await read()).toMatchObject({ disabled: false, failingSince: null });
  });

  test("an endpoint is listed as it was stored", async () => {
    const scene = await setup();
    const endpoint = await scene.addEndpoint({
      uid: "main",
      description: "where orders go",
      throttleRate: 10,
      eventTypes: ["order.completed"],
      channels: ["a", "b"],
      disabled: true,
      disabledReason: "manual",
      disabledAt: scene.now,
      failingSince: scene.now - 5,
      secrets: [
        { key: "whsec_bmV3", expiresAt: null },
        { key: "whsec_b2xk", expiresAt: scene.now + 5 },
      ],
      headers: { authorization: "Bearer x" },
      metadata: { a: "b" },
      fifo: true,
      timeoutMs: 5_000,
      retryScheduleMs: [1_000, 2_000],
    });
    expect(await scene.store.endpoints.listAll(scene.app.id)).toEqual([scene.endpoint, endpoint]);
  });

  test("an endpoint's uid is unique in its application", async () => {
    const scene = await setup();
    const first = await scene.addEndpoint({ uid: "u" });
    const second = await scene.addEndpoint();
    const { endpoints } = scene.store;
    expect(await endpoints.insert(scene.newEndpoint({ uid: "u" }), {})).toEqual({
      kind: "conflict",
      existing: first,
    });
    expect(await endpoints.update({ ...second, uid: "u" }, {})).toBe("uid_taken");
    const other = await scene.addApplication();
    expect(await endpoints.insert(scene.newEndpoint({ uid: "u", appId: other.id }), {})).toEqual({
      kind: "inserted",
    });
  });

  test("updating an endpoint replaces the whole record and remembers the answer", async () => {
    const scene = await setup();
    const changed = scene.newEndpoint({ id: scene.endpoint.id, url: "https://new.example/", fifo: true });
    const idempotency = scene.answer("rotate");
    expect(await scene.store.endpoints.update(changed, { idempotency })).toBe("updated");
    expect(await scene.readEndpoint()).toEqual(changed);
    expect(await scene.findAnswer(idempotency.scope)).toEqual(idempotency);
  });

  test("another application can neither see nor change an endpoint", async () => {
    const scene = await setup();
    const stranger = await scene.addApplication();
    const { endpoints } = scene.store;
    expect(await endpoints.listAll(stranger.id)).toEqual([]);
    expect(await endpoints.update({ ...scene.endpoint, appId: stranger.id }, {})).toBe("not_found");
    expect(await endpoints.delete({ appId: stranger.id, id: scene.endpoint.id })).toBe(false);
    expect(await scene.readEndpoint()).toEqual(scene.endpoint);
  });

  test("a deleted endpoint is gone and its uid is free", async () => {
    const scene = await setup();
    const endpoint = await scene.addEndpoint({ uid: "u" });
    const { endpoints } = scene.store;
    const key = { appId: scene.app.id, id: endpoint.id };
    expect(await endpoints.delete(key)).toBe(true);
    expect(await endpoints.delete(key)).toBe(false);
    expect(await endpoints.update(endpoint, {})).toBe("not_found");
    expect(await endpoints.listAll(scene.app.id)).toEqual([scene.endpoint]);
    expect(await endpoints.insert(scene.newEndpoint({ uid: "u" }), {})).toEqual({ kind: "inserted" });
  });

  // ------------------------------------------------------------ event types

  test("an event type is found as it was stored, in its environment only", async () => {
    const scene = await setup();
    const other = await setup();
    const eventType = scene.newEventType({
      deprecated: true,
      schemas: { "1": { type: "object", properties: { id: { type: "string" } } } },
      groupName: "orders",
      featureFlags: ["beta"],
    });
    const { eventTypes } = scene.store;
    expect(await eventTypes.insert(eventType, {})).toEqual({ kind: "inserted" });
    const key = { environmentId: scene.environment.id, name: eventType.name };
    const foreign = { ...key, environmentId: other.environment.id };
    expect(await eventTypes.find(key)).toEqual(eventType);
    expect(await eventTypes.find(foreign)).toBeNull();
    expect(await eventTypes.delete(foreign)).toBe(false);
    expect(await eventTypes.insert(scene.newEventType(), {})).toEqual({
      kind: "conflict",
      existing: eventType,
    });
  });

  test("an event type is updated, archived and deleted", async () => {
    const scene = await setup();
    const eventType = scene.newEventType();
    const { eventTypes } = scene.store;
    expect(await eventTypes.update(eventType)).toBe("not_found");
    await eventTypes.insert(eventType, { idempotency: scene.answer("et") });
    const archived = { ...eventType, archived: true, description: "gone" };
    expect(await eventTypes.update(archived)).toBe("updated");
    const { environmentId, name } = eventType;
    const list = (includeArchived: boolean) =>
      eventTypes.list({ environmentId, page: FIRST_PAGE, includeArchived });
    expect(await list(false)).toEqual([]);
    expect(await list(true)).toEqual([archived]);
    expect(await eventTypes.findMissing({ environmentId, names: [name, "a.b", "c.d"] })).toEqual([
      "a.b",
      "c.d",
    ]);
    expect(await eventTypes.delete({ environmentId, name })).toBe(true);
    expect(await eventTypes.delete({ environmentId, name })).toBe(false);
    expect(await eventTypes.find({ environmentId, name })).toBeNull();
  });

  test("retry schedules of event types are listed, each environment's own", async () => {
    const scene = await setup();
    const { eventTypes } = scene.store;
    const { id: environmentId } = scene.environment;
    await eventTypes.insert(scene.newEventType({ name: "a.plain" }), {});
    const own = scene.newEventType({ name: "b.own", retryScheduleMs: [1_000, 2_500] });
    await eventTypes.insert(own, {});
    expect(await eventTypes.find({ environmentId, name: "b.own" })).toEqual(own);
    const waits = () => eventTypes.listRetrySchedules({ environmentId });
    expect(await waits()).toEqual([{ name: "b.own", waitsMs: [1_000, 2_500] }]);
    expect(await eventTypes.listRetrySchedules({ environmentId: scene.id("env_") })).toEqual([]);
    await eventTypes.update({ ...own, retryScheduleMs: [] });
    expect(await waits()).toEqual([{ name: "b.own", waitsMs: [] }]);
    await eventTypes.update({ ...own, retryScheduleMs: null });
    expect(await waits()).toEqual([]);
  });

  test("a change based on an older event type is stale, whoever made the newer one", async () => {
    const scene = await setup();
    const stored = scene.newEventType();
    const { eventTypes } = scene.store;
    await eventTypes.insert(stored, {});
    const archived = { ...stored, archived: true, updatedAt: stored.updatedAt + 1 };
    const described = { ...stored, description: "new", updatedAt: stored.updatedAt + 2 };
    expect(await eventTypes.update(archived, { basedOn: stored })).toBe("updated");
    expect(await eventTypes.update(described, { basedOn: stored })).toBe("stale");
    const { environmentId, name } = stored;
    expect(await eventTypes.find({ environmentId, name })).toEqual(archived);
    expect(await eventTypes.update(described, { basedOn: archived })).toBe("updated");
    await eventTypes.delete({ environmentId, name });
    expect(await eventTypes.update(described, { basedOn: described })).toBe("not_found");
  });

  // ------------------------------------------------------------ paging

  test("lists are paged in both orders without gaps or repeats", async () => {
    const scene = await setup();
    for (let count = 0; count < 4; count++) {
      await scene.addApplication();
      await scene.addEndpoint();
      await scene.store.eventTypes.insert(scene.newEventType({ name: `type.${count}` }), {});
    }
    const environmentId = scene.environment.id;
    const lists: ((page: Page) => Promise<string[]>)[] = [
      async (page) => (await scene.store.applications.list({ environmentId, page })).map(({ id }) => id),
      async (page) => (await scene.store.endpoints.list({ appId: scene.app.id, page })).map(({ id }) => id),
      async (page) =>
        (await scene.store.eventTypes.list({ environmentId, page, includeArchived: true })).map(
          ({ name }) => name,
        ),
    ];
    for (const list of lists) {
      const ascending = await readAll(list, "ascending");
      expect(ascending.length).toBeGreaterThanOrEqual(4);
      expect(ascending).toEqual(ascending.toSorted());
      expect(await readAll(list, "descending")).toEqual(ascending.toReversed());
    }
  });
}

async function readAll(list: (page: Page) => Promise<string[]>, order: Page["order"]): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    const page = await list({ limit: 2, after: all.at(-1) ?? null, order });
    if (page.length === 0) return all;
    all.push(...page);
  }
}
