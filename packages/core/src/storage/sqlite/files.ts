/** What the threads of one store need to know; sent to each when it starts. */
export interface WorkerFiles {
  readonly database: string;
  readonly lock: string;
  readonly reserve: string;
  readonly reserveBytes: number;
  /** The most the database file may grow to; null = as long as the disk has room. */
  readonly databaseBytesMax: number | null;
}

export const DATABASE_FILE = "posthaste.db";
export const LOCK_FILE = "posthaste.lock";
export const RESERVE_FILE = "posthaste.reserve";
