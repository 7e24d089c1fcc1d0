import type { TestProject } from "vitest/node";
import { migratePostgres } from "../migrate.ts";
import { runSql } from "./run-sql.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Null: there is no PostgreSQL for this machine. */
    postgres: { readonly url: string; readonly template: string } | null;
  }
}

const TEMPLATE = "posthaste_template";

/** One PostgreSQL for the whole run, with a migrated database that tests copy. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await start();
  if (server === null) {
    project.provide("postgres", null);
    return () => Promise.resolve();
  }
  await runSql(`${server.url}/postgres`, `CREATE DATABASE ${TEMPLATE}`);
  await migratePostgres({ url: `${server.url}/${TEMPLATE}` });
  project.provide("postgres", { url: server.url, template: TEMPLATE });
  return () => server.stop();
}

async function start() {
  try {
    const { startPostgres } = await import("./postgres-server.ts");
    return await startPostgres();
  } catch (error) {
    console.warn(
      "The tests of the PostgreSQL store are skipped: there is no PostgreSQL for this machine.",
      error,
    );
    return null;
  }
}
