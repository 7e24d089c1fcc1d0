import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { DAY_MS } from "../../domain/time.ts";
import { fakeRuntime } from "../../runtime/testing/fake-runtime.ts";
import { storeConformance } from "../testing/conformance.ts";
import { FIRST_PAGE, Scene } from "../testing/scene.ts";
import type { StoreHandle } from "../testing/setup.ts";
import { openConnection, pragma } from "./connection.ts";
import { DATABASE_FILE, RESERVE_FILE } from "./files.ts";
import { openSqliteStore } from "./open.ts";
import { openForTest, RESERVE_BYTES, temporaryDirectory } from "./testing/temporary-store.ts";

storeConformance("SQLite", async (): Promise<StoreHandle> => {
  const directory = await mkdtemp(join(tmpdir(), "posthaste-store-"));
  const store = await openSqliteStore({ directory, reserveBytes: RESERVE_BYTES });
  return {
    store,
    countRows: async () => countRows(join(directory, DATABASE_FILE)),
    async dispose() {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
});

/** Of every table, but for what is of no environment. */
function countRows(path: string): Record<string, number> {
  const db = openConnection({ path, readOnly: true, cacheKib: 1_024 });
  const tables = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
    .all();
  const counts = tables
    .map(({ name }) => String(name))
    .filter((name) => !["listed", "idempotency_part"].includes(name))
    .map(
      (name) => [name, Number(db.prepare(`SELECT count(*) AS rows FROM ${name}`).get()?.["rows"])] as const,
    );
  db.close();
  return Object.fromEntries(counts);
}

const CHILD = fileURLToPath(new URL("./testing/commit-until-killed.ts", import.meta.url));

// ---------------------------------------------------------------- settings and files

test("both kinds of connection are durable: WAL, and an fsync with every commit", async () => {
  const path = join(await temporaryDirectory(), "a.db");
  const writer = openConnection({ path, readOnly: false, cacheKib: 1_024 });
  const reader = openConnection({ path, readOnly: true, cacheKib: 1_024 });
  for (const db of [writer, reader]) {
    expect(pragma(db, "journal_mode")).toBe("wal");
    expect(pragma(db, "synchronous")).toBe(2);
  }
  expect(() => reader.exec("CREATE TABLE t (a)")).toThrow("readonly");
  reader.close();
  writer.close();
});

test("a database that cannot be made durable is refused", () => {
  expect(() => openConnection({ path: ":memory:", readOnly: false, cacheKib: 1_024 })).toThrow(
    "SQLite refused journal_mode = wal",
  );
});

test("only the owner can read the directory", async () => {
  const directory = join(await temporaryDirectory(), "deep", "data");
  await openForTest(directory);
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
});

test("a directory that is in use is refused, in this process and in another", async () => {
  const directory = await temporaryDirectory();
  const store = await openForTest(directory);
  await expect(openSqliteStore({ directory })).rejects.toThrow(
    "Another process is using this data directory",
  );
  const child = spawn(process.execPath, [CHILD, directory], { stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = await once(child, "close");
  expect(code).toBe(1);
  expect(output).toContain("Another process is using this data directory");
  await store.close();
  await openForTest(directory);
});

test("a schema newer than the program is refused, and so is a database of another program", async () => {
  const directory = await temporaryDirectory();
  await (await openForTest(directory)).close();
  const path = join(directory, DATABASE_FILE);
  const change = (sql: string): void => {
    const db = new DatabaseSync(path);
    db.exec(sql);
    db.close();
  };
  change("PRAGMA user_version = 9999");
  await expect(openForTest(directory)).rejects.toThrow(
    "The database has schema 9999, this program knows up to",
  );
  change("PRAGMA user_version = 1; PRAGMA application_id = 1");
  await expect(openForTest(directory)).rejects.toThrow("another program");
});

test("a file that is no database is refused", async () => {
  const directory = await temporaryDirectory();
  await writeFile(join(directory, DATABASE_FILE), "x".repeat(5_000));
  await expect(openForTest(directory)).rejects.toThrow("not a database");
});

// ---------------------------------------------------------------- restarts

test("everything survives a restart", async () => {
  const directory = await temporaryDirectory();
  const first = await openForTest(directory);
  const scene = await Scene.make(first, fakeRuntime());
  const idempotency = scene.claim("k");
  const waiting = await scene.accept({ idempotency, channels: ["c"] });
  const [delivered, attempt] = await scene.deliver();
  const answer = scene.answer("app");
  await first.applications.insert(scene.newApplication(), { idempotency: answer });
  await first.close();

  const store = await openForTest(directory);
  const { id: appId } = scene.app;
  expect(await store.environments.list()).toEqual([scene.environment]);
  expect(await store.applications.findById(appId)).toEqual(scene.app);
  expect(await store.endpoints.listAll(appId)).toEqual([scene.endpoint]);
  const messages = await store.history.listMessages({ appId, page: FIRST_PAGE, withPayload: true });
  expect(messages).toEqual([waiting, delivered]);
  const query = { appId, endpointId: scene.endpoint.id, page: FIRST_PAGE };
  const attempts = await store.history.listAttempts({ ...query, withBody: true, withMessage: false });
  expect(attempts).toEqual([{ attempt, message: null }]);
  expect(await store.stats()).toMatchObject({ dueDeliveries: 1 });
  expect(await store.environments.findAnswer({ ...answer, now: scene.now })).toEqual(answer);
  const again = scene.accepted({ idempotency });
  const { accepted } = await store.deliveries.commit({ accepted: [again], settled: [] });
  expect(accepted).toEqual([{ kind: "replayed", message: waiting }]);
});

test("kill -9 at any moment loses nothing that was acknowledged", async () => {
  const directory = await temporaryDirectory();
  for (const [round, lines] of [300, 900, 2_000].entries()) {
    const said = await killAfter({ directory, seed: round + 1, lines });
    const [, appId = "", endpointId = ""] = said.find((line) => line.startsWith("scene"))?.split(" ") ?? [];
    const accepted = said.filter((line) => line.startsWith("accepted ")).map((line) => line.split(" ")[1]!);
    const settled = said
      .filter((line) => line.startsWith("settled "))
      .map((line) => line.split(" ").slice(1));
    expect(accepted.length).toBeGreaterThan(100);

    const store = await openForTest(directory);
    const attemptOf = new Map(settled.map(([messageId, attemptId]) => [messageId, attemptId]));
    for (const messageId of accepted) {
      expect(await store.history.findMessage({ appId, ref: messageId })).not.toBeNull();
      const [due] = await store.deliveries.listDue({ appId, messageId });
      const attemptId = attemptOf.get(messageId);
      if (attemptId === undefined) {
        // Settled without having been told is possible; neither owed nor settled is not.
        const query = { appId, messageId, page: FIRST_PAGE, withBody: false, withMessage: false };
        expect(due ?? (await store.history.listAttempts(query))[0]).toBeDefined();
      } else {
        expect(due).toBeUndefined();
        expect(await store.history.findAttempt({ appId, messageId, attemptId })).toMatchObject({
          endpointId,
        });
      }
    }
    const listed = new Set<string>();
    for (let after: string | null = null; ;) {
      const page = { limit: 250, after, order: "ascending" } as const;
      const messages = await store.history.listMessages({ appId, page, withPayload: false });
      for (const { id } of messages) listed.add(id);
      after = messages.at(-1)?.id ?? null;
      if (after === null) break;
    }
    expect(accepted.filter((id) => !listed.has(id))).toEqual([]);
    await store.close();
  }
});

/** What the process said until it was killed. */
async function killAfter(options: { directory: string; seed: number; lines: number }): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, options.directory, String(options.seed)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line);
    if (said.length === options.lines) child.kill("SIGKILL");
  }
  return said;
}

// ---------------------------------------------------------------- failures

test("a write that fails for good is reported, and nothing is acknowledged any more", async () => {
  const directory = await temporaryDirectory();
  // Writing beyond the limit of a file's size fails like a broken disk (and not like a full one).
  const limited = `trap '' XFSZ; ulimit -f 4096; exec "$0" "$@"`;
  const child = spawn("sh", ["-c", limited, process.execPath, CHILD, directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) said.push(line);
  if (child.exitCode === null) await once(child, "exit");
  const fatal = said.findIndex((line) => line.startsWith("fatal"));
  expect(said[fatal]).toContain("disk I/O error");
  const later = said.slice(fatal).filter((line) => line.startsWith("accepted"));
  expect(later).toEqual([]);
  expect(said.some((line) => line.startsWith("refused") && line.includes("disk I/O error"))).toBe(true);
  expect(child.exitCode).toBe(70);

  const appId = said.find((line) => line.startsWith("scene"))?.split(" ")[1] ?? "";
  const store = await openForTest(directory);
  for (const line of said.filter((text) => text.startsWith("accepted "))) {
    expect(await store.history.findMessage({ appId, ref: line.split(" ")[1]! })).not.toBeNull();
  }
});

test("an operation that cannot be written leaves those of its commit alone", async () => {
  const problems: Error[] = [];
  const store = await openForTest(await temporaryDirectory(), { onProblem: (error) => problems.push(error) });
  const scene = await Scene.make(store, fakeRuntime());
  const leased = [];
  for (let count = 0; count < 4; count++) leased.push(scene.delivery(await scene.accept({ leased: true })));
  const accepted = Array.from({ length: 5 }, () => scene.accepted());
  accepted[3] = scene.accepted({ createdAt: 0.5 });
  const settled = leased.map((delivery) => scene.settled(delivery));
  settled[1] = scene.settled(leased[1]!, { attempt: scene.newAttempt(leased[1]!, { durationMs: 0.5 }) });
  const result = await store.deliveries.commit({ accepted, settled });
  expect(result.accepted.map(({ kind }) => kind)).toEqual([
    "accepted",
    "accepted",
    "accepted",
    "unavailable",
    "accepted",
  ]);
  expect(result.settled).toEqual([true, false, true, true]);
  expect(problems).toHaveLength(2);
});

const PAYLOAD = `"${"x".repeat(20_000)}"`;

test("a full disk refuses new messages, still records what was sent, and recovers", async () => {
  const directory = await temporaryDirectory();
  const reserve = join(directory, RESERVE_FILE);
  const store = await openForTest(directory, { databaseBytesMax: 2_000_000, reserveBytes: 400_000 });
  const scene = await Scene.make(store, fakeRuntime());
  const leased = [];
  for (let count = 0; count < 20; count++) leased.push(await scene.accept({ leased: true }));
  expect((await stat(reserve)).size).toBe(400_000);

  // Every batch settles one: also in the batch that finds the disk full.
  const kinds: string[] = [];
  while (kinds.at(-1) !== "unavailable") {
    const delivery = scene.delivery(leased.shift() ?? (await scene.accept({ leased: true })));
    const { accepted, settled } = await store.deliveries.commit({
      accepted: [1, 2, 3, 4, 5].map(() => scene.accepted({ payload: PAYLOAD })),
      settled: [scene.settled(delivery)],
    });
    expect(settled).toEqual([true]);
    expect(new Set(accepted.map(({ kind }) => kind)).size).toBe(1);
    kinds.push(accepted[0]!.kind);
  }
  expect(kinds.length).toBeGreaterThan(5);
  await expect(stat(reserve)).rejects.toThrow("ENOENT");
  expect(await store.health()).toEqual({ ok: false, reason: expect.stringContaining("full") });
  expect(await scene.acceptAll([scene.accepted()])).toEqual([{ kind: "unavailable" }]);
  const rest = leased.splice(0).map((message) => scene.settled(scene.delivery(message)));
  expect(await scene.settle(...rest)).toEqual(rest.map(() => true));

  // Space comes back: retention.
  const claimed = await scene.claimDue();
  await scene.settle(...claimed.map(({ delivery }) => scene.settled(delivery)));
  await scene.runtime.advance(2 * DAY_MS);
  const request = { environmentId: scene.environment.id, before: scene.now, now: scene.now, limit: 100 };
  while ((await store.history.prune(request)) > 0);
  expect(await store.health()).toEqual({ ok: true });
  expect((await stat(reserve)).size).toBe(400_000);
  expect(await scene.acceptAll([scene.accepted({ payload: PAYLOAD })])).toEqual([{ kind: "accepted" }]);
});

test("a store that is opened without room for its reserve says so and refuses messages", async () => {
  const directory = await temporaryDirectory();
  const store = await openForTest(directory, { databaseBytesMax: 300_000, reserveBytes: 200_000 });
  const scene = await Scene.make(store, fakeRuntime());
  expect(await store.health()).toMatchObject({ ok: false });
  expect(await scene.acceptAll([scene.accepted()])).toEqual([{ kind: "unavailable" }]);
});

// ---------------------------------------------------------------- upkeep

test("a quiet moment folds the write-ahead log into the database", async () => {
  const store = await openForTest(await temporaryDirectory());
  const scene = await Scene.make(store, fakeRuntime());
  await scene.deliver();
  expect((await store.stats()).walBytes).toBeGreaterThan(0);
  // The first call sees the writes, the second that there were none since.
  await store.health();
  await store.health();
  expect((await store.stats()).walBytes).toBe(0);
  const { id: appId } = scene.app;
  expect(await store.history.listMessages({ appId, page: FIRST_PAGE, withPayload: false })).toHaveLength(1);
});
