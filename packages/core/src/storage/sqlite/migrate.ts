import { readdirSync, readFileSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { pragma } from "./connection.ts";

const FOLDER = new URL("../migrations/sqlite/", import.meta.url);
/** Marks the file as ours ("Post" in ASCII), so that no other database is taken for one. */
const APPLICATION_ID = 0x50_6f_73_74;
const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;

/**
 * Brings the schema to this program's version. Each migration and its version number are one transaction, so
 * a crash leaves the version before or after it. Versions only go up: a newer schema is refused.
 */
export function migrate(db: DatabaseSync): void {
  const migrations = listMigrations();
  const newest = migrations.at(-1)?.version ?? 0;
  const current = Number(pragma(db, "user_version"));
  if (current > 0 && pragma(db, "application_id") !== APPLICATION_ID) {
    throw new Error("The file is a SQLite database of another program.");
  }
  if (current > newest) {
    throw new Error(
      `The database has schema ${current}, this program knows up to ${newest}. Run the newer program.`,
    );
  }
  for (const { version, sql } of migrations) {
    if (version <= current) continue;
    db.exec("BEGIN IMMEDIATE");
    try {
      db.exec(sql);
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
      db.exec(`PRAGMA user_version = ${version}`);
      db.exec("COMMIT");
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  }
}

/** For a reader that may not change the file: refuses what is not exactly this program's schema. */
export function assertCurrent(db: DatabaseSync): void {
  const newest = listMigrations().at(-1)?.version ?? 0;
  const current = Number(pragma(db, "user_version"));
  if (current === newest && pragma(db, "application_id") === APPLICATION_ID) return;
  throw new Error(
    `The database has schema ${current}, this program needs ${newest}. Start the server on it once.`,
  );
}

function listMigrations(): { version: number; sql: string }[] {
  return readdirSync(FOLDER)
    .toSorted()
    .flatMap((name) => {
      const version = Number(FILE_NAME.exec(name)?.[1] ?? 0);
      return version === 0 ? [] : [{ version, sql: readFileSync(new URL(name, FOLDER), "utf8") }];
    });
}
