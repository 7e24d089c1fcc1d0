import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newEnvironment } from "@posthaste/core/domain/environment";
import { createEngine } from "@posthaste/core/engine/create-engine";
import type { Engine, EngineObserver } from "@posthaste/core/engine/engine";
import type { Egress, EgressOutcome, EgressRequest } from "@posthaste/core/egress/egress";
import { checkHeader, isSensitiveHeader } from "@posthaste/core/egress/header-policy";
import { parsePolicy } from "@posthaste/core/egress/policy";
import { checkIdentity, checkServerCa } from "@posthaste/core/egress/tls-profile";
import { assertionKey } from "@posthaste/core/engine/oauth/token-request";
import { checkUrl } from "@posthaste/core/egress/url-policy";
import { fakeRuntime, type FakeRuntime } from "@posthaste/core/runtime/testing/fake-runtime";
import { KeyRing, newMasterKey } from "@posthaste/core/storage/sealed/key-ring";
import { openSealed } from "@posthaste/core/storage/sealed/open";
import { openSqliteStore } from "@posthaste/core/storage/sqlite/open";
import { TransformPool } from "@posthaste/core/transform/pool";
import type { Store } from "@posthaste/core/storage/port";
import { createSigner } from "@posthaste/receiver/node";
import type { FastifyInstance } from "fastify";
import { buildApp } from "../app.ts";
import { credentialOf } from "../issue.ts";
import type { Ground } from "../route.ts";
import { routes } from "../routes/index.ts";
import { compile } from "../validation.ts";

/** Event types every environment of a test server has. */
export const EVENT_TYPES = ["order.completed", "order.refunded", "course.finished"] as const;

/** The operator's key of every test server. */
export const OPERATOR_KEY = `phop_${"0123456789abcdefghijABCDEFGHIJ".padEnd(40, "z")}`;

interface Credentials {
  readonly environmentId: string;
  readonly key: string;
}

/** Every field a test reads of an answer: which of them are there is what the test is about. */
export interface Body {
  readonly id: string;
  readonly uid: string | null;
  readonly name: string;
  readonly url: string;
  readonly key: string;
  readonly code: string;
  readonly detail: readonly {
    readonly loc: readonly string[];
    readonly msg: string;
    readonly type: string;
  }[];
  readonly data: readonly Body[];
  readonly iterator: string | null;
  readonly prevIterator: string | null;
  readonly done: boolean;
  readonly status: number;
  readonly message: Body;
  readonly msg: Body;
  readonly eventId: string | null;
  readonly endpointId: string;
  readonly disabled: boolean;
  readonly nextAttempt: string | null;
  readonly eventType: string;
  readonly tags: readonly string[] | null;
  readonly channels: readonly string[] | null;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly sensitive: readonly string[];
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly response: string;
  readonly token: string;
  readonly censoredToken: string;
  readonly scopes: readonly string[] | null;
  readonly capabilities: readonly string[];
  readonly expiresAt: string | null;
}

export interface Reply {
  readonly status: number;
  /** The parsed body; undefined when there is none. */
  readonly json: Body;
  readonly text: string;
  readonly headers: Record<string, unknown>;
}

interface CallOptions {
  /** A value is sent as JSON, a string or bytes as they are. */
  readonly body?: unknown;
  /** An API key; null = none. Default: the live one. */
  readonly key?: string | null;
  readonly headers?: Record<string, string>;
}

/** What the scripted receiver answers. */
export interface ReceiverAnswer {
  readonly status: number;
  readonly body?: string | Uint8Array;
  readonly headers?: readonly (readonly [string, string])[];
  readonly truncated?: boolean;
}

/** The real HTTP layer, engine and store; time stands still unless the test moves it, receivers are scripted. */
export interface TestServer {
  readonly app: FastifyInstance;
  readonly store: Store;
  readonly engine: Engine;
  readonly runtime: FakeRuntime;
  readonly live: Credentials;
  readonly sandbox: Credentials;
  /** Everything that was sent to endpoints. */
  readonly posts: EgressRequest[];
  /** What endpoints answer from now on. */
  answer: (request: EgressRequest) => ReceiverAnswer | Promise<ReceiverAnswer>;
  call(method: string, url: string, options?: CallOptions): Promise<Reply>;
  /** A new application with its id; every test makes its own. */
  application(fields?: object): Promise<string>;
  endpoint(appId: string, fields?: object): Promise<string>;
  message(appId: string, fields?: object): Promise<string>;
  /** Waits, in real time, until something holds; the clock stands still. */
  until<Value>(value: () => Promise<Value | null | undefined | false>): Promise<Value>;
  /** The HTTP layer of one more node: the same store and engine, but for what is changed. */
  another(changes?: Partial<Ground>): Promise<TestServer>;
  close(): Promise<void>;
}

const SILENT: EngineObserver = {
  messagesAccepted() {},
  attemptEnded() {},
  committed() {},
  leaseLost() {},
  beaten() {},
  leaseReplaced() {},
  tookOver() {},
  endpointDisabled() {},
};

const NO_TIMINGS = { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: 1, totalMs: 12.5, reused: true };

/** `open`: another store than SQLite in a folder of its own; it is closed with the server. */
export async function startTestServer({
  open,
  onBroadcast,
}: { open?: () => Promise<Store>; onBroadcast?: (appId: string) => void } = {}): Promise<TestServer> {
  const directory = mkdtempSync(join(tmpdir(), "posthaste-server-"));
  const runtime = fakeRuntime();
  const ring = KeyRing.parse(newMasterKey(runtime.random));
  const store = await openSealed(await (open?.() ?? openSqliteStore({ directory, reserveBytes: 0 })), {
    ring,
    runtime,
  });
  const posts: EgressRequest[] = [];
  const egress: Egress = {
    async post(request): Promise<EgressOutcome> {
      posts.push(request);
      const { status, body = "", headers = [], truncated = false } = await server.answer(request);
      const bytes = typeof body === "string" ? Buffer.from(body) : body;
      return {
        kind: "response",
        statusCode: status,
        headers,
        body: bytes,
        truncated,
        timings: NO_TIMINGS,
      };
    },
    close: async () => {},
  };
  const transformer = new TransformPool({ runtime });
  const engine = createEngine({ store, egress, transformer, runtime, observer: SILENT, onBroadcast });
  const policy = parsePolicy({ allowHttp: false, allowedNetworks: [] });
  if (!policy.ok) throw new Error(policy.message);
  const ground: Ground = {
    engine,
    store,
    runtime,
    publicUrl: () => "https://hooks.example.com",
    transformer,
    operatorKey: OPERATOR_KEY,
    metrics: { contentType: "text/plain; version=0.0.4", metrics: async () => "posthaste_up 1\n" },
    rules: {
      checkUrl: (url) => checkUrl(url, policy.rules),
      checkHeader,
      isSensitiveHeader,
      checkSecret: (key) => void createSigner([key]),
      checkIdentity: (pem) => checkIdentity(pem, runtime.clock.now()),
      checkServerCa: (pem) => checkServerCa(pem, runtime.clock.now()),
      checkAssertionKey: (key) => void assertionKey(key),
    },
  };
  const app = buildApp(ground);
  await app.ready();
  await engine.start();
  const server: TestServer = {
    app,
    store,
    engine,
    runtime,
    posts,
    live: await addEnvironment("live", { store, runtime }),
    sandbox: await addEnvironment("sandbox", { store, runtime }),
    answer: () => ({ status: 204 }),
    call: (method, url, options) => call(server, { method, url, ...options }),
    application: (fields) => created(server, "/api/v1/app", { name: "Studio", ...fields }),
    endpoint: (appId, fields) =>
      created(server, `/api/v1/app/${appId}/endpoint`, { url: "https://example.com/hook", ...fields }),
    message: (appId, fields) =>
      created(server, `/api/v1/app/${appId}/msg`, {
        eventType: "order.completed",
        payload: { a: 1 },
        ...fields,
      }),
    async until(value) {
      for (let round = 0; round < 2_000; round++) {
        const found = await value();
        if (found !== null && found !== undefined && found !== false) return found;
        // Mostly it holds within a few rounds; on a busy machine the store's threads need time of their own.
        await new Promise((resolve) => (round < 200 ? setImmediate(resolve) : setTimeout(resolve, 5)));
      }
      throw new Error("it did not come to hold");
    },
    async another(changes = {}) {
      const other: TestServer = { ...server, app: buildApp({ ...ground, ...changes }) };
      await other.app.ready();
      return { ...other, call: (method, url, options) => call(other, { method, url, ...options }) };
    },
    async close() {
      // Loops that sleep on the fake clock wake up by the signal of `stop`.
      await engine.stop();
      await app.close();
      await transformer.close();
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return server;
}

async function call(
  server: TestServer,
  { method, url, body, key = server.live.key, headers = {} }: CallOptions & { method: string; url: string },
): Promise<Reply> {
  const raw = typeof body === "string" || body instanceof Uint8Array;
  const answer = await server.app.inject({
    method: method as "GET",
    url,
    ...(body === undefined ? {} : { payload: raw ? body : JSON.stringify(body) }),
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
  });
  const text = answer.body;
  assertDeclared({ method, url, status: answer.statusCode, text });
  const isJson = String(answer.headers["content-type"]).startsWith("application/json");
  return {
    status: answer.statusCode,
    json: (isJson && text !== "" ? JSON.parse(text) : undefined) as Body,
    text,
    headers: answer.headers,
  };
}

const declared = routes.map((route) => ({
  method: route.method,
  form: new RegExp(`^${route.path.replaceAll(/:[a-z_]+/g, "[^/]+")}/?$`),
  answers: new Map(
    Object.entries(route.answers).map(([status, schema]) => [Number(status), schema && compile(schema)]),
  ),
}));

/** What an operation answers is what its description says. */
function assertDeclared(answer: { method: string; url: string; status: number; text: string }): void {
  const path = answer.url.split("?", 1)[0] ?? "";
  // The first that fits: `msg/batch` stands before `msg/:msg_id`.
  const route = declared.find(({ method, form }) => method === answer.method && form.test(path));
  if (route === undefined || answer.status >= 400) return;
  const place = `${answer.method} ${path} ${answer.status}`;
  if (!route.answers.has(answer.status)) throw new Error(`${place}: this status is not declared`);
  const checker = route.answers.get(answer.status);
  if (!checker && answer.text !== "") throw new Error(`${place}: no body is declared`);
  // Metrics are text.
  if (checker && path !== "/metrics") checker.check(JSON.parse(answer.text), [place]);
}

async function created(server: TestServer, url: string, body: object): Promise<string> {
  const { status, json, text } = await server.call("POST", url, { body });
  if (status !== 201 && status !== 202) throw new Error(`${url}: ${status} ${text}`);
  return json.id;
}

async function addEnvironment(
  name: string,
  { store, runtime }: { store: Store; runtime: FakeRuntime },
): Promise<Credentials> {
  const createdAt = runtime.clock.now();
  const environmentId = runtime.ids.next("env_");
  await store.environments.ensure(
    newEnvironment({ id: environmentId, name, retentionDays: 90, createdAt }),
    EVENT_TYPES.map((eventType) => ({
      environmentId,
      name: eventType,
      description: `${eventType} happened`,
      archived: false,
      deprecated: false,
      schemas: { 1: { type: "object", title: eventType } },
      groupName: null,
      featureFlags: null,
      retryScheduleMs: null,
      createdAt,
      updatedAt: createdAt,
    })),
  );
  const key = `phk_${name}_0123456789abcdefghijABCDEFGHIJ`;
  const credential = credentialOf(key, { kind: "api_key", environmentId }, runtime);
  await store.credentials.insert(credential, { forget: 0 });
  return { environmentId, key };
}
