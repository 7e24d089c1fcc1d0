import { readdirSync, readFileSync } from "node:fs";
import { type Connection, type ConnectionPool, openMigrationPool } from "./database.ts";
import { LOCK } from "./locks.ts";
import { ensureDaysAhead } from "./partitions.ts";
import { statement } from "./statement.ts";

const FOLDER = new URL("../migrations/postgres/", import.meta.url);
const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;
/** Which programs go on working while and after a file is applied: all that know at least this version. */
const SERVES_FROM = /^-- serves_from: (\d+)$/m;

export interface Migration {
  readonly version: number;
  readonly servesFrom: number;
  readonly sql: string;
}

/** Its migrations that a database has: the number of the newest, and the oldest program that it still serves. */
export interface Schema {
  readonly version: number;
  readonly servesFrom: number;
}

/**
 * Brings a database to this program's schema: numbered files, forward only, each one transaction, so that a crash
 * leaves the version before or after it. Safe in any number of processes at once: one after the other takes the
 * lock and looks again what is left to do. Nodes of an older version go on where the file says so. Resolves with the
 * number of the newest migration before and after; 0 for an empty database.
 */
export async function migratePostgres({ url }: { url: string }): Promise<{ from: number; to: number }> {
  const pool = openMigrationPool(url);
  try {
    const migrations = listMigrations();
    let from: number | null = null;
    for (let applied = true; applied;) {
      const step = await applyNext(pool, migrations);
      from ??= step.before;
      ({ applied } = step);
    }
    await ensureDaysAhead(pool);
    return { from: from ?? 0, to: migrations.at(-1)?.version ?? 0 };
  } finally {
    await pool.close();
  }
}

/** The files of this program, oldest first. */
export function listMigrations(): Migration[] {
  return readdirSync(FOLDER)
    .toSorted()
    .flatMap((name) => {
      const version = Number(FILE_NAME.exec(name)?.[1] ?? 0);
      if (version === 0) return [];
      const sql = readFileSync(new URL(name, FOLDER), "utf8");
      const servesFrom = Number(SERVES_FROM.exec(sql)?.[1] ?? 0);
      if (servesFrom === 0) throw new Error(`${name} does not say which programs it serves`);
      return [{ version, servesFrom, sql }];
    });
}

const lockMigration = statement("migrate.lock", "SELECT pg_advisory_xact_lock($1)");
const insertVersion = statement(
  "migrate.insert",
  "INSERT INTO schema_version (version, serves_from) VALUES ($1, $2)",
);

/**
 * Applies one file, or to an empty database all, unless there is none left; tells the version before. Nothing looks at the schema on this
 * connection ahead of the lock: PostgreSQL would remember that a table is missing while another process makes it.
 */
export function applyNext(
  pool: ConnectionPool,
  migrations: readonly Migration[],
): Promise<{ applied: boolean; before: number }> {
  return pool.transaction(async (connection) => {
    await connection.query(lockMigration, [LOCK.migrate]);
    const schema = await readSchema(connection);
    const newest = migrations.at(-1)?.version ?? 0;
    if (schema !== null && schema.version > newest) {
      throw new Error(
        `The database has schema ${schema.version}, this program knows up to ${newest}. Run the newer program.`,
      );
    }
    const before = schema?.version ?? 0;
    const missing = migrations.filter(({ version }) => version > before);
    if (missing.length === 0) return { applied: false, before };
    if (schema === null) await connection.execute(VERSION_TABLE);
    // An empty database at once: a node that starts beside this one must not find it half made.
    for (const next of schema === null ? missing : missing.slice(0, 1)) {
      await connection.execute(next.sql);
      await connection.query(insertVersion, [next.version, next.servesFrom]);
    }
    return { applied: true, before };
  });
}

const VERSION_TABLE = `CREATE TABLE schema_version (
  version INTEGER NOT NULL PRIMARY KEY,
  serves_from INTEGER NOT NULL
)`;

const findTables = statement<[hasVersions: boolean, hasOthers: boolean, schema: string | null]>(
  "migrate.tables",
  `SELECT to_regclass('schema_version') IS NOT NULL,
     to_regclass('message') IS NOT NULL OR to_regclass('due') IS NOT NULL OR to_regclass('endpoint') IS NOT NULL
       OR to_regclass('application') IS NOT NULL OR to_regclass('environment') IS NOT NULL,
     current_schema()::text`,
);
const listVersions = statement<[version: number, servesFrom: number]>(
  "migrate.versions",
  "SELECT version, serves_from FROM schema_version ORDER BY version",
);

/** Null for a database without our tables. Rejects with a sentence where they are not what any version makes. */
export async function readSchema(connection: Connection): Promise<Schema | null> {
  const [found] = (await connection.query(findTables, [])).rows;
  const [hasVersions = false, hasOthers = false, schema = null] = found ?? [];
  if (schema === null) {
    throw new Error(
      "The database user has no schema to make tables in: grant it CREATE on one, or set its search_path.",
    );
  }
  if (!hasVersions && hasOthers) {
    throw new Error(
      "The database has tables of another program, or of ours without their version: use an empty database.",
    );
  }
  if (!hasVersions) return null;
  const { rows } = await connection.query(listVersions, []);
  const newest = rows.at(-1);
  if (newest === undefined || rows.some(([version], index) => version !== index + 1)) {
    throw new Error("The database is half migrated: restore it from a backup, or use an empty database.");
  }
  // What one of them asks for, a later one that asks for less does not take back.
  return { version: newest[0], servesFrom: Math.max(...rows.map(([, servesFrom]) => servesFrom)) };
}
