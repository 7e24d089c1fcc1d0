import { GOOD_CERTIFICATE } from "@posthaste/core/egress/testing/certificates";
import { SECOND_MS } from "@posthaste/core/domain/time";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { issue } from "./issue.ts";
import {
  BEYOND_APPLICATION,
  CAPABILITIES,
  OPERATOR_PERMISSIONS,
  PERMISSIONS,
  type Permission,
  permissionsOf,
} from "./permission.ts";
import { described, resolveSchema } from "./testing/described.ts";
import { placeOf, type Scene, sceneOf } from "./testing/scene.ts";
import type { Schema } from "./testing/schema-values.ts";
import { OPERATOR_KEY, startTestServer, type Reply, type TestServer } from "./testing/test-server.ts";

const beyond: ReadonlySet<string> = BEYOND_APPLICATION;
const operators: ReadonlySet<string> = OPERATOR_PERMISSIONS;
/** What no credential of an environment can be given. */
const isOperatorOnly = ({ need }: Operation): boolean => need.endsWith(":installation");

/**
 * Every operation of our own OpenAPI document, with every kind of credential, on the ids of somebody else and on ids
 * of nobody: who is refused gets the contract's code, and nothing has changed after. A new operation is in by itself; one
 * whose path or body no example is known for fails here.
 */
interface Operation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  /** A permission, or `caller`: any credential. */
  readonly need: string;
  readonly body: unknown;
}

/** The least that a schema takes: its required fields, each with an example. */
function exampleOf(schema: Schema): unknown {
  if (schema.$ref !== undefined) {
    return exampleOf(resolveSchema(schema.$ref));
  }
  if (schema.examples !== undefined) return schema.examples[0];
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.anyOf?.[0] !== undefined) return exampleOf(schema.anyOf[0]);
  const [type] = [schema.type].flat();
  if (type === "array")
    return Array.from({ length: schema.minItems ?? 0 }, () => exampleOf(schema.items ?? {}));
  if (type === "integer" || type === "number") return schema.minimum ?? 1;
  if (type === "boolean") return false;
  if (type === "string") return STRINGS.get(schema.format) ?? "example";
  const required = (schema.required ?? []).map((name) => [name, exampleOf(schema.properties?.[name] ?? {})]);
  return Object.fromEntries(required);
}

const STRINGS: ReadonlyMap<string | undefined, string> = new Map([
  ["date-time", "2026-03-14T09:26:53.589Z"],
  ["uri", "https://example.com/other"],
]);

/** Bodies that a schema does not tell enough of. */
const BODIES: Readonly<Record<string, unknown>> = {
  "v1.endpoint.set-oauth-config": {
    grantType: "clientCredentials",
    authMethod: "clientSecretPost",
    clientId: "posthaste",
    clientSecret: "s",
    tokenUrl: "https://auth.example.com/token",
  },
  "v1.endpoint.set-mtls-config": { identity: `${GOOD_CERTIFICATE.cert}\n${GOOD_CERTIFICATE.key}` },
  "v1.endpoint.set-server-ca": { cert: null },
  // With none, so that a key that may make tokens and nothing else may make this one.
  "v1.authentication.app-portal-access": { capabilities: [] },
  "v1.destination.create": { type: "pollingEndpoint" },
  "v1.message.poller.consumer-seek": { after: "2026-01-01T00:00:00Z" },
  "v1.endpoint.create": { url: "https://example.com/other" },
  "v1.endpoint.upsert": { url: "https://example.com/other" },
  "v1.message.broadcast": { eventType: "order.completed", payload: {} },
  "v1.operational-webhook.endpoint.create": { url: "https://example.com/other" },
  "v1.operational-webhook.endpoint.upsert": { url: "https://example.com/other" },
  "v1.message.create": { eventType: "order.completed", payload: {} },
  "v1.message.create-batch": { messages: [{ eventType: "order.completed", payload: {} }] },
};

const operations: readonly Operation[] = described.flatMap(({ id, method, path, need, body }) =>
  need === null
    ? []
    : [{ id, method, path, need, body: BODIES[id] ?? (body && exampleOf(body)) ?? undefined }],
);

/** These make what is not there, in the caller's own environment: app.test.ts looks at what becomes of the other. */
const UPSERTS = new Set([
  "v1.application.upsert",
  "v1.event-type.upsert",
  "v1.operational-webhook.endpoint.upsert",
]);

let server: TestServer;
/** What there is in the live environment; nobody else may touch or see it. */
let places: Scene;
const nowhere: Scene = {
  app_id: "nobody",
  endpoint_id: "nobody",
  operational_endpoint_id: "nobody",
  msg_id: `msg_${"0".repeat(27)}`,
  attempt_id: `atmpt_${"0".repeat(27)}`,
  event_type_name: "never.seen",
  env_id: `org_${"0".repeat(27)}`,
  managed_env_id: `org_${"0".repeat(27)}`,
  key_id: `key_${"0".repeat(27)}`,
  task_id: `qtask_${"0".repeat(27)}`,
  destination_id: "nobody",
  sink_id: "nobody",
  consumer_id: "reader",
};
/** Credentials that are none, or no longer. */
let dead: Readonly<Record<string, string | null>>;
/** Of a second application in the same environment, and of the first, for looking only. */
let otherPortal = "";
let otherMessages = "";
let readOnly = "";
const single = new Map<Permission, string>();
let before = "";

beforeAll(async () => {
  server = await startTestServer();
  const { environmentId } = server.live;
  const scene = await sceneOf(server, { uid: "victim" });
  const { app_id = "", msg_id = "" } = scene;
  const other = await server.application({ uid: "stranger" });
  for (const [path, body] of [
    ["oauth", BODIES["v1.endpoint.set-oauth-config"]],
    ["mtls", BODIES["v1.endpoint.set-mtls-config"]],
  ] as const) {
    await server.call("PUT", `/api/v1/app/${app_id}/endpoint/${scene["endpoint_id"]}/${path}`, { body });
  }
  await server.call("POST", "/api/v1/event-type", { body: { name: "live.only", description: "New" } });
  const attempt_id = await server.until(async () => {
    const { json } = await server.call("GET", `/api/v1/app/${app_id}/attempt/msg/${msg_id}`);
    return json.data[0]?.id;
  });
  const key = (fields: object = {}): ReturnType<typeof issue> =>
    issue({ kind: "api_key", environmentId, name: "k", ...fields }, server);
  for (const permission of PERMISSIONS) single.set(permission, (await key({ scopes: [permission] })).text);
  const now = server.runtime.clock.now();
  const expired = await key({ expiresAt: now + SECOND_MS });
  const revoked = await key();
  expect((await server.call("GET", "/api/v1/app", { key: revoked.text })).status).toBe(200);
  await server.runtime.advance(SECOND_MS);
  const keys = `/api/v1/management/authentication/${environmentId}/api-token`;
  await server.call("POST", `${keys}/${revoked.credential.id}/expire`, { body: {} });
  const portal = { kind: "portal", environmentId, expiresAt: now + 3_600 * SECOND_MS } as const;
  otherPortal = (await issue({ ...portal, appId: other }, server)).text;
  readOnly = (await issue({ ...portal, appId: app_id, scopes: ["ViewBase"] }, server)).text;
  otherMessages = (await issue({ ...portal, kind: "message", appId: other }, server)).text;
  dead = {
    none: null,
    garbage: "garbage",
    "a key nobody has": `phk_live_${"9".repeat(32)}`,
    "an expired key": expired.text,
    "a revoked key": revoked.text,
    "an expired portal token": (await issue({ ...portal, appId: app_id, expiresAt: now }, server)).text,
    "an operator's key that is not ours": `phop_${"9".repeat(40)}`,
    "the operator's key, cut off": OPERATOR_KEY.slice(0, -1),
    "a one-time token": (await issue({ ...portal, kind: "one_time", appId: app_id }, server)).text,
  };
  places = { ...scene, attempt_id, key_id: revoked.credential.id, event_type_name: "live.only" };
  before = await everything();
});
afterAll(() => server.close());

/** All that the API shows of the live environment, and of what environments there are. */
async function everything(): Promise<string> {
  const lookers = operations.filter(
    (each) => each.method === "GET" && each.need.startsWith("read:") && !isOperatorOnly(each),
  );
  const seen = lookers.map(async (operation) => {
    const { status, text } = await send(operation, { key: server.live.key, at: places });
    expect(status, `${operation.id}: a key with every permission looks at what is there: ${text}`).toBe(200);
    return text;
  });
  const environments = operations.filter((each) => each.method === "GET" && isOperatorOnly(each));
  const managed = environments.map(async (operation) => {
    const { status, text } = await send(operation, { key: OPERATOR_KEY, at: places });
    expect(status, `${operation.id}: the operator looks at what is there: ${text}`).toBe(200);
    return text;
  });
  const stranger = ["/api/v1/app/stranger/endpoint", "/api/v1/app/stranger/msg"].map(
    async (url) => (await server.call("GET", url)).text,
  );
  return (await Promise.all([...seen, ...managed, ...stranger])).join("\n");
}

function send(
  { id, method, path, body }: Operation,
  { key, at }: { key: string | null; at: Scene },
): Promise<Reply> {
  const url = path.replaceAll(/\{([a-z_]+)\}/g, (_all, name: string) => {
    const place = placeOf(at, path, name);
    if (place === undefined) {
      throw new Error(
        `${id}: no example is known for {${name}}; add one to testing/scene.ts and to nowhere here`,
      );
    }
    return place;
  });
  return server.call(method, url, { key, body });
}

const code = ({ status, json }: Reply): string => `${status} ${json?.code ?? ""}`;
const UNKNOWN = "401 authentication_failed";
const FORBIDDEN = "403 insufficient_access";
const NOT_THERE = "404 not_found";
const isRefused = (reply: Reply): boolean => reply.status === 401 || reply.status === 403;
const cases = operations.map((operation) => [operation.id, operation] as const);

/** After what only looks, it is looked at once, in the end. */
async function expectNothingChanged({ id, method }: Operation): Promise<void> {
  if (method !== "GET") expect(await everything(), `${id} changed what it may not`).toBe(before);
}

describe("who may not", () => {
  it.each(cases)("%s: an unknown, ended or malformed credential gets 401", async (_id, operation) => {
    for (const [name, key] of Object.entries(dead)) {
      for (const at of [places, nowhere])
        expect(code(await send(operation, { key, at })), name).toBe(UNKNOWN);
    }
    await expectNothingChanged(operation);
  });

  it.each(cases)("%s: a key with one permission is refused for want of any other", async (_id, operation) => {
    for (const [permission, key] of single) {
      if (operation.need === "caller") continue;
      if (operation.need === permission) {
        // What it may do, it is let do: to nobody's things here. What makes new ones is left to the tests of each.
        if (!operation.path.includes("{") || UPSERTS.has(operation.id)) continue;
        expect(isRefused(await send(operation, { key, at: nowhere })), permission).toBe(false);
      } else {
        for (const at of [places, nowhere]) {
          expect(code(await send(operation, { key, at })), permission).toBe(FORBIDDEN);
        }
      }
    }
    await expectNothingChanged(operation);
  });

  it.each(cases)("%s: another environment's key finds nothing", async (_id, operation) => {
    if (!operation.path.includes("{") || UPSERTS.has(operation.id)) return;
    const reply = await send(operation, { key: server.sandbox.key, at: places });
    if (reply.status === 422) {
      throw new Error(`${operation.id}: its example is invalid, add one to BODIES here: ${reply.text}`);
    }
    expect(code(reply), reply.text).toBe(isOperatorOnly(operation) ? FORBIDDEN : NOT_THERE);
    await expectNothingChanged(operation);
  });

  it.each(cases)(
    "%s: the operator's key manages environments and their keys, no more",
    async (_id, operation) => {
      const may = operators.has(operation.need);
      if (!may) expect(code(await send(operation, { key: OPERATOR_KEY, at: places }))).toBe(FORBIDDEN);
      // What makes new things is left to the tests of each.
      if (may && !operation.path.includes("{")) return;
      const expected = may ? NOT_THERE : FORBIDDEN;
      expect(code(await send(operation, { key: OPERATOR_KEY, at: nowhere }))).toBe(expected);
      await expectNothingChanged(operation);
    },
  );

  it.each(cases)("%s: no API key manages environments, whatever it was given", async (_id, operation) => {
    if (!isOperatorOnly(operation)) return;
    for (const key of [server.live.key, server.sandbox.key]) {
      for (const at of [places, nowhere]) expect(code(await send(operation, { key, at }))).toBe(FORBIDDEN);
    }
    await expectNothingChanged(operation);
  });

  it.each(cases)("%s: another application's tokens find nothing", async (_id, operation) => {
    const { need, path } = operation;
    const granted = {
      [otherPortal]: permissionsOf(CAPABILITIES),
      [otherMessages]: new Set<Permission>(["write:message"]),
    };
    for (const [key, permissions] of Object.entries(granted)) {
      if (need === "caller" || beyond.has(need)) continue;
      const may = [...permissions].some((permission) => permission === need) && path.includes("{app_id}");
      for (const at of [places, { ...places, app_id: "victim" }, nowhere]) {
        expect(code(await send(operation, { key, at }))).toBe(may ? NOT_THERE : FORBIDDEN);
      }
    }
    await expectNothingChanged(operation);
  });

  it.each(cases)(
    "%s: another application's ids are not found under a token's own",
    async (_id, operation) => {
      if (!/\{app_id\}.*\{/.test(operation.path) || operation.id === "v1.endpoint.upsert") return;
      const reply = await send(operation, { key: otherPortal, at: { ...places, app_id: "stranger" } });
      expect([NOT_THERE, FORBIDDEN]).toContain(code(reply));
      await expectNothingChanged(operation);
    },
  );

  it.each(cases)("%s: a token for looking only changes nothing", async (_id, operation) => {
    const { need, path, method } = operation;
    if (need === "caller") return;
    const looks = [...permissionsOf(["ViewBase"])].some((permission) => permission === need);
    const may = looks && (path.includes("{app_id}") || beyond.has(need));
    const reply = await send(operation, { key: readOnly, at: places });
    if (may) expect(isRefused(reply), reply.text).toBe(false);
    else expect(code(reply)).toBe(FORBIDDEN);
    if (may && method !== "POST") expect(method).toBe("GET");
    await expectNothingChanged(operation);
  });
});

it("nothing has changed after all of them", async () => {
  expect(await everything()).toBe(before);
});

it("knows the operations that any credential may call", () => {
  const any = operations.filter(({ need }) => need === "caller").map(({ id }) => id);
  expect(any.toSorted()).toEqual(["v1.authentication.logout", "v1.authentication.whoami"]);
});
