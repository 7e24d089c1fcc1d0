import { GOOD_CERTIFICATE } from "@posthaste/core/egress/testing/certificates";
import type { Store } from "@posthaste/core/storage/port";
import { CommitInDoubt, StoreUnavailable } from "@posthaste/core/storage/port";
import { afterAll, beforeAll, expect, test } from "vitest";
import { routes } from "./routes/index.ts";
import { OPERATOR_KEY, startTestServer, type TestServer } from "./testing/test-server.ts";

let server: TestServer;
beforeAll(async () => void (server = await startTestServer()));
afterAll(() => server.close());

/** A store that fails in every operation but the look-up of keys. */
function failing(store: Store, error: Error): Store {
  const fail = <Noun extends object>(noun: Noun): Noun =>
    new Proxy(noun, {
      get: (target, name) =>
        name === "find" && noun === store.credentials
          ? Reflect.get(target, name)
          : () => Promise.reject(error),
    });
  return {
    deliveries: fail(store.deliveries),
    environments: fail(store.environments),
    credentials: fail(store.credentials),
    applications: fail(store.applications),
    endpoints: fail(store.endpoints),
    eventTypes: fail(store.eventTypes),
    history: fail(store.history),
    polling: fail(store.polling),
    dataKeys: fail(store.dataKeys),
    overview: fail(store.overview),
    search: fail(store.search),
    contents: fail(store.contents),
    cancellations: fail(store.cancellations),
    tasks: fail(store.tasks),
    cluster: null,
    health: async () => ({ ok: false, reason: "away" }),
    stats: () => Promise.reject(error),
    close: async () => {},
  };
}

/** A body that every operation takes far enough to ask the store. */
const BODIES: Readonly<Record<string, unknown>> = {
  "v1.environment.import": { settings: {} },
  "v1.management.environment.create": { name: "Staging", type: "development" },
  "v1.management.environment.update": { name: "Staging" },
  "v1.application.create": { name: "Studio" },
  "v1.application.upsert": { name: "Studio" },
  "v1.endpoint.create": { url: "https://example.com/" },
  "v1.endpoint.upsert": { url: "https://example.com/" },
  "v1.operational-webhook.endpoint.create": { url: "https://example.com/" },
  "v1.operational-webhook.endpoint.upsert": { url: "https://example.com/" },
  "v1.operational-webhook.endpoint.set-headers": { headers: {} },
  "v1.endpoint.recover": { since: "2020-01-01T00:00:00Z" },
  "v1.endpoint.cancel-msgs": { createdBefore: "2026-01-01T00:00:00Z" },
  "v1.message.broadcast": { eventType: "order.completed", payload: {} },
  "v1.endpoint.replay-missing": { since: "2020-01-01T00:00:00Z" },
  "v1.endpoint.bulk-replay": { since: "2020-01-01T00:00:00Z" },
  "v1.message.bulk-expunge-content": { ids: ["msg_x"] },
  "v1.statistics.aggregate-app-stats": { since: "2020-01-01T00:00:00Z", until: "2020-02-01T00:00:00Z" },
  "v1.endpoint.send-example": { eventType: "svix.ping" },
  "v1.endpoint.set-headers": { headers: {} },
  "v1.endpoint.patch-headers": { headers: {} },
  "v1.endpoint.set-oauth-config": {
    grantType: "clientCredentials",
    authMethod: "clientSecretPost",
    clientId: "posthaste",
    clientSecret: "s",
    tokenUrl: "https://auth.example.com/token",
  },
  "v1.endpoint.set-mtls-config": { identity: `${GOOD_CERTIFICATE.cert}\n${GOOD_CERTIFICATE.key}` },
  "v1.endpoint.transformation.patch": { enabled: false },
  "v1.endpoint.transformation.simulate": {
    code: "function handler(webhook) { return webhook; }",
    eventType: "order.completed",
    payload: {},
  },
  "v1.event-type.create": { name: "a.b", description: "c" },
  "v1.event-type.upsert": { description: "c" },
  "v1.event-type.import-openapi": { specRaw: '{"openapi":"3.1.0","webhooks":{"a.b":{"post":{}}}}' },
  "v1.message.precheck": { eventType: "order.completed" },
  "v1.authentication.create-message-token": { name: "Shop" },
  "v1.management.authentication.create-api-token": { name: "Shop" },
  "v1.management.authentication.update-api-token": { name: "Shop" },
  "v1.management.authentication.patch-api-token": { name: "Shop" },
  "v1.message.create": { eventType: "order.completed", payload: {} },
  "v1.message.test-attempt": { eventType: "order.completed", payload: {} },
  "v1.message.create-batch": { messages: [{ eventType: "order.completed", payload: {} }] },
  "v1.destination.create": { type: "pollingEndpoint" },
  "v1.message.poller.consumer-seek": { after: "2026-01-01T00:00:00Z" },
  "v1.message.pollerv2.consumer-commit": { offset: 0 },
};

// What concerns the credential alone may need no store, or no more than the look-up of it.
const asking = routes.filter(({ scope }) => scope !== "public" && scope !== "caller");

test.each(asking.map((route) => [route.operationId, route]))(
  "%s answers 503 with Retry-After while the database is away",
  async (operationId, route) => {
    const error = new StoreUnavailable("the database is away");
    const { engine } = server;
    const away = await server.another({
      store: failing(server.store, error),
      engine: {
        ...engine,
        accept: () => Promise.reject(error),
        resend: () => Promise.reject(error),
        findApplication: () => Promise.reject(error),
        operational: {
          find: () => Promise.reject(error),
          tellingOfTask: () => Promise.reject(error),
          tellingOfEndpoint: () => Promise.reject(error),
        },
        applicationChanged: () => Promise.reject(error),
        health: () => engine.health(),
      },
    });
    const path = route.path
      .replace(":app_id", "ana")
      .replace(":endpoint_id", "main")
      .replace(":destination_id", "main")
      .replace(":sink_id", "main")
      .replace(":consumer_id", "c")
      .replace(":msg_id", `msg_${"0".repeat(27)}`)
      .replace(":attempt_id", `atmpt_${"0".repeat(27)}`)
      .replace(":env_id", server.live.environmentId)
      .replace(":key_id", `key_${"0".repeat(27)}`)
      .replace(":task_id", `qtask_${"0".repeat(27)}`)
      .replace(":event_type_name", "order.completed");
    const body = BODIES[operationId] ?? (route.body === null ? undefined : {});
    const options = route.scope.endsWith(":installation") ? { body, key: OPERATOR_KEY } : { body };
    const answer = await away.call(route.method, path, options);
    expect([operationId, answer.status, answer.json.code]).toEqual([operationId, 503, "unavailable"]);
    expect(answer.headers["retry-after"]).toBe("1");
  },
);

test("an API key that cannot be looked up is 503, not 401", async () => {
  const away = await server.another({
    store: {
      ...failing(server.store, new StoreUnavailable("away")),
      credentials: {
        ...server.store.credentials,
        find: () => Promise.reject(new StoreUnavailable("away")),
      },
    },
  });
  expect(await away.call("GET", "/api/v1/app")).toMatchObject({
    status: 503,
    headers: { "retry-after": "1" },
  });
});

test("a write in doubt is 503 that says so", async () => {
  const { store } = server;
  const inDoubt = failing(store, new CommitInDoubt("the connection was lost"));
  const node = await server.another({ store: { ...store, applications: inDoubt.applications } });
  const answer = await node.call("POST", "/api/v1/app", { body: { name: "Studio" } });
  expect(answer.status).toBe(503);
  expect(answer.text).toContain("not known");
});

test("a worker answers health, ping and metrics, and everything else with 503 and where to go", async () => {
  const worker = await server.another({ role: "worker" });
  expect((await worker.call("GET", "/api/v1/health", { key: null })).status).toBe(204);
  expect((await worker.call("GET", "/api/v1/health/ping", { key: null })).status).toBe(204);
  expect((await worker.call("GET", "/metrics", { key: null })).status).toBe(200);
  for (const [method, path] of [
    ["GET", "/api/v1/app"],
    ["POST", "/api/v1/app/ana/msg"],
  ] as const) {
    const answer = await worker.call(method, path);
    expect(answer).toMatchObject({ status: 503, json: { code: "unavailable" } });
    expect(answer.text).toContain("role api or all");
    expect(answer.headers["retry-after"]).toBe("1");
  }
});

test("patches of different fields on two nodes at the same moment both stay", async () => {
  const other = await server.another();
  const appId = await server.application({ name: "one", metadata: {} });
  const endpointId = await server.endpoint(appId);
  const eventType = "/api/v1/event-type/order.refunded";
  for (let round = 1; round <= 10; round++) {
    const app = `/api/v1/app/${appId}`;
    const endpoint = `${app}/endpoint/${endpointId}`;
    const answers = await Promise.all([
      server.call("PATCH", app, { body: { name: `name ${round}` } }),
      other.call("PATCH", app, { body: { throttleRate: round } }),
      server.call("PATCH", endpoint, { body: { description: `text ${round}` } }),
      other.call("PATCH", endpoint, { body: { throttleRate: round } }),
      server.call("PATCH", eventType, { body: { description: `text ${round}` } }),
      other.call("PATCH", eventType, { body: { groupName: `group.${round}` } }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    expect((await server.call("GET", app)).json).toMatchObject({
      name: `name ${round}`,
      throttleRate: round,
    });
    expect((await server.call("GET", endpoint)).json).toMatchObject({
      description: `text ${round}`,
      throttleRate: round,
    });
    expect((await server.call("GET", eventType)).json).toMatchObject({
      description: `text ${round}`,
      groupName: `group.${round}`,
    });
  }
});

test("a replacement on one node and a change on another at the same moment end as one after the other", async () => {
  const other = await server.another();
  const appId = await server.application({ name: "one" });
  const path = `/api/v1/app/${appId}`;
  for (let round = 1; round <= 10; round++) {
    await Promise.all([
      server.call("PUT", path, { body: { name: `put ${round}` } }),
      other.call("PATCH", path, { body: { throttleRate: round } }),
    ]);
    const { name, throttleRate } = (await server.call("GET", path)).json as unknown as Record<
      string,
      unknown
    >;
    expect(name).toBe(`put ${round}`);
    // Changed and then replaced, or replaced and then changed: never the name of before.
    expect([null, undefined, round]).toContain(throttleRate);
  }
});
