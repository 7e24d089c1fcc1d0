/**
 * Messages and attempts lie in a partition for each day (UTC) of their ids, so that a lookup by id touches one of
 * them and retention drops them whole. A day has both partitions or, once retention has begun with it, one.
 */
import { ksuidFloor } from "../../domain/ksuid.ts";
import { ID_PREFIX } from "../../domain/ids.ts";
import { DAY_MS, parseTime, toIso } from "../../domain/time.ts";
import { StoreUnavailable } from "../port.ts";
import type { Connection, ConnectionPool } from "./database.ts";
import { LOCK } from "./locks.ts";
import { statement } from "./statement.ts";

export type PartitionedTable = "message" | "attempt";

export const PARTITIONED_TABLES: readonly PartitionedTable[] = ["message", "attempt"];

const PREFIX = { message: ID_PREFIX.message, attempt: ID_PREFIX.attempt } as const;

/** Midnight (UTC) of the day that a time lies in. */
export function dayOf(timeMs: number): number {
  return Math.floor(timeMs / DAY_MS) * DAY_MS;
}

/** `message_20260314`; `day` is its midnight. */
export function partitionName(table: PartitionedTable, day: number): string {
  return `${table}_${toIso(day).slice(0, 10).replaceAll("-", "")}`;
}

/** The ids of a day: `from <= id < until`. */
export function dayBounds(table: PartitionedTable, day: number): { from: string; until: string } {
  const prefix = PREFIX[table];
  return { from: ksuidFloor(prefix, day), until: ksuidFloor(prefix, day + DAY_MS) };
}

const attachedPartitions = statement<[table: PartitionedTable, name: string]>(
  "partitions.list",
  `SELECT parent.relname::text, child.relname::text
   FROM pg_inherits
   JOIN pg_class AS parent ON parent.oid = pg_inherits.inhparent
   JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
   WHERE pg_inherits.inhparent IN ('message'::regclass, 'attempt'::regclass)
     AND NOT pg_inherits.inhdetachpending
   ORDER BY child.relname COLLATE "C"`,
);

/** The days that a table has partitions for, oldest first. Those whose detaching has begun are left out. */
export async function listDays(connection: Connection, table: PartitionedTable): Promise<number[]> {
  return (await listAllDays(connection))[table];
}

async function listAllDays(connection: Connection): Promise<Record<PartitionedTable, number[]>> {
  const { rows } = await connection.query(attachedPartitions, []);
  const days: Record<PartitionedTable, number[]> = { message: [], attempt: [] };
  for (const [table, name] of rows) {
    const day = dayOfName(table, name);
    if (day !== null) days[table].push(day);
  }
  return days;
}

/** Null for a partition that an operator made by another name: it is none of our business. */
function dayOfName(table: PartitionedTable, name: string): number | null {
  const match = /^(\d{4})(\d{2})(\d{2})$/.exec(name.slice(table.length + 1));
  if (match === null) return null;
  const [, year, month, day] = match;
  const time = parseTime(`${year}-${month}-${day}T00:00:00Z`);
  return time !== null && partitionName(table, time) === name ? time : null;
}

const lockPartitions = statement("partitions.lock", "SELECT pg_advisory_xact_lock($1)");

/**
 * Makes the partitions of days that have none. Safe in any number of processes at once: one after the other takes
 * the advisory lock and looks again. Live traffic goes on: attaching takes SHARE UPDATE EXCLUSIVE on the parent,
 * which writes do not wait for, and there is no default partition that it would have to look through. The new
 * table is empty, so no CHECK is needed to spare a scan of it.
 */
export async function ensureDays(pool: ConnectionPool, days: readonly number[]): Promise<void> {
  await pool.transaction(async (connection) => {
    await connection.query(lockPartitions, [LOCK.partitions]);
    const present = await listAllDays(connection);
    for (const table of PARTITIONED_TABLES) {
      const missing = [...new Set(days)].filter((day) => !present[table].includes(day));
      for (const day of missing) await makePartition(connection, table, day);
    }
  });
}

const DUPLICATE_TABLE = "42P07";

async function makePartition(connection: Connection, table: PartitionedTable, day: number): Promise<void> {
  const name = partitionName(table, day);
  const { from, until } = dayBounds(table, day);
  try {
    // The names and bounds hold letters, digits and underscores only.
    await connection.execute(
      `CREATE TABLE ${name} (LIKE ${table} INCLUDING ALL);
       ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM ('${from}') TO ('${until}')`,
    );
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === DUPLICATE_TABLE)) throw error;
    throw new StoreUnavailable(`The partition ${name} is being removed; its day cannot be written to now.`, {
      cause: error,
    });
  }
}
