import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { Endpoint } from "../packages/core/src/domain/endpoint.ts";
import { fakeRuntime } from "../packages/core/src/runtime/testing/fake-runtime.ts";
import type { Store } from "../packages/core/src/storage/port.ts";
import {
  makeDatabase,
  noPostgres,
  openStore,
} from "../packages/core/src/storage/postgres/testing/test-database.ts";
import { keepingDeadRows, runSql } from "../packages/core/src/storage/postgres/testing/run-sql.ts";
import { KeyRing } from "../packages/core/src/storage/sealed/key-ring.ts";
import { openSealed } from "../packages/core/src/storage/sealed/open.ts";
import { openSqliteStore } from "../packages/core/src/storage/sqlite/open.ts";
import { Scene } from "../packages/core/src/storage/testing/scene.ts";
import { runPosthaste, ServerProcess } from "./testing/server-process.ts";

/** What a start says before it rewrites the database, and after. */
const BEGUN = "the database is rewritten once";
const DONE = "nothing in its files is from before encryption";

const CANARIES = {
  secret: "whsec_Y2FuYXJ5c2VjcmV0Y2FuYXJ5",
  "secret of before": "whsec_Y2FuYXJ5YmVmb3JlY2FuYXJ5",
  header: "canary-header",
  "header of before": "canary-former-header",
  code: "canary-code",
  variable: "canary-variable",
  certificate: "canary-certificate",
  "secret of a deleted endpoint": "whsec_Y2FuYXJ5ZGVsZXRlZGNhbmFyeQ",
  "code of a deleted endpoint": "canary-deleted-code",
  "remembered answer": "canary-answer",
};
const NAMES = Object.keys(CANARIES);

/** Endpoints whose values were overwritten; and of a message, so that rewriting a database takes a while. */
const FORMER_ENDPOINTS = 40;
const PAYLOAD_BYTES = 500_000;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "posthaste-sealing-"));
  cleanUps.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function serverOn(flags: readonly string[], data: string): ServerProcess {
  const server = new ServerProcess(flags, { data, readyTimeoutMs: 60_000 });
  cleanUps.push(() => server.remove());
  return server;
}

/** What a store has that never had keys; returns what its endpoints have to be afterwards. */
async function fill(store: Store, { messages = 0 } = {}): Promise<Endpoint[]> {
  const scene = await Scene.make(store, fakeRuntime());
  const transformation = (code: string) => ({
    enabled: true,
    updatedAt: scene.now,
    code: `// ${code}`,
    variables: { key: CANARIES.variable },
  });
  const secretive = {
    secrets: [{ key: CANARIES["secret of before"], expiresAt: null }],
    // Long enough that they lie in pages of their own, which are free when they are gone; nothing to compress.
    headers: { "x-any": CANARIES["header of before"] + randomBytes(15_000).toString("base64") },
  };
  for (let count = 0; count < FORMER_ENDPOINTS; count++) {
    const endpoint = await scene.addEndpoint(secretive);
    await store.endpoints.update({ ...endpoint, secrets: [], headers: {} }, {});
  }
  const deleted = await scene.addEndpoint({
    secrets: [{ key: CANARIES["secret of a deleted endpoint"], expiresAt: null }],
    transformation: transformation(CANARIES["code of a deleted endpoint"]),
  });
  await store.endpoints.delete({ appId: deleted.appId, id: deleted.id });
  const endpoint = await scene.addEndpoint(secretive);
  const changed = {
    ...endpoint,
    secrets: [{ key: CANARIES.secret, expiresAt: null }],
    headers: { "x-any": CANARIES.header },
    transformation: transformation(CANARIES.code),
    access: { oauth: null, identity: CANARIES.certificate, serverCa: null },
  };
  const answer = {
    ...scene.answer("create"),
    body: JSON.stringify({ token: CANARIES["remembered answer"] }),
  };
  await store.endpoints.update(changed, { idempotency: answer });
  const payload = JSON.stringify("x".repeat(PAYLOAD_BYTES));
  // Owed to nobody: what a server that was started sends of them would change the endpoints that are compared.
  await scene.acceptAll(
    Array.from({ length: messages }, () => ({ ...scene.accepted({ payload }), deliveries: [] })),
  );
  return store.endpoints.listAll(scene.app.id);
}

const namesIn = (bytes: Buffer): string[] =>
  NAMES.filter((_, at) => bytes.includes(Object.values(CANARIES)[at]!));

/** Which canaries lie in the files of a folder, and where. */
function look(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap(({ parentPath, name }) =>
      namesIn(readFileSync(join(parentPath, name))).map((canary) => `${canary} in ${name}`),
    )
    .toSorted();
}

const namesOf = (found: readonly string[]): string[] =>
  NAMES.filter((name) => found.some((each) => each.startsWith(`${name} in `)));

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function run(args: readonly string[]) {
  const child = runPosthaste(args);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += String(chunk)));
  const [code] = (await once(child, "close")) as [number];
  return { code, output };
}

async function readSealed(plain: Store, { ring, appId }: { ring: string; appId: string }) {
  const store = await openSealed(plain, { ring: KeyRing.parse(ring), runtime: fakeRuntime() });
  try {
    return await store.endpoints.listAll(appId);
  } finally {
    await store.close();
  }
}

/** A folder as a crash leaves it: a good part of it is in the write-ahead log. */
async function makeFolder(
  contents: { messages?: number } = {},
): Promise<{ data: string; endpoints: Endpoint[] }> {
  const parent = folder();
  const before = join(parent, "before");
  const data = join(parent, "data");
  const store = await openSqliteStore({ directory: before });
  const endpoints = await fill(store, contents);
  cpSync(before, data, { recursive: true });
  await store.close();
  return { data, endpoints };
}

const sealedEndpoints = async (data: string, appId: string): Promise<Endpoint[]> =>
  readSealed(await openSqliteStore({ directory: data }), {
    ring: readFileSync(join(data, "master-keys"), "utf8"),
    appId,
  });

describe("on SQLite", () => {
  test("after the first start with encryption no file has a secret that it had before", async () => {
    const { data, endpoints } = await makeFolder();
    expect(namesOf(look(data))).toEqual(NAMES);
    expect(look(data)).toEqual(expect.arrayContaining(["secret in posthaste.db-wal"]));
    expect(await run(["export", "--data", data])).toMatchObject({
      code: 1,
      output: expect.stringContaining("are not encrypted yet: start the server on it once"),
    });

    const server = serverOn([], data);
    await server.start();
    expect(look(data), "while it serves").toEqual([]);
    expect(readdirSync(data)).toContain("posthaste.reserve");
    expect(server.output).toContain(BEGUN);
    expect(server.output).toContain(DONE);
    expect(server.output.indexOf(DONE)).toBeLessThan(server.output.indexOf("posthaste started"));
    await server.end("SIGKILL");
    expect(look(data), "after a crash").toEqual([]);

    await server.start();
    expect(server.output).not.toContain(BEGUN);
    await server.end();
    expect(look(data), "after a stop").toEqual([]);
    const file = join(data, "export.jsonl");
    expect(await run(["export", "--data", data, "--output", file])).toMatchObject({ code: 0 });
    expect(look(data), "after an export").toEqual([]);
    expect(await sealedEndpoints(data, endpoints[0]!.appId)).toEqual(endpoints);
  }, 120_000);

  test("a start that is killed at any moment leaves the rest to the next one", async () => {
    const { data, endpoints } = await makeFolder({ messages: 100 });
    const server = serverOn([], data);
    let midst = 0;
    for (let kill = 0; kill < 5; kill++) {
      await server.launch();
      while (server.running && !server.output.includes(BEGUN)) await pause(1);
      await pause(kill * 15);
      await server.end("SIGKILL");
      if (server.output.includes(DONE)) break;
      // Gone already, and only the mark was left: the next start does it all the same.
      if (look(data).length > 0) midst++;
    }
    expect(midst, "kills between sealing and the end of the rewriting").toBeGreaterThanOrEqual(2);
    await server.start();
    await server.end("SIGKILL");
    expect(look(data)).toEqual([]);
    expect(await sealedEndpoints(data, endpoints[0]!.appId)).toEqual(endpoints);
    await server.start();
    expect(server.output).not.toContain(BEGUN);
  }, 120_000);
});

/** Of the files of the table of endpoints, once everything in memory was written to them. */
async function lookAt(url: string): Promise<string[]> {
  await runSql(url, "CHECKPOINT");
  const files = await runSql<{ path: string }>(
    url,
    `SELECT current_setting('data_directory') || '/' || pg_relation_filepath(part) AS path
     FROM pg_class, unnest(ARRAY[oid, reltoastrelid]) AS part WHERE relname = 'endpoint'`,
  );
  const bytes = Buffer.concat(files.map(({ path }) => readFileSync(path)));
  return namesIn(bytes);
}

/** Of what PostgreSQL keeps of the values of a column, to plan with. */
async function lookAtStatistics(url: string): Promise<string[]> {
  const kept = await runSql(
    url,
    "SELECT most_common_vals::text, histogram_bounds::text FROM pg_stats WHERE tablename IN ('endpoint', 'idempotency')",
  );
  return namesIn(Buffer.from(JSON.stringify(kept)));
}

describe.skipIf(noPostgres)("on PostgreSQL", () => {
  test("after the first start with encryption the table of endpoints has no secret that it had before", async () => {
    const url = await makeDatabase();
    const server = serverOn(["--database", url], folder());
    // What a row was before its last change PostgreSQL would clear away whenever it likes; and no start may need that.
    const endpoints = await keepingDeadRows(url, async () => {
      const store = await openStore(url);
      const filled = await fill(store);
      await store.close();
      await runSql(url, "ANALYZE endpoint, idempotency");
      expect(await lookAt(url)).toEqual(NAMES.filter((name) => name !== "remembered answer"));
      expect(await lookAtStatistics(url)).toEqual(expect.arrayContaining(["secret", "code"]));
      await server.start();
      expect(server.output).toContain(BEGUN);
      expect(server.output).toContain(DONE);
      expect(await lookAt(url)).toEqual([]);
      expect(await lookAtStatistics(url)).toEqual([]);
      return filled;
    });
    const answers = await runSql(url, "SELECT 1 FROM idempotency WHERE body <> ''");
    expect(answers).toEqual([]);
    await server.end();
    await server.start();
    expect(server.output).not.toContain(BEGUN);
    const ring = `phm_${"e2e0".repeat(10)}aaE`;
    expect(await readSealed(await openStore(url), { ring, appId: endpoints[0]!.appId })).toEqual(endpoints);
  });
});
