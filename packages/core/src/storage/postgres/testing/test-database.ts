import { randomUUID } from "node:crypto";
import { inject } from "vitest";
import type { StoreHandle } from "../../testing/setup.ts";
import { openPostgresStore, type PostgresStoreOptions } from "../open.ts";
import { runSql } from "./run-sql.ts";

const postgres = inject("postgres");

/** For `describe.skipIf`: no PostgreSQL for this machine, as was said at the start of the run. */
export const noPostgres = postgres === null;

/** The URL of a copy of the migrated template; `empty`: without any table. All go with the server: a DROP is slow. */
export async function makeDatabase({ empty = false } = {}): Promise<string> {
  if (postgres === null) throw new Error("there is no PostgreSQL");
  const name = `t_${randomUUID().replaceAll("-", "")}`;
  const template = empty ? "template0" : postgres.template;
  await runSql(`${postgres.url}/postgres`, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  return `${postgres.url}/${name}`;
}

/** A store on a database of its own. Problems fail the test, unless it looks at them. */
export async function makeStore(options: Partial<PostgresStoreOptions> = {}): Promise<StoreHandle> {
  const url = await makeDatabase();
  const store = await openStore(url, options);
  return { store, countRows: () => countRows(url), dispose: () => store.close() };
}

/** Of every table, but for what is of no environment: nodes, and what they tell each other. */
async function countRows(url: string): Promise<Record<string, number>> {
  const tables = await runSql<{ name: string }>(
    url,
    `SELECT relname::text AS name FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
       AND relname NOT IN ('node', 'change', 'schema_version') ORDER BY relname`,
  );
  const counts = tables.map(({ name }) => `SELECT '${name}' AS name, count(*)::int AS rows FROM ${name}`);
  const rows = await runSql<{ name: string; rows: number }>(url, counts.join(" UNION ALL "));
  return Object.fromEntries(rows.map(({ name, rows: count }) => [name, count]));
}

/** Few connections: many stores share the one server. */
export function openStore(url: string, options: Partial<PostgresStoreOptions> = {}) {
  return openPostgresStore({
    url,
    connections: { ingest: 4, dispatch: 4, lists: 2 },
    onProblem: (error) => {
      throw error;
    },
    ...options,
  });
}
