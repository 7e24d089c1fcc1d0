import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openConnection } from "../connection.ts";
import { DATABASE_FILE } from "../files.ts";
import { migrate } from "../migrate.ts";
import { temporaryDirectory } from "../testing/temporary-store.ts";
import { eraseTraces } from "./erase-traces.ts";
import { WriterDatabase } from "./writer-database.ts";

const CANARY = "canary-that-was-overwritten";
const PLENTY = 2 ** 40;

/** A database with a value that was overwritten, and a row that was deleted: both still lie in its files. */
async function makeDatabase() {
  const directory = await temporaryDirectory();
  const files = { database: join(directory, DATABASE_FILE), reserveBytes: 65_536 };
  const db = openConnection({ path: files.database, readOnly: false, cacheKib: 1_024 });
  migrate(db);
  db.exec("CREATE TABLE t (a TEXT)");
  const insert = db.prepare("INSERT INTO t VALUES (?)");
  db.exec("BEGIN");
  for (let row = 0; row < 2_000; row++) insert.run(`${CANARY}-${row}`.repeat(10));
  db.exec("COMMIT");
  db.exec("DELETE FROM t WHERE rowid % 3 = 0");
  db.exec("UPDATE t SET a = 'nothing'");
  return { directory, files, db, database: new WriterDatabase(db) };
}

const filesWithCanary = (directory: string): string[] =>
  readdirSync(directory).filter((name) => readFileSync(join(directory, name)).includes(CANARY));

test("what was overwritten and deleted is in no file any more, and the connection goes on", async () => {
  const { directory, files, db, database } = await makeDatabase();
  database.foldLog();
  expect(filesWithCanary(directory)).toEqual([DATABASE_FILE]);
  db.exec("UPDATE t SET a = a WHERE rowid < 10");
  expect(eraseTraces(database, files, () => PLENTY)).toEqual({ kind: "erased" });
  expect(filesWithCanary(directory)).toEqual([]);
  expect(readdirSync(directory).toSorted()).toEqual(
    [DATABASE_FILE, `${DATABASE_FILE}-shm`, `${DATABASE_FILE}-wal`].toSorted(),
  );
  expect(database.query<[number]>("SELECT count(*) FROM t").get()).toEqual([1_334]);
  expect(db.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
  db.close();
});

test("without enough disk nothing is begun, and the reason says how much it takes", async () => {
  const { directory, files, db, database } = await makeDatabase();
  const asked: string[] = [];
  const erasure = eraseTraces(database, files, (folder) => {
    asked.push(folder);
    return 1_048_576;
  });
  expect(erasure).toMatchObject({
    kind: "postponed",
    reason: expect.stringMatching(
      /^Rewriting the database takes \d+ MiB of free disk space for a moment; there are 1 MiB in /,
    ),
  });
  expect(asked).toEqual([directory]);
  expect(filesWithCanary(directory)).not.toEqual([]);
  expect(eraseTraces(database, files, () => PLENTY)).toEqual({ kind: "erased" });
  db.close();
});

test("while another program reads, it is postponed", async () => {
  const { files, db, database } = await makeDatabase();
  const reader = openConnection({ path: files.database, readOnly: true, cacheKib: 1_024 });
  reader.exec("BEGIN");
  reader.prepare("SELECT * FROM t LIMIT 1").get();
  expect(eraseTraces(database, files, () => PLENTY)).toMatchObject({
    kind: "postponed",
    reason: expect.stringContaining("Another program reads the database"),
  });
  reader.exec("COMMIT");
  reader.close();
  expect(eraseTraces(database, files, () => PLENTY)).toEqual({ kind: "erased" });
  db.close();
});

test("it works where the way to the folder has a quote in it", async () => {
  const directory = await temporaryDirectory();
  const path = join(directory, "it's", DATABASE_FILE);
  mkdirSync(join(path, ".."));
  const db = openConnection({ path, readOnly: false, cacheKib: 1_024 });
  migrate(db);
  const database = new WriterDatabase(db);
  expect(eraseTraces(database, { database: path, reserveBytes: 0 }, () => PLENTY)).toEqual({
    kind: "erased",
  });
  db.close();
});
