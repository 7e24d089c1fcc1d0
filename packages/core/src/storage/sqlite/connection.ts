import { DatabaseSync } from "node:sqlite";
import { query } from "./values.ts";

/** The first release without the WAL-reset bug, which could corrupt a database with two connections. */
const SQLITE_VERSION_MIN = [3, 51, 3] as const;
export const BUSY_TIMEOUT_MS = 5_000;
const SYNCHRONOUS_FULL = 2;
/** Nearly all writes append, so larger pages mean fewer of them; still small for a commit of one message. */
export const PAGE_BYTES = 8_192;
/** Pages of the write-ahead log after which a commit folds it into the database: a stall of some 10 ms. */
const WAL_AUTOCHECKPOINT_PAGES = 1_000;
/** What the write-ahead log keeps of its size after it has been folded in. */
const WAL_KEPT_BYTES = 32 * 1_048_576;

export interface ConnectionOptions {
  readonly path: string;
  readonly readOnly: boolean;
  readonly cacheKib: number;
}

/**
 * Opens a connection with everything the promise "on disk when answered" rests on, and reads each setting
 * back: a build or a file that does not take one must not start.
 */
export function openConnection({ path, readOnly, cacheKib }: ConnectionOptions): DatabaseSync {
  const db = new DatabaseSync(path, { readOnly, timeout: BUSY_TIMEOUT_MS });
  try {
    assertVersion(String(pragma(db, "sqlite_version()", "SELECT sqlite_version()")));
    if (!readOnly) {
      // Takes effect only on a database that is still empty.
      db.exec(`PRAGMA page_size = ${PAGE_BYTES}`);
      db.exec("PRAGMA journal_mode = WAL");
      db.exec(`PRAGMA wal_autocheckpoint = ${WAL_AUTOCHECKPOINT_PAGES}`);
      db.exec(`PRAGMA journal_size_limit = ${WAL_KEPT_BYTES}`);
    }
    db.exec("PRAGMA synchronous = FULL");
    db.exec("PRAGMA temp_store = MEMORY");
    db.exec(`PRAGMA cache_size = -${cacheKib}`);
    assertPragma(db, "journal_mode", "wal");
    assertPragma(db, "synchronous", SYNCHRONOUS_FULL);
    assertPragma(db, "busy_timeout", BUSY_TIMEOUT_MS);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

export function pragma(db: DatabaseSync, name: string, sql = `PRAGMA ${name}`): string | number | null {
  const value = query<[string | number | null]>(db, sql).get()?.[0];
  if (value === undefined) throw new Error(`SQLite does not know ${name}`);
  return value;
}

function assertPragma(db: DatabaseSync, name: string, expected: string | number): void {
  const actual = pragma(db, name);
  if (actual !== expected) {
    throw new Error(`SQLite refused ${name} = ${expected}: it reads back ${actual}. Is the disk local?`);
  }
}

function assertVersion(version: string): void {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  const [minMajor, minMinor, minPatch] = SQLITE_VERSION_MIN;
  const enough =
    major !== minMajor ? major > minMajor : minor !== minMinor ? minor > minMinor : patch >= minPatch;
  if (!enough) {
    throw new Error(`SQLite ${version} is too old: ${SQLITE_VERSION_MIN.join(".")} is needed. Use Node 26.`);
  }
}
