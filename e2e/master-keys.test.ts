import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeDatabase, noPostgres } from "../packages/core/src/storage/postgres/testing/test-database.ts";
import { afterEach, describe, expect, test } from "vitest";
import { runPosthaste, ServerProcess } from "./testing/server-process.ts";

const servers: ServerProcess[] = [];
const folders: string[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.remove();
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});

function serverOn(flags: readonly string[], options: ConstructorParameters<typeof ServerProcess>[1] = {}) {
  const server = new ServerProcess(flags, options);
  servers.push(server);
  return server;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "posthaste-keys-"));
  folders.push(path);
  return path;
}

async function call<Answer>(
  server: ServerProcess,
  method: string,
  path: string,
  body?: object,
): Promise<Answer> {
  const response = await fetch(`${server.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${server.key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === "" ? (undefined as Answer) : (JSON.parse(text) as Answer);
}

/** An endpoint, and its secret as the API shows it. */
async function makeEndpoint(server: ServerProcess): Promise<{ path: string; secret: string }> {
  await call(server, "POST", "/app", { name: "Yoga with Ana", uid: "ana" });
  const url = "https://example.com/";
  const { id } = await call<{ id: string }>(server, "POST", "/app/ana/endpoint", { url });
  const path = `/app/ana/endpoint/${id}/secret`;
  const { key } = await call<{ key: string }>(server, "GET", path);
  return { path, secret: key };
}

const secretAt = async (server: ServerProcess, path: string): Promise<string> =>
  (await call<{ key: string }>(server, "GET", path)).key;

async function run(args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
  const child = runPosthaste(args, env);
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise((resolve) => child.once("close", resolve));
  return { code, output };
}

/** The bytes of every file of a folder but the ring's. */
const contents = (path: string): string[] =>
  readdirSync(path)
    .filter((name) => /^posthaste\.db(-wal)?$/.test(name))
    .map((name) => `${name} ${readFileSync(join(path, name)).toString("latin1")}`);

test("SQLite: the first start makes a ring, says so, and no start goes on without it", async () => {
  const data = join(folder(), "data");
  const server = serverOn([], { data });
  const ring = join(data, "master-keys");
  await server.start();
  expect(server.output).toContain(`${ring}: keep a copy of that file elsewhere`);
  expect(statSync(ring).mode & 0o777).toBe(0o600);
  const { path, secret } = await makeEndpoint(server);
  await server.end();
  await server.start();
  expect(server.output).not.toContain("keep a copy");
  expect(await secretAt(server, path)).toBe(secret);
  await server.end();
  const before = contents(data);
  expect(before.join("")).not.toContain(secret);

  renameSync(ring, `${ring}.away`);
  await server.launch();
  expect(await server.ended()).toBe(64);
  expect(server.output.trim().split("\n")).toHaveLength(1);
  expect(server.output).toContain(`put back ${ring} from its copy`);
  expect(contents(data)).toEqual(before);

  const other = (await run(["keys", "new"])).output.trim();
  const wrong = serverOn([], { data, env: { POSTHASTE_MASTER_KEYS: other } });
  await wrong.launch();
  expect(await wrong.ended()).toBe(1);
  expect(wrong.output.trim().split("\n")).toHaveLength(1);
  expect(wrong.output).toContain("is not in the ring");
  expect(contents(data)).toEqual(before);

  renameSync(`${ring}.away`, ring);
  await server.start();
  expect(await secretAt(server, path)).toBe(secret);
});

test("SQLite: keys rotate puts a new key in front, and the old one can go", async () => {
  const data = join(folder(), "data");
  const server = serverOn([], { data });
  await server.start();
  const { path, secret } = await makeEndpoint(server);
  expect(await run(["keys", "rotate", "--data", data])).toMatchObject({
    code: 1,
    output: expect.stringContaining("Stop it first"),
  });
  await server.end();
  const rotated = await run(["keys", "rotate", "--data", data]);
  expect(rotated).toMatchObject({
    code: 0,
    output: expect.stringContaining("2 data keys are now encrypted"),
  });
  const ring = join(data, "master-keys");
  expect(statSync(ring).mode & 0o777).toBe(0o600);
  const keys = readFileSync(ring, "utf8").match(/^phm_\S+/gm) ?? [];
  expect(keys).toHaveLength(2);
  const alone = serverOn([], { data, key: server.key, env: { POSTHASTE_MASTER_KEYS: keys[0]! } });
  await alone.start();
  expect(await secretAt(alone, path)).toBe(secret);
});

describe.skipIf(noPostgres)("on PostgreSQL", () => {
  test("a node needs the ring, and a new master key takes over while nodes run", async () => {
    const database = await makeDatabase({ empty: true });
    const flags = ["--database", database];
    const bare = serverOn(flags, { env: { POSTHASTE_MASTER_KEYS: "" } });
    await bare.launch();
    expect(await bare.ended()).toBe(64);
    expect(bare.output).toContain("Every node of a shared database needs the same master keys");

    const [old, fresh] = [
      (await run(["keys", "new"])).output.trim(),
      (await run(["keys", "new"])).output.trim(),
    ];
    const on = (ring: string) => serverOn(flags, { key: bare.key, env: { POSTHASTE_MASTER_KEYS: ring } });
    const first = on(`${old},${fresh}`);
    await first.start();
    const { path, secret } = await makeEndpoint(first);
    const second = on(`${fresh},${old}`);
    await second.start();
    const env = { ...process.env, POSTHASTE_MASTER_KEYS: `${fresh},${old}` };
    const rotate = ["keys", "rotate", "--database", database];
    expect(await run(rotate, env)).toMatchObject({ code: 0, output: expect.stringContaining("2 data keys") });
    expect(await run(rotate, env)).toMatchObject({ code: 0, output: expect.stringContaining("already") });
    for (const node of [first, second, on(fresh)]) {
      if (!node.running) await node.start();
      expect(await secretAt(node, path)).toBe(secret);
    }
    const late = on(old);
    await late.launch();
    expect(await late.ended()).toBe(1);
    expect(late.output).toContain("is not in the ring");
  });
});
