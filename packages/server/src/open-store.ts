import type { Store } from "@posthaste/core/storage/port";
import { openSqliteStore } from "@posthaste/core/storage/sqlite/open";
import type { Logger } from "pino";
import type { Config } from "./config.ts";

/**
 * The store that the configuration asks for: a database that many nodes share, or a folder of this one. The only place
 * of the server that names a concrete store.
 */
export async function openStore(
  { database, data }: Pick<Config, "database" | "data">,
  { log, onFatal }: { log: Logger; onFatal: (error: Error) => void },
): Promise<Store> {
  const onProblem = (error: Error): void =>
    log.error({ error: error.message }, "one operation cannot be stored; it is left out");
  if (database !== null) {
    // Loaded only where it is used: its driver is a good part of what a small server holds in memory.
    const { openPostgresStore } = await import("@posthaste/core/storage/postgres/open");
    return openPostgresStore({ url: database, onProblem });
  }
  return openSqliteStore({
    directory: data,
    onProblem,
    onFatal: (error) => {
      log.fatal({ error: error.message }, "the store failed for good; nothing more is accepted");
      onFatal(error);
    },
  });
}
