import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Health } from "../../domain/health.ts";
import type { Store, StoreStats } from "../port.ts";
import { credentialStore } from "./client/credentials.ts";
import {
  applicationStore,
  dataKeyStore,
  endpointStore,
  environmentStore,
  eventTypeStore,
} from "./client/control-plane.ts";
import { deliveryStore, type Threads } from "./client/deliveries.ts";
import { cancellationStore, contentStore } from "./client/contents.ts";
import { historyStore } from "./client/history.ts";
import { pollingStore } from "./client/polling.ts";
import { overviewStore } from "./client/overview.ts";
import { searchStore } from "./client/search.ts";
import { taskStore } from "./client/tasks.ts";
import { DATABASE_FILE, LOCK_FILE, RESERVE_FILE, type WorkerFiles } from "./files.ts";
import type { Reader } from "./reader/reader.ts";
import { StoreThread } from "./thread.ts";
import type { Writer } from "./writer/writer.ts";

/** Space kept aside for what must still be written when the disk is full: some ten thousand attempts. */
export const RESERVE_BYTES = 64 * 1_048_576;

export interface SqliteStoreOptions {
  /** Created if missing, readable by its owner only. One process at a time may use it. */
  readonly directory: string;
  /** Called once when nothing can be stored any more; the process should end with an error. */
  readonly onFatal?: (error: Error) => void;
  /** Called with what went wrong in one operation of a commit, and was kept from the others: a bug to look into. */
  readonly onProblem?: (error: Error) => void;
  /** The most the database file may grow to; as long as the disk has room by default. */
  readonly databaseBytesMax?: number;
  readonly reserveBytes?: number;
}

/** Opens the store of a directory: a thread that writes, a thread that reads, one SQLite database. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { directory, onFatal } = options;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const files: WorkerFiles = {
    database: join(directory, DATABASE_FILE),
    lock: join(directory, LOCK_FILE),
    reserve: join(directory, RESERVE_FILE),
    reserveBytes: options.reserveBytes ?? RESERVE_BYTES,
    databaseBytesMax: options.databaseBytesMax ?? null,
  };
  const fatal = new FatalSwitch(onFatal);
  // The writer first: it takes the lock, makes the file and brings its schema up to date.
  const onDeath = (error: Error): void => fatal.trip(error);
  const writer = await StoreThread.start<Writer>({ role: "writer", files }, { onDeath });
  try {
    const reader = await StoreThread.start<Reader>({ role: "reader", files }, { onDeath });
    const threads = { writer, reader };
    fatal.guard(threads);
    return new SqliteStore(threads, { files, fatal, onProblem: options.onProblem ?? (() => {}) });
  } catch (error) {
    await writer.close();
    throw error;
  }
}

/** Once one thread has failed, the other stops as well and the owner is told, once. */
class FatalSwitch {
  readonly #onFatal: ((error: Error) => void) | undefined;
  #threads: Threads | null = null;
  #error: Error | null = null;

  constructor(onFatal: ((error: Error) => void) | undefined) {
    this.#onFatal = onFatal;
  }

  get error(): Error | null {
    return this.#error;
  }

  guard(threads: Threads): void {
    this.#threads = threads;
    if (this.#error !== null) this.#abandon(this.#error);
  }

  trip(error: Error): void {
    if (this.#error !== null) return;
    this.#error = error;
    this.#abandon(error);
    this.#onFatal?.(error);
  }

  #abandon(error: Error): void {
    void this.#threads?.writer.abandon(error);
    void this.#threads?.reader.abandon(error);
  }
}

class SqliteStore implements Store {
  readonly deliveries;
  readonly environments;
  readonly credentials;
  readonly applications;
  readonly endpoints;
  readonly eventTypes;
  readonly history;
  readonly polling;
  readonly dataKeys;
  readonly overview;
  readonly search;
  readonly contents;
  readonly cancellations;
  readonly tasks;
  readonly cluster = null;
  readonly #threads: Threads;
  readonly #files: WorkerFiles;
  readonly #fatal: FatalSwitch;

  constructor(
    threads: Threads,
    options: { files: WorkerFiles; fatal: FatalSwitch; onProblem: (error: Error) => void },
  ) {
    this.#threads = threads;
    this.#files = options.files;
    this.#fatal = options.fatal;
    this.deliveries = deliveryStore(threads, options);
    this.environments = environmentStore(threads);
    this.credentials = credentialStore(threads);
    this.applications = applicationStore(threads);
    this.endpoints = endpointStore(threads);
    this.eventTypes = eventTypeStore(threads);
    this.history = historyStore(threads);
    this.polling = pollingStore(threads);
    this.dataKeys = dataKeyStore(threads);
    this.overview = overviewStore(threads);
    this.search = searchStore(threads);
    this.contents = contentStore(threads);
    this.cancellations = cancellationStore(threads);
    this.tasks = taskStore(threads);
  }

  async health(): Promise<Health> {
    const { error } = this.#fatal;
    if (error !== null) return { ok: false, reason: `The store has stopped: ${error.message}` };
    return this.#threads.writer.call("health");
  }

  async stats(): Promise<StoreStats> {
    const [databaseBytes, dueDeliveries, wal] = await Promise.all([
      this.#threads.reader.call("databaseBytes"),
      this.#threads.writer.call("dueDeliveries"),
      stat(`${this.#files.database}-wal`).catch(() => ({ size: 0 })),
    ]);
    return { databaseBytes, walBytes: wal.size, dueDeliveries };
  }

  async close(): Promise<void> {
    // The writer last: it folds the write-ahead log into the database once nobody reads any more.
    await this.#threads.reader.close();
    await this.#threads.writer.close();
  }
}
