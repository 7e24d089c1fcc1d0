import type { Erasure } from "../../port-keys.ts";
import { StoreUnavailable } from "../../port.ts";
import { openMigrationPool } from "../database.ts";
import { codeOf } from "../failure.ts";

/** A node that reads or writes endpoints is waited for so long; then the next start tries again. */
const LOCK_TIMEOUT_MS = 5_000;

/** Once for the whole database, like a migration, so neither leads with an environment. */
const FORGET = `
  DELETE FROM idempotency WHERE body <> '' AND body NOT LIKE 'sealed.1.%';
  UPDATE endpoint SET secrets = '[]', headers = '{}', transformation = NULL, access = NULL
  WHERE deleted AND (secrets <> '[]' OR headers <> '{}'
    OR transformation IS NOT NULL OR access IS NOT NULL)`;

/**
 * Writes the table to another file. Unlike VACUUM FULL, which keeps dead rows for as long as anybody's transaction is
 * older than they, a changed column takes only what is there now; and what PostgreSQL's statistics remember of its values
 * goes as well.
 */
const REWRITE = `ALTER TABLE endpoint ${["secrets", "headers", "transformation", "access"]
  .map((column) => `ALTER COLUMN ${column} TYPE TEXT USING ${column} || ''`)
  .join(", ")}`;
/** The same type: nothing is rewritten, only its statistics go. */
const FORGET_STATISTICS = "ALTER TABLE idempotency ALTER COLUMN body TYPE TEXT";

/** SQLSTATE of a table that belongs to somebody else. */
const NOT_OWNER = "42501";

/**
 * See `DataKeyStore.eraseTraces`. Endpoints are few, so their table is rewritten; remembered answers lie among the keys
 * of messages, which may be many and are written all the time, so there the dead rows are given up for reuse. Safe
 * beside other nodes and beside itself: each statement is a transaction, and takes the locks it needs for itself.
 */
export async function eraseTraces(url: string): Promise<Erasure> {
  const pool = openMigrationPool(url);
  try {
    await pool.execute(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await pool.execute(FORGET);
    await pool.execute(REWRITE);
    await pool.execute(FORGET_STATISTICS);
    await pool.execute("VACUUM idempotency");
    return { kind: "erased" };
  } catch (error) {
    if (codeOf(error) === NOT_OWNER) {
      return {
        kind: "postponed",
        reason: "The database's user does not own its tables, so it cannot rewrite them.",
      };
    }
    if (!(error instanceof StoreUnavailable)) throw error;
    return { kind: "postponed", reason: `The tables could not be rewritten: ${error.message}` };
  } finally {
    await pool.close();
  }
}
