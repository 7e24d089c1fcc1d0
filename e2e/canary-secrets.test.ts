import { createPrivateKey, randomBytes } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as classification from "../packages/core/src/storage/sealed/classification.ts";
import { GOOD_CERTIFICATE } from "../packages/core/src/egress/testing/certificates.ts";
import { noPostgres } from "../packages/core/src/storage/postgres/testing/test-database.ts";
import { canaries } from "./testing/canaries.ts";
import { type Ground, onPostgres, onSqlite } from "./testing/canary-stores.ts";
import { freePort, runPosthaste, ServerProcess } from "./testing/server-process.ts";

/**
 * Secrets are planted in every place where one can enter, things go well and go wrong, and then they are looked for in
 * all that the program leaves behind: its output at the debug level, its metrics, its answers, its database, an export.
 */
const whsec = (): string => `whsec_${randomBytes(24).toString("base64")}`;

/** What proves who somebody is: nowhere but on its way. */
const secrets = canaries();
/** What customers send: in the database, and nowhere else. */
const contents = canaries();
const masterKey = secrets.watch("the master key", `phm_${randomBytes(32).toString("base64url")}`);
const apiKey = secrets.watch("the API key of the operator", `phk_live_${randomBytes(16).toString("hex")}`);

const operatorKey = secrets.watch("the operator's key", `phop_${randomBytes(24).toString("hex")}`);

const folder = mkdtempSync(join(tmpdir(), "posthaste-canary-"));
let receiver: Server;
let receiverUrl = "";
const received: { headers: IncomingHttpHeaders; body: string }[] = [];

beforeAll(async () => {
  receiver = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      received.push({ headers: request.headers, body });
      if (request.url?.startsWith("/cut")) response.destroy();
      else response.writeHead(request.url?.startsWith("/fail") ? 500 : 204).end();
    });
  });
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  receiverUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
});
afterAll(() => {
  receiver.closeAllConnections();
  receiver.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Reply {
  readonly status: number;
  readonly text: string;
  readonly json: Readonly<Record<string, string>> & { readonly data: readonly Record<string, string>[] };
}

/** One server, what it was told, and all that it answered when it refused. */
function scene(ground: Ground, data: string) {
  const server = new ServerProcess([...ground.flags, "--dev", "--log-level", "debug"], {
    data,
    key: apiKey,
    env: { POSTHASTE_MASTER_KEYS: masterKey, POSTHASTE_OPERATOR_KEY: operatorKey },
  });
  const refusals: string[] = [];
  async function call(method: string, path: string, body?: unknown, key: string = apiKey): Promise<Reply> {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(method === "POST" ? { "idempotency-key": randomBytes(8).toString("hex") } : {}),
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.status >= 400) refusals.push(`${method} ${path}: ${response.status} ${text}`);
    const isJson = response.headers.get("content-type")?.includes("json") === true && text !== "";
    return { status: response.status, text, json: isJson ? JSON.parse(text) : {} };
  }
  async function done(...asked: Parameters<typeof call>): Promise<Reply> {
    const reply = await call(...asked);
    if (reply.status >= 300) throw new Error(`${asked[0]} ${asked[1]}: ${reply.status} ${reply.text}`);
    return reply;
  }
  return { server, refusals, call, done };
}
type Scene = ReturnType<typeof scene>;

const APP = "/api/v1/app/studio";
const CODE = (secret: string): string =>
  `function handler(webhook) { const key = "${secret}"; webhook.payload.seen = key.length; return webhook; }`;

/** Every secret that a server can be given, once. */
async function plantAll({ done }: Scene): Promise<void> {
  const metadata = { note: contents.plant("metadata") };
  await done("POST", "/api/v1/app", { name: "Studio", uid: "studio", metadata });
  const endpoint = (uid: string, fields: object = {}): Promise<Reply> =>
    done("POST", `${APP}/endpoint`, {
      uid,
      url: `${receiverUrl}/${uid}?token=${contents.plant(`the URL of ${uid}`)}`,
      secret: secrets.watch(`the secret of ${uid}`, whsec()),
      headers: {
        "x-tenant": secrets.plant(`a header of ${uid}`),
        authorization: secrets.plant(
          `a header of ${uid} that is never shown`,
          (random) => `Bearer ${random}`,
        ),
      },
      ...fields,
    });
  await endpoint("ok");
  await endpoint("fail");
  await endpoint("cut");
  await endpoint("dead", { url: `http://127.0.0.1:${await freePort()}/` });
  const ok = `${APP}/endpoint/ok`;
  await done("POST", `${ok}/secret/rotate`, { key: secrets.watch("a secret after rotation", whsec()) });
  await done("POST", `${APP}/endpoint/fail/secret/rotate`, {});
  secrets.watch(
    "a secret that was made",
    (await done("GET", `${APP}/endpoint/fail/secret`)).json["key"] ?? "",
  );
  await done("PATCH", `${APP}/endpoint/fail/headers`, {
    headers: { "x-more": secrets.plant("a header added") },
  });
  await done("PATCH", `${ok}/transformation`, {
    code: CODE(secrets.plant("the code of a transformation")),
    variables: { key: secrets.plant("a variable of a transformation") },
    enabled: true,
  });
  await done("PUT", `${APP}/endpoint/dead/oauth`, {
    clientId: "shop",
    clientSecret: secrets.plant("the client secret of OAuth"),
    tokenUrl: `${receiverUrl}/token`,
    grantType: "clientCredentials",
    authMethod: "clientSecretBasic",
  });
  await plantIdentity({ done, endpoint });
  await done("POST", "/api/v1/operational-webhook/endpoint", {
    uid: "operator",
    url: `${receiverUrl}/operator`,
    eventTypes: ["message.attempt.log"],
    secret: secrets.watch("the secret of an operational endpoint", whsec()),
    headers: {
      "x-pager": secrets.plant("a header of an operational endpoint"),
      authorization: secrets.plant(
        "a header of an operational endpoint that is never shown",
        (random) => `Bearer ${random}`,
      ),
    },
  });
  const operator = "/api/v1/operational-webhook/endpoint/operator";
  const after = secrets.watch("the secret of an operational endpoint after rotation", whsec());
  await done("POST", `${operator}/secret/rotate`, { key: after });
  const { envId = "" } = (await done("GET", "/api/v1/auth/whoami")).json;
  const environments = "/api/v1/management/environment";
  const { id = "" } = (
    await done("POST", environments, { name: "Canaries", type: "development" }, operatorKey)
  ).json;
  const first = `/api/v1/management/authentication/${id}/api-token`;
  const { token = "" } = (await done("POST", first, { name: "First" }, operatorKey)).json;
  secrets.watch("the first key of another environment", token);
  const keys = `/api/v1/management/authentication/${envId}/api-token`;
  secrets.watch("an API key", (await done("POST", keys, { name: "k" })).json["token"] ?? "");
  const portal = (await done("POST", "/api/v1/auth/app-portal-access/studio", {})).json;
  secrets.watch("a portal token", portal["token"] ?? "");
  const fragment = Buffer.from(new URL(portal["url"] ?? "").hash.slice("#key=".length), "base64").toString();
  secrets.watch("a one-time token", (JSON.parse(fragment) as { oneTimeToken: string }).oneTimeToken);
  const sender = await done("POST", "/api/v1/auth/app/studio/create-message-token", { name: "s" });
  secrets.watch("a message token", sender.json["token"] ?? "");
}

/** A client certificate with its key, for a receiver that does not speak TLS, so that using it fails. */
async function plantIdentity({
  done,
  endpoint,
}: Pick<Scene, "done"> & { endpoint: (uid: string, fields: object) => Promise<Reply> }): Promise<void> {
  const { cert, key } = GOOD_CERTIFICATE;
  await endpoint("tls", { url: `${receiverUrl.replace("http:", "https:")}/tls` });
  await done("PUT", `${APP}/endpoint/tls/mtls`, { identity: `${cert}\n${key}\n` });
  const line = key.split("\n")[2] ?? "";
  secrets.watch("the private key of a client certificate", line);
  const { d = "" } = createPrivateKey(key).export({ format: "jwk" });
  secrets.watch("the number that is the private key", Buffer.from(d, "base64url").toString("hex"));
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 25));
}

/** Messages that arrive, and messages that do not. */
async function send({ done }: Scene): Promise<void> {
  const payload = { card: contents.plant("a payload") };
  await done("POST", `${APP}/msg`, { eventType: "order.completed", payload });
  await done("POST", `${APP}/msg/batch`, { messages: [{ eventType: "order.completed", payload }] });
  const endings = `${APP}/attempt/endpoint`;
  for (const uid of ["ok", "fail", "cut", "dead", "tls"]) {
    // On a busy machine a transformation may run out of its time at first: that is tried again.
    const ended = `${endings}/${uid}${uid === "ok" ? "?status=0" : ""}`;
    await until(async () => (await done("GET", ended)).json.data.length >= 2);
  }
}

/** Requests that are refused, with a secret in every place that a refusal could repeat. */
async function beRefused({ call }: Scene): Promise<void> {
  const secret = secrets.plant("what was refused");
  const url = "https://example.com/";
  const endpoint = (fields: object): Promise<Reply> => call("POST", `${APP}/endpoint`, { url, ...fields });
  const key = `phk_live_${randomBytes(16).toString("hex")}`;
  const refused = [
    call("GET", "/api/v1/app", undefined, secrets.watch("a key that nobody has", key)),
    call("GET", "/api/v1/app", undefined, secret),
    call("GET", "/api/v1/app", undefined, operatorKey),
    call("GET", "/api/v1/management/environment", undefined, `phop_${secret}`),
    endpoint({ secret: `!${secret}` }),
    endpoint({ secret: `whsec_!${secret}` }),
    endpoint({ secret: { key: secret } }),
    endpoint({ url: `https://ana:${secret}@example.com/` }),
    endpoint({ url: `http://169.254.169.254/${secret}` }),
    endpoint({ url: `ftp://example.com/?${secret}` }),
    endpoint({ url: secret }),
    endpoint({ headers: { host: secret } }),
    endpoint({ headers: { "x-a": `${secret}\r\n` } }),
    endpoint({ headers: { "x-a": [secret] } }),
    endpoint({ headers: secret }),
    call("POST", `${APP}/endpoint/ok/secret/rotate`, { key: `!${secret}` }),
    call("PATCH", `${APP}/endpoint/ok/headers`, { headers: { "content-length": secret } }),
    call("PUT", `${APP}/endpoint/tls/mtls`, { identity: `-----BEGIN PRIVATE KEY-----\n${secret}` }),
    call("PUT", `${APP}/endpoint/dead/oauth`, { clientId: "shop", clientSecret: [secret] }),
    call("POST", "/api/v1/operational-webhook/endpoint", { url, secret: `whsec_!${secret}` }),
    call("PATCH", `${APP}/endpoint/ok/transformation`, { code: [secret] }),
    call("PATCH", `${APP}/endpoint/ok/transformation`, { variables: secret }),
    call("POST", "/api/v1/auth/one-time-token", { oneTimeToken: secret }),
    call("POST", `${APP}/msg`, `{"eventType":"order.completed","payload":{"a":"${secret}"`),
    call("POST", `${APP}/msg`, `{"eventType":"order.completed","payload":"${secret}"}`),
    call("POST", `${APP}/msg`, { eventType: "order.completed" }),
    call("POST", `${APP}/msg`, { eventType: "order.completed", payload: { secret }, tags: secret }),
    call("POST", `${APP}/msg/batch`, { messages: secret }),
  ];
  for (const { status, text } of await Promise.all(refused)) {
    expect(status, text).toBeGreaterThanOrEqual(400);
    expect(status, text).toBeLessThan(500);
  }
}

/** What anyone with a key may read that is no secret's own operation. */
async function readAll({ done }: Scene): Promise<string> {
  const attempts = await done("GET", `${APP}/attempt/endpoint/ok?with_msg=true&with_content=true`);
  const attempt = attempts.json.data[0] ?? {};
  const paths = [
    `${APP}/endpoint`,
    `${APP}/endpoint/ok`,
    `${APP}/endpoint/tls/mtls`,
    `${APP}/endpoint/tls/mtls-config`,
    `${APP}/endpoint/dead/oauth-config`,
    "/api/v1/operational-webhook/endpoint",
    "/api/v1/operational-webhook/endpoint/operator",
    `${APP}/attempt/endpoint/fail`,
    `${APP}/attempt/endpoint/cut`,
    `${APP}/msg/${attempt["msgId"]}/attempt/${attempt["id"]}`,
    `${APP}/msg/${attempt["msgId"]}/attempt/${attempt["id"]}/headers`,
    "/api/v1/openapi.json",
  ];
  const replies = await Promise.all(paths.map((path) => done("GET", path)));
  return [attempts, ...replies].map(({ text }) => text).join("\n");
}

/** What a page is read for: nothing of it is a secret. */
function expectClean(text: string, place: string): void {
  expect(secrets.foundIn(text), `secrets in ${place}`).toEqual([]);
  expect(contents.foundIn(text), `contents in ${place}`).toEqual([]);
}

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = runPosthaste(args, { ...process.env, ...env });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += String(chunk)));
  const [code] = (await once(child, "close")) as [number];
  return { code, output };
}

async function live(ground: Ground, data: string): Promise<void> {
  const one = scene(ground, data);
  const { server, refusals } = one;
  await server.start();
  try {
    await plantAll(one);
    await send(one);
    await beRefused(one);
    // They were where they belong.
    const arrived = received.map(({ headers, body }) => JSON.stringify(headers) + body).join("\n");
    expect(secrets.foundIn(arrived)).toEqual(
      expect.arrayContaining([
        "a header of ok",
        "a header of ok that is never shown",
        "a header added",
        "a header of an operational endpoint that is never shown",
        "the client secret of OAuth",
      ]),
    );
    expect(arrived).toContain('"seen":');
    expect(contents.foundIn(arrived)).toContain("a payload");

    expect(secrets.foundIn(await readAll(one)), "secrets in answers").toEqual([]);
    expectClean((await one.done("GET", "/metrics")).text, "the metrics");
    expectClean(refusals.join("\n"), "refusals");
    expect(refusals.length).toBeGreaterThan(20);
    const running = await ground.dump();
    expect(await server.end(), server.output).toBe(0);
    expect(server.output).toContain("posthaste started");
    expectClean(server.output, "the output");
    for (const dump of [running, await ground.dump()]) {
      expect(secrets.foundIn(dump), "secrets in the database").toEqual([]);
    }
    expect(contents.foundIn(await ground.dump())).toEqual(
      expect.arrayContaining(["a payload", "metadata", "the URL of ok"]),
    );
  } finally {
    await server.end("SIGKILL");
  }
}

/** The database fails, in its own words, with secrets and contents under way. */
async function fail(ground: Ground, data: string): Promise<void> {
  await ground.sabotage();
  const one = scene(ground, data);
  const { server, refusals, call } = one;
  await server.start();
  try {
    const secret = secrets.watch("the secret of an endpoint that cannot be stored", whsec());
    const fields = { secret, headers: { "x-a": secrets.plant("its header") } };
    const url = `https://example.com/?token=${contents.plant("its URL")}`;
    const payload = { card: contents.plant("a payload that cannot be stored") };
    const replies = await Promise.all([
      call("POST", `${APP}/endpoint`, { url, ...fields }),
      call("POST", `${APP}/msg`, { eventType: "order.completed", payload }),
    ]);
    for (const { status, text } of replies) expect(status, text).toBeGreaterThanOrEqual(500);
    expectClean(refusals.join("\n"), "refusals");
    expectClean((await one.done("GET", "/metrics")).text, "the metrics");
    await server.end();
    // It was said, in the database's own words.
    expect(server.output).toContain("refused");
    expectClean(server.output, "the output");
  } finally {
    await server.end("SIGKILL");
  }
}

describe("on SQLite", () => {
  const data = join(folder, "data");
  const ground = onSqlite(data);

  test("secrets are nowhere but on their way, contents in the database only", () => live(ground, data));

  test("an export holds secrets sealed only", async () => {
    const { code, output } = await run(["export", "--data", data]);
    expect(code, output).toBe(0);
    expect(secrets.foundIn(output)).toEqual([]);
    expect(contents.foundIn(output)).toContain("a payload");
  });

  test("a database that fails gives nothing away", () => fail(ground, data));
});

describe.skipIf(noPostgres)("on PostgreSQL", () => {
  let ground: Ground;
  beforeAll(async () => {
    ground = await onPostgres(secrets);
  });

  test("secrets are nowhere but on their way, contents in the database only", () => live(ground, folder));

  test("a database that fails gives nothing away", () => fail(ground, folder));
});

describe("a command that ends at once", () => {
  const secret = secrets.plant("what a command was given");
  const database = `postgres://ana:${secret}@127.0.0.1:1/posthaste`;
  const ringFile = join(folder, "ring");
  writeFileSync(ringFile, `phm_${secret}\n`);

  test.each<readonly [string, readonly string[], Readonly<Record<string, string>>]>([
    ["a database that is away", ["start", "--database", database], { POSTHASTE_MASTER_KEYS: masterKey }],
    ["a database that is away, to migrate", ["migrate", "--database", database], {}],
    ["a database that is away, to import into", ["import", "--database", database, "--input", ringFile], {}],
    ["a database that is away, to rotate", ["keys", "rotate", "--database", database], {}],
    ["a URL of no database", ["start"], { POSTHASTE_DATABASE: `mysql://ana:${secret}@db/x` }],
    ["an API key of the wrong form", ["start", "--api-key", secret], {}],
    [
      "an API key of no environment",
      ["start", "--data", join(folder, "x"), "--api-key", `phk_else_${secret}`],
      {},
    ],
    ["a ring of the wrong form", ["start", "--data", join(folder, "y")], { POSTHASTE_MASTER_KEYS: secret }],
    [
      "a ring of the wrong length",
      ["start", "--data", join(folder, "z")],
      { POSTHASTE_MASTER_KEYS: `phm_${secret}` },
    ],
    [
      "a ring file of the wrong length",
      ["start", "--data", join(folder, "z"), "--master-keys-file", ringFile],
      {},
    ],
    ["master keys as a flag", ["start", "--master-keys", secret], {}],
    ["a public URL with a password", ["start", "--public-url", `https://ana:${secret}@example.com`], {}],
    ["a flag that is not there", ["start", `--token=${secret}`], {}],
    ["a command that is not there", ["keys", "show", secret], {}],
  ])("with %s: nothing of it is printed", async (_name, args, env) => {
    const { code, output } = await run(args, env);
    expect(code).not.toBe(0);
    expect(output).toMatch(/^posthaste: /);
    expectClean(output, "the output");
  });
});

test("a secret is found however it is written", () => {
  const planted = canaries();
  const secret = planted.watch("it", whsec());
  const bare = secret.slice("whsec_".length);
  for (const text of [
    `key=${secret};`,
    `"${Buffer.from(`<<${bare}>>`).toString("base64")}"`,
    Buffer.from(bare).toString("hex"),
    `\\x${Buffer.from(bare, "base64").toString("hex")}`,
    `?key=${encodeURIComponent(secret)}`,
  ]) {
    expect(planted.foundIn(text), text).toEqual(["it"]);
  }
  expect(planted.foundIn(whsec())).toEqual([]);
});

test("every field that is sealed has a canary here", () => {
  const sealed = Object.entries(classification).flatMap(([record, fields]) =>
    Object.entries(fields).flatMap(([name, kind]) =>
      typeof kind === "object" && "seal" in kind ? [`${record}.${name}`] : [],
    ),
  );
  expect(sealed.toSorted(), "plant a secret above for the new field, then name it here").toEqual([
    // Of a POST with an Idempotency-Key: here all of them.
    "ANSWER.body",
    "ENDPOINT.access",
    "ENDPOINT.headers",
    "ENDPOINT.secrets",
    "ENDPOINT.transformation",
  ]);
});
