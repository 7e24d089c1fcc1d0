import { GOOD_CERTIFICATE } from "@posthaste/core/egress/testing/certificates";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { OPERATOR_PERMISSIONS, PERMISSIONS } from "./permission.ts";
import type { Route } from "./route.ts";
import { routes } from "./routes/index.ts";
import { OPERATOR_KEY, startTestServer, type TestServer } from "./testing/test-server.ts";

let server: TestServer;
/** Ids of one application of the live environment with everything in it. */
let ids: Readonly<Record<string, string>>;

beforeAll(async () => {
  server = await startTestServer();
  ids = await fill();
});
afterAll(() => server.close());

async function fill(): Promise<Record<string, string>> {
  const app_id = await server.application();
  const endpoint_id = await server.endpoint(app_id);
  const msg_id = await server.message(app_id);
  const attempt_id = await server.until(async () => {
    const list = await server.call("GET", `/api/v1/app/${app_id}/attempt/msg/${msg_id}`);
    return list.json.data[0]?.id;
  });
  const env_id = server.live.environmentId;
  const keys = await server.call("GET", `/api/v1/management/authentication/${env_id}/api-token`);
  const key_id = keys.json.data[0]?.id ?? "";
  return { app_id, endpoint_id, msg_id, attempt_id, env_id, key_id, event_type_name: "order.completed" };
}

/** A body each operation accepts. Every operation with a body must have one here. */
const BODIES: Readonly<Record<string, unknown>> = {
  "v1.management.environment.create": { name: "Another", type: "development" },
  "v1.management.environment.update": { name: "Renamed" },
  "v1.environment.import": { settings: {} },
  "v1.management.environment-settings.update": { displayName: "Studio" },
  "v1.management.environment-settings.patch": { displayName: "Studio" },
  "v1.application.create": { name: "Another" },
  "v1.application.upsert": { name: "Renamed" },
  "v1.application.patch": { name: "Renamed" },
  "v1.endpoint.create": { url: "https://example.com/other" },
  "v1.endpoint.upsert": { url: "https://example.com/other" },
  "v1.endpoint.patch": { description: "Shop" },
  "v1.endpoint.recover": { since: "2020-01-01T00:00:00Z" },
  "v1.endpoint.cancel-msgs": { createdBefore: "2026-01-01T00:00:00Z" },
  "v1.message.broadcast": { eventType: "order.completed", payload: {} },
  "v1.endpoint.replay-missing": { since: "2020-01-01T00:00:00Z" },
  "v1.endpoint.bulk-replay": { since: "2020-01-01T00:00:00Z" },
  "v1.message.bulk-expunge-content": { ids: ["msg_x"] },
  "v1.statistics.aggregate-app-stats": { since: "2020-01-01T00:00:00Z", until: "2020-02-01T00:00:00Z" },
  "v1.endpoint.send-example": { eventType: "svix.ping" },
  "v1.endpoint.set-headers": { headers: { "x-shop": "1" } },
  "v1.endpoint.patch-headers": { headers: { "x-shop": "2" } },
  "v1.endpoint.rotate-secret": {},
  "v1.endpoint.set-oauth-config": {
    grantType: "clientCredentials",
    authMethod: "clientSecretPost",
    clientId: "posthaste",
    clientSecret: "s",
    tokenUrl: "https://auth.example.com/token",
  },
  "v1.endpoint.set-mtls-config": { identity: `${GOOD_CERTIFICATE.cert}\n${GOOD_CERTIFICATE.key}` },
  "v1.endpoint.set-server-ca": { cert: null },
  "v1.operational-webhook.endpoint.create": { url: "https://example.com/other" },
  "v1.operational-webhook.endpoint.upsert": { url: "https://example.com/other" },
  "v1.operational-webhook.endpoint.set-headers": { headers: { "x-shop": "1" } },
  "v1.operational-webhook.endpoint.rotate-secret": {},
  "v1.endpoint.transformation.patch": { enabled: false },
  "v1.endpoint.transformation.simulate": {
    code: "function handler(webhook) { return webhook; }",
    eventType: "order.completed",
    payload: {},
  },
  "v1.event-type.create": { name: "something.new", description: "New" },
  "v1.event-type.upsert": { description: "Changed" },
  "v1.event-type.set-retry-schedule": { retrySchedule: [{ secs: 5, nanos: 0 }] },
  "v1.event-type.patch": { description: "Changed" },
  "v1.event-type.import-openapi": { specRaw: '{"openapi":"3.1.0","webhooks":{"a.b":{"post":{}}}}' },
  "v1.message.precheck": { eventType: "order.completed" },
  "v1.message.create": { eventType: "order.completed", payload: {} },
  "v1.authentication.app-portal-access": {},
  "v1.authentication.exchange-one-time-token": { oneTimeToken: "pho_live_none" },
  "v1.authentication.create-message-token": { name: "Shop" },
  "v1.authentication.expire-all": { sessionIds: ["nobody"] },
  "v1.management.authentication.create-api-token": { name: "Shop" },
  "v1.management.authentication.update-api-token": { name: "Shop" },
  "v1.management.authentication.patch-api-token": { name: "Shop" },
  "v1.management.authentication.expire-api-token": { expiry: 3_600 },
  "v1.message.search": { text: "ada@example.com" },
  "v1.message.test-attempt": { eventType: "order.completed", payload: {} },
  "v1.message.create-batch": { messages: [{ eventType: "order.completed", payload: {} }] },
  "v1.destination.create": { type: "pollingEndpoint" },
  "v1.message.poller.consumer-seek": { after: "2026-01-01T00:00:00Z" },
  "v1.message.pollerv2.consumer-commit": { offset: 0 },
};

/** Who may, were it not for what the test is about. */
const keyFor = ({ scope }: Route): string =>
  scope.endsWith(":installation") ? OPERATOR_KEY : server.live.key;

const guarded = routes.filter(({ scope }) => scope !== "public");
const open = routes.filter(({ scope }) => scope === "public");

function request(route: Route, values: Readonly<Record<string, string>>): { url: string; body?: unknown } {
  const url = route.path.replaceAll(/:([a-z_]+)/g, (_all, name: string) => values[name] ?? `missing-${name}`);
  if (route.body === null) return { url };
  const body = BODIES[route.operationId];
  if (body === undefined) throw new Error(`no example body for ${route.operationId}`);
  return { url, body };
}

const messagesUrl = (): string => `/api/v1/app/${ids["app_id"]}/msg`;

describe("every operation", () => {
  it("declares who may call it, and only the known five are open to anyone", () => {
    const known = new Set<string>([...PERMISSIONS, ...OPERATOR_PERMISSIONS, "public", "caller"]);
    expect(routes.filter(({ scope }) => !known.has(scope))).toEqual([]);
    // What changes something is no GET, and what a read allows is nothing that PUT, PATCH or DELETE do.
    for (const { scope, method, operationId } of guarded) {
      if (scope === "caller" || method === "POST") continue;
      expect([operationId, scope.startsWith("read:")]).toEqual([operationId, method === "GET"]);
    }
    expect(open.map(({ operationId }) => operationId).toSorted()).toEqual([
      "metrics.get",
      "v1.authentication.exchange-one-time-token",
      "v1.health.get",
      "v1.health.ping",
      "v1.openapi.get",
    ]);
  });

  it("has an id and a place of its own", () => {
    expect(new Set(routes.map(({ operationId }) => operationId)).size).toBe(routes.length);
    expect(new Set(routes.map(({ method, path }) => `${method} ${path}`)).size).toBe(routes.length);
  });

  it.each(guarded.map((route) => [route.operationId, route] as const))(
    "%s is refused without a key, with a wrong key and with something else",
    async (_id, route) => {
      const { url: place, body } = request(route, ids);
      const wrong = "phk_live_9999999999999999999999999";
      const headers = [
        {},
        { authorization: `Bearer ${wrong}` },
        { authorization: "Bearer " },
        { authorization: server.live.key },
        { authorization: `Basic ${server.live.key}` },
        { authorization: `Bearer ${server.live.key}x` },
      ];
      for (const header of headers) {
        const reply = await server.call(route.method, place, { body, key: null, headers: header });
        expect(reply.status, JSON.stringify(header)).toBe(401);
        expect(reply.json.code).toBe("authentication_failed");
        expect(reply.headers["www-authenticate"]).toBe("Bearer");
        expect(reply.text).not.toContain(server.live.key);
      }
    },
  );

  it.each(
    guarded
      .filter(({ path }) => path.includes(":app_id"))
      .map((route) => [route.operationId, route] as const),
  )("%s does not reach into another environment", async (_id, route) => {
    // An upsert creates what is not there: it makes an application of its own, which the next test looks at.
    if (route.operationId === "v1.application.upsert") return;
    const { url: place, body } = request(route, ids);
    const reply = await server.call(route.method, place, { body, key: server.sandbox.key });
    expect(reply.status).toBe(404);
    expect(reply.json.code).toBe("not_found");
  });

  it("upsert under another environment's id makes an application there and leaves the first alone", async () => {
    const reply = await server.call("PUT", `/api/v1/app/${ids["app_id"]}`, {
      body: { name: "Mine" },
      key: server.sandbox.key,
    });
    expect(reply.status).toBe(201);
    expect(reply.json.id).not.toBe(ids["app_id"]);
    const first = await server.call("GET", `/api/v1/app/${ids["app_id"]}`);
    expect(first.json.name).toBe("Studio");
  });

  it.each(
    guarded
      .filter(({ path }) => /:(?:endpoint|msg|attempt)_id/.test(path))
      .map((route) => [route.operationId, route] as const),
  )("%s does not reach into another application", async (_id, route) => {
    if (route.operationId.endsWith("endpoint.upsert")) return;
    const other = await server.application();
    const { url: place, body } = request(route, { ...ids, app_id: other });
    const reply = await server.call(route.method, place, { body });
    expect(reply.status).toBe(404);
    expect(reply.json.code).toBe("not_found");
  });

  it.each(
    guarded.filter(({ path }) => path.includes(":")).map((route) => [route.operationId, route] as const),
  )("%s answers 404 for what does not exist", async (_id, route) => {
    if (route.operationId.endsWith("upsert") && !route.path.includes(":app_id/endpoint")) return;
    const unknown = {
      app_id: "nobody",
      event_type_name: "never.seen",
      env_id: `org_${"0".repeat(27)}`,
      task_id: `qtask_${"0".repeat(27)}`,
    };
    const { url: place, body } = request(route, { ...ids, ...unknown });
    const reply = await server.call(route.method, place, { body, key: keyFor(route) });
    expect(reply.status).toBe(404);
  });

  it.each(guarded.filter(({ body }) => body !== null).map((route) => [route.operationId, route] as const))(
    "%s refuses a body of the wrong type with the fields that are wrong",
    async (_id, route) => {
      const { url: place } = request(route, ids);
      for (const body of ["[]", "1", '"text"', "null"]) {
        const reply = await server.call(route.method, place, { body, key: keyFor(route) });
        expect(reply.status, body).toBe(422);
        expect(reply.json.detail[0]).toMatchObject({ loc: ["body"], msg: "Must be an object." });
      }
    },
  );

  it.each(guarded.filter(({ query }) => query !== null).map((route) => [route.operationId, route] as const))(
    "%s refuses a query that does not fit",
    async (_id, route) => {
      const fields = Object.entries(route.query?.properties ?? {});
      const { url: place, body } = request(route, ids);
      for (const [name, schema] of fields) {
        const type: unknown = "type" in schema ? schema.type : undefined;
        if (type === "array") continue;
        const reply = await server.call(route.method, `${place}?${name}=%24%24`, {
          body,
          key: keyFor(route),
        });
        expect(reply.status, name).toBe(422);
        expect(reply.json.detail[0]?.loc.slice(0, 2)).toEqual(["query", name]);
      }
    },
  );
});

describe("a path", () => {
  it("that does not exist answers 404 in the shape of every refusal, for any method and body", async () => {
    for (const [method, body] of [
      ["GET", undefined],
      ["POST", "{}"],
      ["PUT", "no json"],
      ["DELETE", undefined],
    ] as const) {
      const reply = await server.call(method, "/api/v1/nothing/here", {
        body,
        headers: { "content-type": "text/plain" },
      });
      expect(reply.status).toBe(404);
      expect(reply.json).toEqual({ code: "not_found", detail: expect.any(String) });
    }
  });

  it("that exists answers 405 for a method it does not take, naming those it does", async () => {
    const reply = await server.call("DELETE", "/api/v1/app");
    expect(reply.status).toBe(405);
    expect(reply.json.code).toBe("method_not_allowed");
    expect(reply.headers["allow"]).toBe("GET, POST");
    const patch = await server.call("PATCH", `/api/v1/app/${ids["app_id"]}/msg`, { body: {} });
    expect(patch.status).toBe(405);
  });

  it("may end with a slash", async () => {
    expect((await server.call("GET", "/api/v1/app/")).status).toBe(200);
    expect((await server.call("GET", `/api/v1/app/${ids["app_id"]}/`)).status).toBe(200);
  });

  it("with broken percent-encoding answers 400 in the shape of every refusal", async () => {
    const reply = await server.call("GET", "/api/v1/app/%ff%zz");
    expect(reply.status).toBe(400);
    expect(reply.json).toEqual({ code: "bad_request", detail: expect.any(String) });
  });

  it("with a reference no name can have answers 422, one beyond any bound 400", async () => {
    expect((await server.call("GET", "/api/v1/app/a%20b")).status).toBe(422);
    expect((await server.call("GET", `/api/v1/app/${"a".repeat(257)}`)).status).toBe(422);
    expect((await server.call("GET", `/api/v1/app/${"a".repeat(5_000)}`)).status).toBe(400);
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
    "with the name %s finds nothing",
    async (name) => {
      expect((await server.call("GET", `/api/v1/app/${name}`)).status).toBe(404);
      expect((await server.call("GET", `/api/v1/app/${ids["app_id"]}/endpoint/${name}`)).status).toBe(404);
      expect((await server.call("GET", `/api/v1/event-type/${name}`)).status).toBe(404);
    },
  );
});

describe("a body", () => {
  it("beyond 1 MiB is refused before its key is looked at", async () => {
    const body = JSON.stringify({ eventType: "a", payload: { x: "y".repeat(1_048_576) } });
    for (const key of [server.live.key, null]) {
      const reply = await server.call("POST", messagesUrl(), { body, key });
      expect(reply.status).toBe(413);
      expect(reply.json).toEqual({ code: "payload_too_large", detail: expect.stringContaining("1 MiB") });
    }
  });

  it("of another media type, compressed or without a type is refused", async () => {
    for (const headers of [
      { "content-type": "text/plain" },
      { "content-type": "multipart/form-data; boundary=x" },
      { "content-type": "application/x-www-form-urlencoded" },
      { "content-type": "nonsense" },
      { "content-encoding": "gzip" },
    ]) {
      const reply = await server.call("POST", messagesUrl(), {
        body: '{"eventType":"a","payload":{}}',
        headers,
      });
      expect(reply.status, JSON.stringify(headers)).toBe(415);
      expect(reply.json.code).toBe("unsupported_media_type");
    }
  });

  it("may name its character set", async () => {
    const headers = { "content-type": "application/json; charset=utf-8" };
    const reply = await server.call("POST", messagesUrl(), {
      body: '{"eventType":"a","payload":{}}',
      headers,
    });
    expect(reply.status).toBe(202);
  });

  it("that is missing is refused with what to send", async () => {
    const reply = await server.call("POST", messagesUrl());
    expect(reply.status).toBe(400);
    expect(reply.json).toEqual({ code: "invalid_json", detail: "The body is empty. Send JSON." });
  });

  it("with prototype keys changes nothing but itself", async () => {
    const body =
      '{"eventType":"a","payload":{"__proto__":{"x":1}},"__proto__":{"tags":["polluted"]},"constructor":{"prototype":{"y":1}}}';
    const reply = await server.call("POST", messagesUrl(), { body });
    expect(reply.status).toBe(202);
    expect(reply.json.tags).toBeNull();
    expect(reply.text).toContain('"payload":{"__proto__":{"x":1}}');
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
    const missing = await server.call("POST", messagesUrl(), {
      body: '{"__proto__":{"eventType":"a","payload":{}}}',
    });
    expect(missing.status).toBe(422);
  });

  it("with fields nobody knows is taken without them", async () => {
    const reply = await server.call("POST", "/api/v1/app", {
      body: { name: "A", colour: "red", rateLimit: 3 },
    });
    expect(reply.status).toBe(201);
    expect(reply.json).not.toHaveProperty("colour");
  });

  it("with several faults is told all of them, each with its place", async () => {
    const reply = await server.call("POST", messagesUrl(), {
      body: { eventType: "a b", channels: ["ok", "no way"], tags: 1 },
    });
    expect(reply.status).toBe(422);
    expect(reply.json.detail).toEqual([
      { loc: ["body", "payload"], msg: "This field is required.", type: "value_error.missing" },
      {
        loc: ["body", "eventType"],
        msg: "May hold letters, digits, '-', '_' and '.' only.",
        type: "value_error",
      },
      {
        loc: ["body", "channels", "1"],
        msg: "May hold letters, digits, '-', '_', '.', ':' and '+' only.",
        type: "value_error",
      },
      { loc: ["body", "tags"], msg: "Must be an array or null.", type: "type_error" },
    ]);
  });
});

describe("an answer", () => {
  it("is never cached or guessed at by a browser", async () => {
    for (const url of ["/api/v1/app", "/api/v1/nothing", "/api/v1/health"]) {
      const { headers } = await server.call("GET", url);
      expect(headers["cache-control"]).toBe("no-store");
      expect(headers["x-content-type-options"]).toBe("nosniff");
    }
  });

  it("of a fault of ours tells nothing of it, and the log does", async () => {
    const find = vi.spyOn(server.engine, "findApplication").mockRejectedValueOnce(new Error("secret detail"));
    const reply = await server.call("GET", `/api/v1/app/${ids["app_id"]}`);
    find.mockRestore();
    expect(reply.status).toBe(500);
    expect(reply.json).toEqual({ code: "internal", detail: expect.any(String) });
    expect(reply.text).not.toContain("secret detail");
  });
});

describe("health", () => {
  it("is 204 without a key while events can be accepted", async () => {
    for (const url of ["/api/v1/health", "/api/v1/health/", "/api/v1/health/ping"]) {
      for (const method of ["GET", "HEAD"]) {
        expect((await server.call(method, url, { key: null })).status).toBe(204);
      }
    }
  });

  it("is 503 while they cannot, and the reason stays inside", async () => {
    const health = vi
      .spyOn(server.engine, "health")
      .mockResolvedValue({ ok: false, reason: "disk full at /data" });
    const reply = await server.call("GET", "/api/v1/health", { key: null });
    const ping = await server.call("GET", "/api/v1/health/ping", { key: null });
    health.mockRestore();
    expect(reply.status).toBe(503);
    expect(reply.headers["retry-after"]).toBe("1");
    expect(reply.text).not.toContain("/data");
    expect(ping.status).toBe(204);
  });
});

describe("metrics", () => {
  it("are Prometheus text", async () => {
    const reply = await server.call("GET", "/metrics", { key: null });
    expect(reply.status).toBe(200);
    expect(reply.text).toBe("posthaste_up 1\n");
    expect(reply.headers["content-type"]).toContain("text/plain");
  });
});
