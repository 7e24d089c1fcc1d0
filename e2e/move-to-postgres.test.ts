import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { makeDatabase, noPostgres } from "../packages/core/src/storage/postgres/testing/test-database.ts";
import { freePort, runPosthaste } from "./testing/server-process.ts";

const KEY = "phk_live_0123456789abcdefghij0123456789ab";
const READY_POLL_MS = 25;

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "posthaste-move-"));
  cleanups.push(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** Runs a command to its end. */
async function run(...args: string[]): Promise<{ code: number; output: string }> {
  const child = runPosthaste(args);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += String(chunk)));
  const [code] = await once(child, "close");
  return { code, output };
}

/** Starts a server somewhere and waits until it accepts events. */
async function serve(...where: string[]) {
  const port = await freePort();
  const child = runPosthaste([
    "start",
    "--port",
    `${port}`,
    "--dev",
    "--log-level",
    "warn",
    "--api-key",
    KEY,
    ...where,
  ]);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += String(chunk)));
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
  };
  cleanups.push(stop);
  const api = `http://127.0.0.1:${port}/api/v1`;
  while (!(await fetch(`${api}/health`).catch(() => null))?.ok) {
    if (child.exitCode !== null) throw new Error(output);
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
  const call = async (method: string, path: string, body?: unknown, key?: string): Promise<unknown> => {
    const response = await fetch(api + path, {
      method,
      headers: {
        authorization: `Bearer ${KEY}`,
        "content-type": "application/json",
        ...(key === undefined ? {} : { "idempotency-key": key }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? null : JSON.parse(text);
  };
  return { call, stop };
}

/** A receiver whose answers can be changed, and what came to it. */
async function receiver() {
  const state = { status: 200, ids: [] as string[], url: "" };
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      state.ids.push(String(request.headers["webhook-id"]));
      response.writeHead(state.status).end("öß\u0001");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    server.close().closeAllConnections();
  });
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  return state;
}

const MESSAGE = { eventType: "order.completed", channels: ["a"], tags: ["t"], payload: { big: "\u0000é😀" } };

describe.skipIf(noPostgres)("from a data folder into PostgreSQL", () => {
  test("everything moves: records, history, secrets, keys, and what is still owed is delivered from there", async () => {
    const data = join(folder(), "data");
    const file = join(folder(), "posthaste.jsonl");
    const healthy = await receiver();
    const broken = await receiver();
    broken.status = 500;
    const before = await serve("--data", data);
    await before.call("POST", "/app", { name: "Yoga with Ana", uid: "ana", metadata: { a: "b" } }, "app-key");
    await before.call("POST", "/app/ana/endpoint", { url: healthy.url, uid: "healthy", channels: ["a"] });
    await before.call("POST", "/app/ana/endpoint", { url: broken.url, uid: "broken", retrySchedule: [600] });
    const sent: unknown[] = [];
    for (let count = 0; count < 5; count++) {
      sent.push(
        await before.call("POST", "/app/ana/msg", { ...MESSAGE, eventId: `evt-${count}` }, `key-${count}`),
      );
    }
    while (healthy.ids.length < 5 || broken.ids.length < 5)
      await new Promise((resolve) => setTimeout(resolve, 10));
    await before.stop();
    const database = await makeDatabase({ empty: true });

    const exported = await run("export", "--data", data, "--output", file);
    expect(exported).toMatchObject({ code: 0, output: expect.stringContaining("It holds payloads") });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const imported = await run("import", "--database", database, "--input", file);
    expect(imported.output).toMatch(/message\s+5\n[^]*attempt\s+10\n[^]*due\s+5\n/);
    expect(imported.code).toBe(0);

    // The broken receiver is well again: what it is owed has to come without a new event.
    broken.status = 200;
    broken.ids.length = 0;
    // Secrets moved as they lie there: encrypted.
    await expect(serve("--database", database)).rejects.toThrow("is not in the ring");
    expect(readFileSync(file, "utf8")).not.toContain("whsec_");
    const after = await serve("--database", database, "--master-keys-file", join(data, "master-keys"));
    const shown = [
      "/app",
      "/app/ana/endpoint",
      "/app/ana/endpoint/healthy/secret",
      "/app/ana/msg?tag=t",
      "/app/ana/attempt/endpoint/healthy",
      "/event-type",
    ];
    const again = await serve("--data", data);
    for (const path of shown)
      expect(await after.call("GET", path), path).toEqual(await again.call("GET", path));
    await again.stop();
    // Keys of the last 24 hours still answer as they did, and event ids are still taken.
    expect(await after.call("POST", "/app/ana/msg", { ...MESSAGE, eventId: "evt-0" }, "key-0")).toEqual(
      sent[0],
    );
    await expect(after.call("POST", "/app/ana/msg", { ...MESSAGE, eventId: "evt-0" })).rejects.toThrow("409");
    const recreated = await after.call(
      "POST",
      "/app",
      { name: "Yoga with Ana", uid: "ana", metadata: { a: "b" } },
      "app-key",
    );
    expect(recreated).toMatchObject({ uid: "ana" });
    for (const { id } of sent as { id: string }[]) {
      await after.call("POST", `/app/ana/msg/${id}/endpoint/broken/resend`);
    }
    while (new Set(broken.ids).size < 5) await new Promise((resolve) => setTimeout(resolve, 10));
  });

  test("a file that was cut short leaves the database empty, and the whole one goes in afterwards", async () => {
    const data = join(folder(), "data");
    const file = join(folder(), "posthaste.jsonl");
    const server = await serve("--data", data);
    await server.call("POST", "/app", { name: "Yoga with Ana", uid: "ana" });
    await server.call("POST", "/app/ana/msg", MESSAGE);
    await server.stop();
    await run("export", "--data", data, "--output", file);
    const whole = readFileSync(file, "utf8");
    const cut = `${file}.cut`;
    writeFileSync(cut, whole.slice(0, whole.lastIndexOf('{"rows"')));
    const database = await makeDatabase({ empty: true });
    expect(await run("import", "--database", database, "--input", cut)).toMatchObject({
      code: 1,
      output: expect.stringContaining("The file ends too early"),
    });
    expect(await run("import", "--database", database, "--input", file)).toMatchObject({ code: 0 });
    expect(await run("import", "--database", database, "--input", file)).toMatchObject({
      code: 1,
      output: expect.stringContaining("in use already"),
    });
  });

  test("what cannot be exported or imported is one clear line and a non-zero exit", async () => {
    const empty = folder();
    expect(await run("export", "--data", empty)).toMatchObject({
      code: 1,
      output: expect.stringContaining("holds no Posthaste database"),
    });
    expect(await run("import", "--database", "mysql://x/y")).toMatchObject({
      code: 64,
      output: expect.stringContaining("not a PostgreSQL URL"),
    });
    const data = join(folder(), "data");
    const server = await serve("--data", data);
    expect(await run("export", "--data", data)).toMatchObject({
      code: 1,
      output: expect.stringContaining("Stop it first"),
    });
    await server.stop();
    const file = join(empty, "taken");
    writeFileSync(file, "not an export\n");
    expect(await run("export", "--data", data, "--output", file)).toMatchObject({
      code: 1,
      output: expect.stringContaining("exist"),
    });
    const database = await makeDatabase({ empty: true });
    expect(await run("import", "--database", database, "--input", file)).toMatchObject({
      code: 1,
      output: expect.stringContaining("not a file of posthaste export"),
    });
  });
});
