import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import {
  TRANSFER_TABLES,
  type ColumnKind,
  type TransferRow,
  type TransferTable,
  type TransferValue,
} from "../transfer/tables.ts";
import { openConnection } from "./connection.ts";
import { DATABASE_FILE, LOCK_FILE } from "./files.ts";
import { ANSWER_IN_THE_CLEAR, ENDPOINT_IN_THE_CLEAR } from "./in-the-clear.ts";
import { lockDirectory } from "./lock.ts";
import { assertCurrent } from "./migrate.ts";
import { query, type SqlValue } from "./values.ts";

const CACHE_KIB = 16_384;

/** Where a column is not read as it lies there. */
const EXPRESSIONS: Readonly<Record<string, string>> = {
  // Nobody sends while the data is exported.
  "due.next_attempt_at": "iif(leased_by IS NULL, next_attempt_at, 0)",
};

/** History lies in the order of its making; the rest in the order of its keys. */
const ORDERED_BY_SEQ = new Set(["message", "attempt", "idempotency"]);

/**
 * Everything a data directory holds, as of one moment. The directory is locked meanwhile: a server that still runs
 * would go on changing it.
 */
export async function* exportSqlite(directory: string): AsyncGenerator<TransferRow> {
  const path = join(directory, DATABASE_FILE);
  if (!existsSync(path))
    throw new Error(`${directory} holds no Posthaste database: ${DATABASE_FILE} is missing.`);
  const lock = lockDirectory(join(directory, LOCK_FILE));
  try {
    const db = openConnection({ path, readOnly: true, cacheKib: CACHE_KIB });
    try {
      assertCurrent(db);
      assertSealed(db, directory);
      for (const table of TRANSFER_TABLES) {
        const rows = query<SqlValue[]>(db, selectOf(table)).iterate();
        for (const row of rows) {
          yield {
            table: table.name,
            values: table.columns.map(([, kind], index) => toValue(kind, row[index] ?? null)),
          };
        }
      }
    } finally {
      db.close();
    }
  } finally {
    lock.close();
  }
}

/** Whoever makes a file of a database does not expect secrets in it that can be read. */
function assertSealed(db: DatabaseSync, directory: string): void {
  const inTheClear = query<[number]>(
    db,
    `SELECT EXISTS (SELECT 1 FROM endpoint WHERE ${ENDPOINT_IN_THE_CLEAR})
       OR EXISTS (SELECT 1 FROM idempotency WHERE ${ANSWER_IN_THE_CLEAR})`,
  ).get()?.[0];
  if (inTheClear !== 0)
    throw new Error(`Secrets in ${directory} are not encrypted yet: start the server on it once.`);
}

function selectOf({ name, columns }: TransferTable): string {
  const list = columns.map(([column]) => EXPRESSIONS[`${name}.${column}`] ?? column);
  return `SELECT ${list.join(", ")} FROM ${name}${ORDERED_BY_SEQ.has(name) ? " ORDER BY seq" : ""}`;
}

function toValue(kind: ColumnKind, value: SqlValue): TransferValue {
  if (value === null) return null;
  if (kind === "boolean") return value === 1;
  if (kind === "list") return JSON.parse(String(value));
  return value;
}
