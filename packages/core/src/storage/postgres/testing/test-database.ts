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
  const store = await openStore(await makeDatabase(), options);
  return { store, dispose: () => store.close() };
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
