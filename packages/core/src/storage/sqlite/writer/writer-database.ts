import type { DatabaseSync, StatementSync } from "node:sqlite";
import { BUSY_TIMEOUT_MS } from "../connection.ts";
import { query, type Query, type Row } from "../values.ts";

/** The one connection that writes, and what its transactions have in common. */
export class WriterDatabase {
  readonly db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  readonly #afterRollback: (() => void)[] = [];
  #dueDeliveries: number;
  #transactions = 0;
  #dueChange = 0;

  constructor(db: DatabaseSync) {
    this.db = db;
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
    this.#rollback = db.prepare("ROLLBACK");
    this.#dueDeliveries = this.query<[number]>("SELECT count(*) FROM due").get()?.[0] ?? 0;
  }

  /** Rows of `due`, counted along with the writes, so that asking costs nothing. */
  get dueDeliveries(): number {
    return this.#dueDeliveries;
  }

  /** How many there have been. */
  get transactions(): number {
    return this.#transactions;
  }

  prepare(sql: string): StatementSync {
    return this.db.prepare(sql);
  }

  query<Columns extends Row>(sql: string): Query<Columns> {
    return query<Columns>(this.db, sql);
  }

  /** For what a transaction also keeps in memory. */
  afterRollback(reload: () => void): void {
    this.#afterRollback.push(reload);
  }

  /** To be told of every row that a transaction adds to `due` (or removes: negative). */
  countDue(change: number): void {
    this.#dueChange += change;
  }

  /**
   * One transaction. IMMEDIATE, because a read that turns into a write midway could fail with BUSY_SNAPSHOT,
   * which waiting does not cure. COMMIT returns after the fsync.
   */
  transaction<Result>(work: () => Result): Result {
    this.#dueChange = 0;
    this.#transactions++;
    this.#begin.run();
    try {
      const result = work();
      this.#commit.run();
      this.#dueDeliveries += this.#dueChange;
      return result;
    } catch (error) {
      // Some errors (a full disk among them) have rolled back already.
      if (this.db.isTransaction) this.#rollback.run();
      for (const reload of this.#afterRollback) reload();
      throw error;
    }
  }

  /** Folds the write-ahead log into the database and empties it, unless somebody reads; returns whether it did. */
  foldLog(): boolean {
    this.db.exec("PRAGMA busy_timeout = 0");
    const row = this.query<[busy: number, pages: number, folded: number]>(
      "PRAGMA wal_checkpoint(TRUNCATE)",
    ).get();
    this.db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    return row?.[0] === 0;
  }
}

/** Whether a statement changed a row. */
export function changed({ changes }: { changes: number | bigint }): boolean {
  return changes !== 0;
}
