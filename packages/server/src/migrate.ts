import { parseArgs } from "node:util";
import { migratePostgres } from "@posthaste/core/storage/postgres/migrate";
import { ConfigError, databaseText, parseDatabase, redactDatabase, variableName } from "./config.ts";

export { ConfigError } from "./config.ts";

/**
 * Brings the schema of a PostgreSQL database to this program's version and says so in one sentence. Without
 * `--database` in the arguments it is the one of the environment.
 */
export async function migrate(args: readonly string[]): Promise<string> {
  const url = databaseOf(args);
  const { host, port, database } = redactDatabase(url);
  const { from, to } = await migratePostgres({ url });
  const place = `The database ${database} at ${host}:${port}`;
  return from === to ? `${place} has schema ${to} already.` : `${place} went from schema ${from} to ${to}.`;
}

function databaseOf(args: readonly string[]): string {
  const url = parseDatabase(readDatabase(args));
  if (url !== null) return url;
  throw new ConfigError(`Which database? Give --database URL or ${variableName("database")}.`);
}

function readDatabase(args: readonly string[]): string | null {
  try {
    const { values } = parseArgs({ args: [...args], options: { database: { type: "string" } } });
    return databaseText(values.database);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`${reason.split(". To specify")[0]} — see: posthaste migrate --help`);
  }
}
