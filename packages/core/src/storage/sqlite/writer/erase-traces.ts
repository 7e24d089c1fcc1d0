import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { Erasure } from "../../port-keys.ts";
import { openConnection, PAGE_BYTES, pragma } from "../connection.ts";
import { classify } from "../failure.ts";
import type { WorkerFiles } from "../files.ts";
import { ANSWER_IN_THE_CLEAR } from "../in-the-clear.ts";
import { query } from "../values.ts";
import type { WriterDatabase } from "./writer-database.ts";

const CACHE_KIB = 16_384;
/** The new database is written to a temporary file, and from there through the write-ahead log. */
const COPIES = 2;
const MIB = 1_048_576;

/** Bytes that the disk of a folder has left for this process. */
const freeBytesOf = (folder: string): number => {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
};

/**
 * See `DataKeyStore.eraseTraces`. What nobody opens any more goes first; then VACUUM writes the database anew, without
 * unused pages and the unused bytes of the others, and a checkpoint empties the write-ahead log. Safe over a crash at
 * any instant: VACUUM is one transaction of SQLite, and whoever asked for this asks again until it was done.
 */
export function eraseTraces(
  database: WriterDatabase,
  { database: path, reserveBytes }: Pick<WorkerFiles, "database" | "reserveBytes">,
  freeBytes: (folder: string) => number = freeBytesOf,
): Erasure {
  database.transaction(() => {
    database.db.exec(`DELETE FROM idempotency WHERE ${ANSWER_IN_THE_CLEAR}`);
    database.db.exec(
      "UPDATE endpoint SET secrets = '[]', headers = '{}', transformation = NULL, access = NULL WHERE deleted = 1",
    );
  });
  const folder = dirname(path);
  const needed = COPIES * usedBytes(database.db) + reserveBytes;
  const free = freeBytes(folder);
  if (free < needed) {
    return postponed(
      `Rewriting the database takes ${mib(needed)} MiB of free disk space for a moment; there are ${mib(free)} MiB in ${folder}.`,
    );
  }
  try {
    vacuum(path, folder);
  } catch (error) {
    if (classify(error) === "fatal") throw error;
    return postponed(`The database could not be rewritten: ${error instanceof Error ? error.message : "?"}.`);
  }
  if (database.foldLog()) return { kind: "erased" };
  return postponed("Another program reads the database, so its write-ahead log could not be emptied.");
}

/** On a connection of its own: the writer keeps temporary data in memory, where a whole database has no room. */
function vacuum(path: string, folder: string): void {
  const db = openConnection({ path, readOnly: false, cacheKib: CACHE_KIB });
  try {
    db.exec("PRAGMA temp_store = FILE");
    // Beside the database, whose disk was asked: the system's own folder may be small, in memory or not writable.
    db.exec(`PRAGMA temp_store_directory = '${folder.replaceAll("'", "''")}'`);
    db.exec("VACUUM");
  } finally {
    db.exec("PRAGMA temp_store_directory = ''");
    db.close();
  }
}

function usedBytes(db: DatabaseSync): number {
  const free = query<[number]>(db, "PRAGMA freelist_count").get()?.[0] ?? 0;
  return (Number(pragma(db, "page_count")) - free) * PAGE_BYTES;
}

function postponed(reason: string): Erasure {
  return { kind: "postponed", reason };
}

function mib(bytes: number): number {
  return Math.ceil(bytes / MIB);
}
