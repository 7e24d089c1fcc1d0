import type { Runtime } from "@posthaste/core/runtime/runtime";
import type { Store } from "@posthaste/core/storage/port";
import { rewrapDataKeys } from "@posthaste/core/storage/sealed/data-keys";
import { openSealed } from "@posthaste/core/storage/sealed/open";
import { openSqliteStore } from "@posthaste/core/storage/sqlite/open";
import type { Logger } from "pino";
import type { Config } from "./config.ts";
import { findRing, ringFor } from "./master-keys.ts";

type StoreConfig = Pick<Config, "database" | "data" | "masterKeys" | "masterKeysFile">;

interface OpenOptions {
  readonly runtime: Runtime;
  readonly log: Logger;
  readonly onFatal: (error: Error) => void;
}

export interface OpenedStore {
  readonly store: Store;
  /** The file of master keys that this start made; null when there was a ring. */
  readonly newMasterKeys: string | null;
}

/**
 * The store that the configuration asks for, its secrets sealed. A ring that is missing or is not the database's ends
 * the start here, before anything is written.
 */
export async function openStore(config: StoreConfig, options: OpenOptions): Promise<OpenedStore> {
  const source = findRing(config);
  const { runtime } = options;
  const store = await openPlain(config, options);
  try {
    const encrypted = (await store.dataKeys.list()).length > 0;
    const { ring, made } = ringFor(source, { encrypted, random: runtime.random });
    const sealed = await openSealed(store, { ring, runtime });
    // One process alone: nobody still runs with the ring of before.
    if (store.cluster === null) await rewrapDataKeys(store.dataKeys, { ring, runtime });
    return { store: sealed, newMasterKeys: made };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/**
 * A database that many nodes share, or a folder of this one, as it lies there. The only place of the server that names
 * a concrete store.
 */
export async function openPlain(
  { database, data }: Pick<Config, "database" | "data">,
  { log, onFatal }: Pick<OpenOptions, "log" | "onFatal">,
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
