import { DatabaseSync } from "node:sqlite";
import { isBusy } from "./failure.ts";

/**
 * One process per directory. The lock is SQLite's own exclusive lock on a second, empty file, held in an open
 * transaction: the system drops it with the process, so a crash leaves nothing to clean up.
 */
export function lockDirectory(path: string): DatabaseSync {
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    if (!isBusy(error)) throw error;
    throw new Error(`Another process is using this data directory (it holds ${path}). Stop it first.`, {
      cause: error,
    });
  }
}
