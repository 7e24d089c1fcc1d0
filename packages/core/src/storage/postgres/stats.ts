import type { Health } from "../../domain/health.ts";
import { DUE_COUNTED_MAX } from "../../domain/limits.ts";
import type { StoreStats } from "../port.ts";
import type { Database } from "./database.ts";
import { statement } from "./statement.ts";

const readOnly = statement<[inRecovery: boolean, readOnly: string]>(
  "health.read_only",
  "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')",
);

/** Whether a commit would go through now; waits no longer than its pool does. */
export async function findHealth({ pulse }: Database): Promise<Health> {
  try {
    const [[inRecovery, only] = [false, "off"]] = (await pulse.query(readOnly, [])).rows;
    if (inRecovery || only === "on") return { ok: false, reason: "The database only reads." };
    return { ok: true };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Cheap at any size: what is owed is counted up to a bound; beyond it comes the number that autovacuum keeps up
 * to date in the catalog.
 */
const readStats = statement<[databaseBytes: number, walBytes: number, counted: number, estimated: number]>(
  "stats.read",
  `SELECT pg_database_size(current_database()),
     (SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), redo_lsn)::bigint FROM pg_control_checkpoint()),
     (SELECT count(*) FROM (SELECT 1 FROM due LIMIT ${DUE_COUNTED_MAX} + 1) AS counted),
     (SELECT reltuples::bigint FROM pg_class WHERE oid = 'due'::regclass)`,
);

/** `walBytes`: what a start after a crash would have to apply again. */
export async function findStats({ lists }: Database): Promise<StoreStats> {
  const [row] = (await lists.query(readStats, [])).rows;
  const [databaseBytes, walBytes, counted, estimated] = row ?? [0, 0, 0, 0];
  const dueDeliveries = counted <= DUE_COUNTED_MAX ? counted : Math.max(counted, estimated);
  return { databaseBytes, walBytes, dueDeliveries };
}
