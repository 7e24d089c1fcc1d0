import { OUTCOME_ASKS_MAX, OUTCOME_PAUSE_MS } from "../../domain/limits.ts";
import { CommitInDoubt, StoreUnavailable } from "../port.ts";
import { toStoreError } from "./failure.ts";
import { pause } from "./pause.ts";
import { type Statement, statement } from "./statement.ts";

/** By what a transaction is found again: its number, and the timeline of the log that the number belongs to. */
export type TransactionMark = [xid: string, timeline: string];

/** A pool, as far as it is needed here. */
interface Pool {
  query<Row extends readonly unknown[]>(
    asked: Statement<Row>,
    values: readonly string[],
  ): Promise<{ readonly rows: Row[] }>;
}

/** With what is needed to ask again later. */
export class UndecidedCommit extends CommitInDoubt {
  readonly mark: TransactionMark;

  constructor(mark: TransactionMark, message: string, options?: ErrorOptions) {
    super(message, options);
    this.mark = mark;
  }
}

/**
 * Warnings that come with a COMMIT that is on this disk only: its wait for a synchronous standby was cancelled
 * (01000: by a timeout or an operator; 57P01: with the connection).
 */
const NOT_REPLICATED = new Set(["01000", "57P01"]);

/** A number that was not given out yet on this timeline would be an error. */
const findStatus = statement<[timeline: string, status: string | null]>(
  "transaction.status",
  `SELECT timeline, CASE WHEN timeline = $2 THEN pg_xact_status($1::xid8) END
   FROM (SELECT left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS timeline) AS log`,
);

/** Finds out what became of a transaction whose COMMIT was sent and not answered. */
export class CommitOutcome {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Rejects where a COMMIT went through that the standby which it should have waited for may not have. */
  check(mark: TransactionMark, warning: string | undefined): void {
    if (warning === undefined || !NOT_REPLICATED.has(warning)) return;
    throw new UndecidedCommit(mark, "The commit was not confirmed by the synchronous standby.");
  }

  /** Resolves when the transaction was committed; rejects when it was not, or when nobody can tell. */
  async find(
    mark: TransactionMark,
    { error, warning }: { error: unknown; warning: string | undefined },
  ): Promise<void> {
    const status = await this.#wait(mark);
    if (status === "committed") return this.check(mark, warning);
    const known = toStoreError(error);
    if (status === "aborted") throw new StoreUnavailable(known.message, { cause: error });
    const message = `Whether the commit went through is not known: ${known.message}`;
    throw new UndecidedCommit(mark, message, { cause: error });
  }

  async #wait(mark: TransactionMark): Promise<TransactionStatus> {
    for (let asked = 0; asked < OUTCOME_ASKS_MAX; asked++) {
      if (asked > 0) await pause(OUTCOME_PAUSE_MS);
      const status = await findTransaction(this.#pool, mark).catch(() => null);
      if (status !== null && status !== "in progress") return status;
    }
    return "in progress";
  }
}

/** `unknown`: another server took over, on which the number may be that of another transaction. */
type TransactionStatus = "committed" | "aborted" | "in progress" | "unknown";

/** "in progress" also means: the server has not noticed yet that the connection is gone, or waits for a standby. */
export async function findTransaction(
  pool: Pool,
  [xid, timeline]: TransactionMark,
): Promise<TransactionStatus> {
  const [[timelineNow, status] = [null, null]] = (await pool.query(findStatus, [xid, timeline])).rows;
  if (timelineNow !== timeline) return "unknown";
  return status === "committed" || status === "aborted" || status === "in progress" ? status : "unknown";
}
