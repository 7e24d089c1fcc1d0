/**
 * Messages and attempts lie in a partition for each day (UTC) of their ids, so that a lookup by id touches one of
 * them and retention drops them whole. A day has both partitions or, once retention has begun with it, one.
 */
import { ksuidFloor, ksuidTime } from "../../domain/ksuid.ts";
import { ID_PREFIX } from "../../domain/ids.ts";
import { DAY_MS, parseTime, toIso } from "../../domain/time.ts";
import { StoreUnavailable, type Telling } from "../port.ts";
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

/** Made ahead of time, so that no commit has to wait for its partition. */
const DAYS_AHEAD = 2;

const serverTime = statement<[timeMs: number]>(
  "partitions.now",
  "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
);

/** The partitions of the server's today and the days after it. */
export async function ensureDaysAhead(pool: ConnectionPool): Promise<void> {
  const [[now] = [0]] = (await pool.query(serverTime, [])).rows;
  await ensureDays(pool, daysFrom(dayOf(now)));
}

function daysFrom(day: number): number[] {
  return Array.from({ length: 1 + DAYS_AHEAD }, (_, index) => day + index * DAY_MS);
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

interface Day {
  readonly day: number;
  readonly bounds: Record<PartitionedTable, { from: string; until: string }>;
}

/** Ids that are about to be stored. */
export interface NewIds {
  readonly message: readonly string[];
  readonly attempt: readonly string[];
}

/**
 * Sees to it that what is committed has a partition: that of a new day is made before its first commit, and those
 * after it in the background. Which days there are is remembered, as commits ask for hardly any other.
 */
export class PartitionKeeper {
  readonly #pool: ConnectionPool;
  readonly #onProblem: (error: Error) => void;
  #known = new Set<number>();
  /** The day of the last id: nearly always that of the next one. */
  #last: Day | null = null;
  #ahead: Promise<void> = Promise.resolve();

  constructor(pool: ConnectionPool, { onProblem }: { onProblem: (error: Error) => void }) {
    this.#pool = pool;
    this.#onProblem = onProblem;
  }

  /** The same for messages about another write. */
  async ensureForTold(tells: Telling["tells"]): Promise<void> {
    if (tells === undefined || tells.length === 0) return;
    await this.ensureFor({ message: tells.map(({ message }) => message.id), attempt: [] });
  }

  async ensureFor(ids: NewIds): Promise<void> {
    const missing = new Set<number>();
    for (const table of PARTITIONED_TABLES) {
      for (const id of ids[table]) {
        const day = this.#dayOfId(table, id);
        if (day !== null && !this.#known.has(day)) missing.add(day);
      }
    }
    if (missing.size === 0) return;
    await this.#ensure([...missing]);
    const latest = Math.max(...missing);
    this.#ahead = this.#ahead.then(() =>
      this.#ensure(daysFrom(latest)).catch((error: unknown) =>
        this.#onProblem(error instanceof Error ? error : new Error(String(error))),
      ),
    );
  }

  /** For when a commit met no partition after all: another process has dropped it. */
  forget(): void {
    this.#known = new Set();
  }

  /** Resolves when nothing is being made any more. */
  async idle(): Promise<void> {
    await this.#ahead;
  }

  async #ensure(days: readonly number[]): Promise<void> {
    const missing = days.filter((day) => !this.#known.has(day));
    if (missing.length === 0) return;
    await ensureDays(this.#pool, missing);
    for (const day of missing) this.#known.add(day);
  }

  /** Null for what is no id of ours: the database will refuse it. */
  #dayOfId(table: PartitionedTable, id: string): number | null {
    const last = this.#last?.bounds[table];
    if (last && id >= last.from && id < last.until) return this.#last?.day ?? null;
    const time = ksuidTime(PREFIX[table], id);
    if (time === null) return null;
    const day = dayOf(time);
    this.#last = {
      day,
      bounds: { message: dayBounds("message", day), attempt: dayBounds("attempt", day) },
    };
    return day;
  }
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
