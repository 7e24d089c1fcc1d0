import { DROP_DAY_PAGES, DROP_DAY_WAIT_MS, DROP_TABLE_WAIT_MS, PRUNE_ROWS } from "../../../domain/limits.ts";
import { DAY_MS } from "../../../domain/time.ts";
import type { ConnectionPool } from "../database.ts";
import { codeOf } from "../failure.ts";
import { LOCK } from "../locks.ts";
import { dayBounds, listDays, type PartitionedTable, partitionName } from "../partitions.ts";
import { statement } from "../statement.ts";

/** Of the messages from $1 to $2, of all applications: whether anything is owed that retention would not end. */
const anyOwed = statement<[one: number]>(
  "drop_days.any_owed",
  `SELECT 1 FROM due WHERE message_id >= $1 AND message_id < $2
     AND NOT (leased_by IS NULL AND next_attempt_at IS NULL
       AND COALESCE((SELECT disabled AND NOT deleted FROM endpoint
         WHERE endpoint.app_id = due.app_id AND endpoint.id = due.endpoint_id), FALSE))
   LIMIT 1`,
);
const anyDue = statement<[one: number]>(
  "drop_days.any_due",
  "SELECT 1 FROM due WHERE message_id >= $1 AND message_id < $2 LIMIT 1",
);
const endPaused = statement(
  "drop_days.end_paused",
  `WITH ended AS (
     SELECT app_id, endpoint_id, ord, message_id FROM due
     WHERE leased_by IS NULL AND next_attempt_at IS NULL AND message_id >= $1 AND message_id < $2
       AND (SELECT disabled AND NOT deleted FROM endpoint
         WHERE endpoint.app_id = due.app_id AND endpoint.id = due.endpoint_id)
     LIMIT ${PRUNE_ROWS} FOR UPDATE SKIP LOCKED)
   DELETE FROM due USING ended
   WHERE due.app_id = ended.app_id AND due.endpoint_id = ended.endpoint_id AND due.ord = ended.ord
     AND due.message_id = ended.message_id AND due.leased_by IS NULL AND due.next_attempt_at IS NULL`,
);
const countPages = statement<[pages: number | null]>(
  "drop_days.count_pages",
  "SELECT pg_relation_size(to_regclass($1)) / current_setting('block_size')::bigint",
);
/** Reads the day's table page by page: in any other order it would be read once for each application. */
const freeEvents = statement(
  "drop_days.free_events",
  `WITH gone AS MATERIALIZED (
     SELECT app_id, event_id, id FROM message
     WHERE id >= $1 AND id < $2 AND ctid >= $3::tid AND ctid < $4::tid AND event_id IS NOT NULL)
   DELETE FROM message_event USING gone
   WHERE message_event.app_id = gone.app_id AND message_event.event_id = gone.event_id
     AND message_event.message_id = gone.id`,
);
const lockPartitions = statement("drop_days.lock", "SELECT pg_advisory_xact_lock($1)");

/** As in prune.ts, for every application: what is older than each environment keeps. */
const deleteEndpoints = statement(
  "drop_days.delete_endpoints",
  `WITH old AS (
     SELECT app_id, id FROM endpoint WHERE deleted AND drained AND deleted_at < $1
       AND (SELECT TRUE FROM due WHERE due.app_id = endpoint.app_id AND due.endpoint_id = endpoint.id LIMIT 1)
         IS NULL
     LIMIT ${PRUNE_ROWS} FOR UPDATE SKIP LOCKED)
   DELETE FROM endpoint USING old WHERE endpoint.app_id = old.app_id AND endpoint.id = old.id`,
);
const deleteApplications = statement(
  "drop_days.delete_applications",
  `WITH empty AS (
     SELECT id FROM application WHERE deleted AND deleted_at < $1
       AND (SELECT TRUE FROM endpoint WHERE endpoint.app_id = application.id LIMIT 1) IS NULL
       AND (SELECT TRUE FROM due WHERE due.app_id = application.id LIMIT 1) IS NULL
       AND (SELECT TRUE FROM message WHERE message.app_id = application.id LIMIT 1) IS NULL
     LIMIT ${PRUNE_ROWS} FOR UPDATE SKIP LOCKED)
   DELETE FROM application USING empty WHERE application.id = empty.id`,
);

/**
 * Drops the days that lie before `before` as a whole, oldest first, and with them the deleted endpoints and
 * applications that old: where days are dropped, `prune` is not asked for them.
 */
export async function dropDays(pool: ConnectionPool, { before }: { before: number }): Promise<number> {
  const days = {
    message: await listDays(pool, "message"),
    attempt: await listDays(pool, "attempt"),
  };
  const old = [...new Set([...days.message, ...days.attempt])]
    .filter((day) => day + DAY_MS <= before)
    .toSorted((one, other) => one - other);
  let dropped = 0;
  for (const day of old) {
    // A day that is owed something keeps its attempts, too.
    if (days.message.includes(day) && !(await dropMessages(pool, day))) continue;
    if (days.attempt.includes(day) && !(await dropPartition(pool, { table: "attempt", day }))) continue;
    dropped += 1;
  }
  await pool.query(deleteEndpoints, [before]);
  await pool.query(deleteApplications, [before]);
  return dropped;
}

async function dropMessages(pool: ConnectionPool, day: number): Promise<boolean> {
  const { from, until } = dayBounds("message", day);
  const owed = await pool.query(anyOwed, [from, until]);
  if (owed.rows.length > 0) return false;
  // Both in short transactions of their own, and before: if the day cannot go yet, they are not done again.
  let ended: number;
  do {
    ({ count: ended } = await pool.query(endPaused, [from, until]));
  } while (ended === PRUNE_ROWS);
  await freeEventIds(pool, day);
  return dropPartition(pool, { table: "message", day });
}

async function freeEventIds(pool: ConnectionPool, day: number): Promise<void> {
  const { from, until } = dayBounds("message", day);
  const [row] = (await pool.query(countPages, [partitionName("message", day)])).rows;
  const pages = row?.[0] ?? 0;
  for (let page = 0; page < pages; page += DROP_DAY_PAGES) {
    await pool.query(freeEvents, [from, until, `(${page},0)`, `(${page + DROP_DAY_PAGES},0)`]);
  }
}

const LOCK_NOT_AVAILABLE = "55P03";
const DEADLOCK = "40P01";
const NO_SUCH_TABLE = "42P01";

/**
 * Drops one partition, unless something has become owed in it meanwhile. First the partition itself is locked
 * against writers and those who lock its rows (a resend does), so that the last look stays true; readers and all
 * traffic of other days go on. Only the drop needs the parent for itself, for a moment; it does not wait long for
 * that, because everybody else waits behind it. Of several nodes the advisory lock lets one in; the others then find
 * no such table. False: not this time.
 */
async function dropPartition(
  pool: ConnectionPool,
  { table, day }: { table: PartitionedTable; day: number },
): Promise<boolean> {
  const name = partitionName(table, day);
  try {
    return await pool.transaction(async (connection) => {
      await connection.execute(`SET LOCAL lock_timeout = ${DROP_DAY_WAIT_MS}`);
      await connection.query(lockPartitions, [LOCK.partitions]);
      await connection.execute(`LOCK TABLE ONLY ${name} IN EXCLUSIVE MODE`);
      if (table === "message") {
        const { from, until } = dayBounds(table, day);
        const due = await connection.query(anyDue, [from, until]);
        if (due.rows.length > 0) return false;
      }
      await connection.execute(
        `SET LOCAL lock_timeout = ${DROP_TABLE_WAIT_MS}; ALTER TABLE ${table} DETACH PARTITION ${name}; DROP TABLE ${name}`,
      );
      return true;
    });
  } catch (error) {
    const code = codeOf(error);
    // In use, or another node has dropped it.
    if (code === LOCK_NOT_AVAILABLE || code === DEADLOCK || code === NO_SUCH_TABLE) return false;
    throw error;
  }
}
