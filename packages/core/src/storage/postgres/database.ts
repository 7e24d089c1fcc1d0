import pg from "pg";
import { toStoreError } from "./failure.ts";
import type { Statement } from "./statement.ts";

/** How long a caller waits for a connection before it is told that the store is not available. */
const ACQUIRE_TIMEOUT_MS = 2_000;
/** Nothing we ask takes this long unless the database is in trouble. */
const STATEMENT_TIMEOUT_MS = 30_000;

const INT8_OID = 20;

/** Our BIGINTs are times and counts: all are safe integers. */
const TYPES: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: "text" | "binary") =>
    oid === INT8_OID ? Number : pg.types.getTypeParser(oid, format)) as pg.CustomTypesConfig["getTypeParser"],
};

export type SqlValue = string | number | boolean | Buffer | null | readonly string[];

/** Runs statements, on a connection of a pool or on the one of a transaction. Rows are arrays of their columns. */
export interface Connection {
  query<Row extends readonly unknown[]>(
    statement: Statement<Row>,
    values: readonly SqlValue[],
  ): Promise<{ readonly rows: Row[]; readonly count: number }>;
}

/** One of the pools: what is asked for by one kind of work never waits for the connections of another. */
export interface ConnectionPool extends Connection {
  /**
   * One transaction. What `work` sends without waiting for an answer goes out in one piece (pipelined), BEGIN
   * included. An error rolls back.
   */
  transaction<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result>;
}

export interface Database {
  /** Commits of accepted and settled deliveries. */
  readonly ingest: ConnectionPool;
  /** Claims, leases, maintenance, beats. */
  readonly dispatch: ConnectionPool;
  /** The control plane, lists and search. */
  readonly lists: ConnectionPool;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  /** Connections of each pool; default 4, 4 and 8. */
  readonly connections?: { readonly ingest: number; readonly dispatch: number; readonly lists: number };
  /** Of a connection that nobody was using. */
  readonly onProblem: (error: Error) => void;
}

/** Connects lazily: the first statement is the first that can fail. */
export function openDatabase({ url, connections, onProblem }: DatabaseOptions): Database {
  const { ingest, dispatch, lists } = connections ?? { ingest: 4, dispatch: 4, lists: 8 };
  const pools = {
    ingest: new PgPool(url, ingest, onProblem),
    dispatch: new PgPool(url, dispatch, onProblem),
    lists: new PgPool(url, lists, onProblem),
  };
  return {
    ...pools,
    async close() {
      await Promise.all(Object.values(pools).map((pool) => pool.close()));
    },
  };
}

class PgPool implements ConnectionPool {
  readonly #pool: pg.Pool;
  #closed = false;

  constructor(url: string, max: number, onProblem: (error: Error) => void) {
    this.#pool = new pg.Pool({
      connectionString: url,
      max,
      connectionTimeoutMillis: ACQUIRE_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
      application_name: "posthaste",
      pipeline: true,
      types: TYPES,
    });
    this.#pool.on("error", onProblem);
  }

  async query<Row extends readonly unknown[]>(
    statement: Statement<Row>,
    values: readonly SqlValue[],
  ): Promise<{ rows: Row[]; count: number }> {
    const client = await this.#acquire();
    try {
      const result = await run<Row>(client, statement, values);
      client.release();
      return result;
    } catch (error) {
      throw this.#release(client, error);
    }
  }

  async transaction<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> {
    const client = await this.#acquire();
    try {
      const begun = client.query("BEGIN");
      // Looked at below: an error of the work comes first.
      begun.catch(() => undefined);
      const result = await work({ query: (statement, values) => run(client, statement, values) });
      await begun;
      const { command } = await client.query("COMMIT");
      // A transaction that failed on the way answers COMMIT with ROLLBACK, not with an error.
      if (command !== "COMMIT") throw new Error("the transaction was rolled back");
      client.release();
      return result;
    } catch (error) {
      await client.query("ROLLBACK").catch(() => undefined);
      throw this.#release(client, error);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#pool.end();
  }

  async #acquire(): Promise<pg.PoolClient> {
    if (this.#closed) throw new Error("the store is closed");
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /** A connection that broke is thrown away; one whose statement was refused is as good as before. */
  #release(client: pg.PoolClient, error: unknown): Error {
    const known = toStoreError(error);
    client.release(known.name === "StoreUnavailable" ? known : false);
    return known;
  }
}

async function run<Row extends readonly unknown[]>(
  client: pg.PoolClient,
  { name, text }: Statement<Row>,
  values: readonly SqlValue[],
): Promise<{ rows: Row[]; count: number }> {
  const { rows, rowCount } = await client.query({ name, text, values: [...values], rowMode: "array" });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the statement says what its columns are
  return { rows: rows as unknown as Row[], count: rowCount ?? 0 };
}
