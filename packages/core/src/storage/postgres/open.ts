import type { Health } from "../../domain/health.ts";
import type { Store, StoreStats } from "../port.ts";
import { checkSchema, checkServer } from "./boot-checks.ts";
import { clusterStore } from "./cluster.ts";
import { applicationStore } from "./control-plane/applications.ts";
import { credentialStore } from "./control-plane/credentials.ts";
import { dataKeyStore } from "./control-plane/data-keys.ts";
import { endpointStore } from "./control-plane/endpoints.ts";
import { environmentStore } from "./control-plane/environments.ts";
import { eventTypeStore } from "./control-plane/event-types.ts";
import { connectionsOf, type Database, openDatabase, POOL_SIZES, type PoolSizes } from "./database.ts";
import { deliveryStore } from "./deliveries/delivery-store.ts";
import { cancellationStore } from "./history/cancellations.ts";
import { contentStore } from "./history/contents.ts";
import { historyStore } from "./history/history-store.ts";
import { overviewStore } from "./history/overview.ts";
import { searchStore } from "./history/search.ts";
import { migratePostgres } from "./migrate.ts";
import { taskStore } from "./tasks/task-store.ts";
import { ensureDaysAhead, PartitionKeeper } from "./partitions.ts";
import { pollingStore } from "./polling.ts";
import { findHealth, findStats } from "./stats.ts";

export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database`. An empty database is set up; any other is left as it is. */
  readonly url: string;
  /** Called with what went wrong beside an operation, or was kept from the others of its commit. */
  readonly onProblem: (error: Error) => void;
  /** Connections of this process: for commits, for claims and maintenance, for lists and the control plane. */
  readonly connections?: PoolSizes | undefined;
}

/**
 * Opens the store of a database, which any number of processes share. Rejects with one sentence that says what to
 * change where the server or the schema cannot keep the promise.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const { url, onProblem, connections = POOL_SIZES } = options;
  const database = openDatabase({ url, connections, onProblem });
  try {
    await checkServer(database, { url, connections: connectionsOf(connections), onProblem });
    if ((await checkSchema(database)) === "empty") await migratePostgres({ url });
    await ensureDaysAhead(database.dispatch);
    return new PostgresStore(database, { url, onProblem });
  } catch (error) {
    await database.close();
    throw error;
  }
}

class PostgresStore implements Store {
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
  readonly cluster;
  readonly #database: Database;
  readonly #partitions: PartitionKeeper;

  constructor(database: Database, { url, onProblem }: { url: string; onProblem: (error: Error) => void }) {
    this.#database = database;
    this.#partitions = new PartitionKeeper(database.dispatch, { onProblem });
    this.deliveries = deliveryStore(database, { partitions: this.#partitions, onProblem });
    this.environments = environmentStore(database);
    this.credentials = credentialStore(database);
    this.applications = applicationStore(database);
    this.endpoints = endpointStore(database, { partitions: this.#partitions });
    this.eventTypes = eventTypeStore(database);
    this.history = historyStore(database, { partitions: this.#partitions });
    this.polling = pollingStore(database);
    this.dataKeys = dataKeyStore(database, { url });
    this.overview = overviewStore(database);
    this.search = searchStore(database);
    this.contents = contentStore(database);
    this.cancellations = cancellationStore(database, { partitions: this.#partitions });
    this.tasks = taskStore(database, { partitions: this.#partitions });
    this.cluster = clusterStore(database);
  }

  health(): Promise<Health> {
    return findHealth(this.#database);
  }

  stats(): Promise<StoreStats> {
    return findStats(this.#database);
  }

  async close(): Promise<void> {
    await this.#partitions.idle();
    await this.#database.close();
  }
}
