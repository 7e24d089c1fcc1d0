import type { Writable } from "node:stream";
import pg from "pg";
import { StoreUnavailable } from "../port.ts";
import { CommitOutcome, type Proof, type TransactionMark } from "./commit-outcome.ts";
import { isBroken, toStoreError } from "./failure.ts";
import { prepareSession, type Planning, type Session } from "./session.ts";
import type { Statement } from "./statement.ts";

/** How long a caller waits for a connection before it is told that the store is not available. */
const ACQUIRE_TIMEOUT_MS = 2_000;
/** Nothing we ask takes this long unless the database is in trouble. */
const STATEMENT_TIMEOUT_MS = 30_000;
/**
 * A process that freezes in the middle of a transaction holds its locks no longer than this, its node's among them: it
 * has to be declared dead, and taken over, in time.
 */
const FROZEN_TIMEOUT_MS = 3_000;
/** When not even the refusal of a statement comes back, the connection is given up. */
const SILENCE_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 5_000;
/** The same for what only asks whether all is well. */
const PULSE_TIMEOUT_MS = 2_000;

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
  /** SQL without parameters, several statements too: for migrations and partitions. */
  execute(sql: string): Promise<void>;
}

/** One of the pools: what is asked for by one kind of work never waits for the connections of another. */
export interface ConnectionPool extends Connection {
  /**
   * One transaction. What `work` sends without waiting for an answer goes out in one piece (pipelined), BEGIN
   * included. An error rolls back. A connection that is lost while the COMMIT is under way is asked about on
   * another one: the promise resolves exactly when the transaction was committed, and rejects with
   * `CommitInDoubt` only where the database cannot be asked.
   */
  transaction<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result>;
  /**
   * One statement that is a transaction by itself: a third of the messages, and one round trip. The same promise,
   * for which `proof` has to tell on another connection whether it was stored; then its answer is lost.
   */
  write<Row extends readonly unknown[]>(writing: Writing<Row>): Promise<Row[] | LostAnswer>;
}

export interface Writing<Row extends readonly unknown[]> {
  readonly asked: Statement<Row>;
  readonly values: readonly SqlValue[];
  readonly proof: Proof;
}

/** It was stored. */
export interface LostAnswer {
  readonly lost: TransactionMark;
}

export interface Database {
  /** Commits of accepted and settled deliveries. */
  readonly ingest: ConnectionPool;
  /** Claims, leases, maintenance. */
  readonly dispatch: ConnectionPool;
  /** The control plane, lists and search. */
  readonly lists: ConnectionPool;
  /** Beats and health: with a short patience, and never behind anything else. */
  readonly pulse: ConnectionPool;
  close(): Promise<void>;
}

export interface PoolSizes {
  readonly ingest: number;
  readonly dispatch: number;
  readonly lists: number;
}

export const POOL_SIZES: PoolSizes = { ingest: 4, dispatch: 4, lists: 8 };
const PULSE_CONNECTIONS = 2;

export interface DatabaseOptions {
  readonly url: string;
  /** Connections of each pool. */
  readonly connections?: PoolSizes | undefined;
  /** Of a connection that nobody was using. */
  readonly onProblem: (error: Error) => void;
}

/** All connections that a process may open. */
export function connectionsOf({ ingest, dispatch, lists }: PoolSizes): number {
  return ingest + dispatch + lists + PULSE_CONNECTIONS;
}

/** Connects lazily: the first statement is the first that can fail. */
export function openDatabase({ url, connections = POOL_SIZES, onProblem }: DatabaseOptions): Database {
  const { ingest, dispatch, lists } = connections;
  const pool = (max: number, planning: Planning): PgPool =>
    new PgPool({ url, max, planning, onProblem, silenceMs: SILENCE_TIMEOUT_MS });
  const pools = {
    ingest: pool(ingest, "fixed"),
    dispatch: pool(dispatch, "fixed"),
    lists: pool(lists, "fixed"),
    pulse: new PgPool({
      url,
      max: PULSE_CONNECTIONS,
      planning: "fixed",
      onProblem,
      silenceMs: PULSE_TIMEOUT_MS,
    }),
  };
  return {
    ...pools,
    async close() {
      await Promise.all(Object.values(pools).map((each) => each.close()));
    },
  };
}

/**
 * One connection for a migration, which may take as long as it takes. Apart from the other pools: a process that
 * only migrates opens no more than this.
 */
export function openMigrationPool(url: string): ConnectionPool & { close(): Promise<void> } {
  return new PgPool({ url, max: 1, planning: "free", onProblem: () => undefined, silenceMs: null });
}

interface PgPoolOptions {
  readonly url: string;
  readonly max: number;
  readonly planning: Planning;
  /** Null: no statement is given up. */
  readonly silenceMs: number | null;
  readonly onProblem: (error: Error) => void;
}

/** In one message, as every message costs both sides. */
const BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_current_xact_id()::text";

class PgPool implements ConnectionPool {
  readonly #pool: pg.Pool;
  readonly #outcome: CommitOutcome;
  /** Clients that were warned since they last sent a COMMIT. */
  readonly #warned = new WeakMap<pg.ClientBase, string>();
  readonly #sessions = new WeakMap<pg.ClientBase, Session>();
  #closed = false;

  constructor({ url, max, planning, silenceMs, onProblem }: PgPoolOptions) {
    this.#pool = new pg.Pool({
      connectionString: url,
      max,
      connectionTimeoutMillis: Math.min(ACQUIRE_TIMEOUT_MS, silenceMs ?? ACQUIRE_TIMEOUT_MS),
      statement_timeout: silenceMs === null ? 0 : STATEMENT_TIMEOUT_MS,
      query_timeout: silenceMs ?? 0,
      idle_in_transaction_session_timeout: silenceMs === null ? STATEMENT_TIMEOUT_MS : FROZEN_TIMEOUT_MS,
      application_name: "posthaste",
      keepAlive: true,
      pipeline: true,
      types: TYPES,
      // Awaited by the pool, although its types do not say so.
      onConnect: (client): unknown => this.#prepare(client, planning),
    });
    // A connection that the server ends while it is being closed is no problem.
    this.#pool.on("error", (error) => void (this.#closed || onProblem(error)));
    this.#outcome = new CommitOutcome(this);
  }

  async query<Row extends readonly unknown[]>(
    asked: Statement<Row>,
    values: readonly SqlValue[],
  ): Promise<{ rows: Row[]; count: number }> {
    return this.#with((client) => run<Row>(client, asked, values));
  }

  async execute(sql: string): Promise<void> {
    await this.#with((client) => client.query(sql));
  }

  async transaction<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> {
    const client = await this.#acquire();
    let result: Result;
    let mark: TransactionMark;
    const connection = new TransactionConnection(client);
    try {
      const begun = begin(client);
      // Looked at below: an error of the work comes first.
      begun.catch(() => undefined);
      result = await work(connection);
      mark = { xid: await begun, life: this.#sessionOf(client).life };
    } catch (error) {
      connection.end();
      // COMMIT was not sent: whatever happened, nothing is stored.
      await this.#rollBack(client);
      throw toStoreError(error);
    }
    connection.end();
    await this.#commit(client, mark);
    return result;
  }

  async write<Row extends readonly unknown[]>({
    asked,
    values,
    proof,
  }: Writing<Row>): Promise<Row[] | LostAnswer> {
    const client = await this.#acquire();
    const mark = { session: this.#sessionOf(client), proof };
    this.#warned.delete(client);
    let rows: Row[];
    try {
      ({ rows } = await run<Row>(client, asked, values));
    } catch (error) {
      const broken = isBroken(error);
      client.release(broken);
      if (!broken) throw toStoreError(error);
      await this.#outcome.find(mark, { error, warning: this.#warned.get(client) });
      return { lost: mark };
    }
    client.release();
    this.#outcome.check(mark, this.#warned.get(client));
    return rows;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#pool.end();
  }

  async #with<Result>(work: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
    const client = await this.#acquire();
    try {
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      client.release(isBroken(error));
      throw toStoreError(error);
    }
  }

  async #prepare(client: pg.ClientBase, planning: Planning): Promise<void> {
    // Without a listener the loss of a connection in use would end the process; its queries reject anyway.
    client.on("error", () => undefined);
    client.on("notice", ({ code }) => void this.#warned.set(client, code ?? ""));
    this.#sessions.set(client, await prepareSession(client, planning));
  }

  #sessionOf(client: pg.ClientBase): Session {
    const session = this.#sessions.get(client);
    if (session === undefined) throw new Error("a connection of the pool was not prepared");
    return session;
  }

  async #acquire(): Promise<pg.PoolClient> {
    if (this.#closed) throw new Error("the store is closed");
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw toStoreError(error);
    }
  }

  async #rollBack(client: pg.PoolClient): Promise<void> {
    await client.query("ROLLBACK").then(
      () => client.release(),
      () => client.release(true),
    );
  }

  async #commit(client: pg.PoolClient, mark: TransactionMark): Promise<void> {
    let command: string;
    this.#warned.delete(client);
    try {
      ({ command } = await client.query("COMMIT"));
    } catch (error) {
      client.release(true);
      return this.#outcome.find(mark, { error, warning: this.#warned.get(client) });
    }
    client.release();
    // A transaction that failed on the way answers COMMIT with ROLLBACK, not with an error.
    if (command !== "COMMIT") throw new StoreUnavailable("the transaction was rolled back");
    this.#outcome.check(mark, this.#warned.get(client));
  }
}

/** Resolves to the transaction's number. */
async function begin(client: pg.PoolClient): Promise<string> {
  gather(client);
  const answers: unknown = await client.query({ text: BEGIN, rowMode: "array" });
  // pg answers several statements with a list, which its types do not say.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the second statement's only row
  const [, marked] = answers as [unknown, { rows: [xid: string][] }];
  const [row] = marked.rows;
  if (row === undefined) throw new Error("a transaction has no number");
  return row[0];
}

/**
 * Its promises may be left alone: the error that counts is the one that `work` rejects with. Of several statements side
 * by side one may fail while another is not sent yet; behind the ROLLBACK that would be stored by itself.
 */
class TransactionConnection implements Connection {
  readonly #client: pg.PoolClient;
  #ended = false;

  constructor(client: pg.PoolClient) {
    this.#client = client;
  }

  query<Row extends readonly unknown[]>(
    asked: Statement<Row>,
    values: readonly SqlValue[],
  ): Promise<{ rows: Row[]; count: number }> {
    const answer = this.#ended ? Promise.reject(isOver()) : run<Row>(this.#client, asked, values);
    answer.catch(() => undefined);
    return answer;
  }

  async execute(sql: string): Promise<void> {
    if (this.#ended) throw isOver();
    await this.#client.query(sql);
  }

  /** Nothing is sent any more. */
  end(): void {
    this.#ended = true;
  }
}

function isOver(): Error {
  return new StoreUnavailable("the transaction is over");
}

/**
 * What is sent in one go leaves in one packet: pg writes each statement by itself. Not in pg's types, but the
 * stream is there for as long as pg has had connections.
 */
function gather(client: pg.PoolClient & { connection?: { stream?: Writable } }): void {
  const stream = client.connection?.stream;
  if (stream === undefined || stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => stream.uncork());
}

async function run<Row extends readonly unknown[]>(
  client: pg.PoolClient,
  { name, text }: Statement<Row>,
  values: readonly SqlValue[],
): Promise<{ rows: Row[]; count: number }> {
  gather(client);
  const { rows, rowCount } = await client.query({ name, text, values: [...values], rowMode: "array" });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the statement says what its columns are
  return { rows: rows as unknown as Row[], count: rowCount ?? 0 };
}
