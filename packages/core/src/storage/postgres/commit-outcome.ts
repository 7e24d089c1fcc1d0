import { OUTCOME_ASKS_MAX, OUTCOME_PAUSE_MS } from "../../domain/limits.ts";
import { CommitInDoubt, StoreUnavailable } from "../port.ts";
import type { ConnectionPool } from "./database.ts";
import { toStoreError } from "./failure.ts";
import { pause } from "./pause.ts";
import { statement } from "./statement.ts";

/** By what a transaction is found again: its number, and the timeline of the log that the number belongs to. */
export type TransactionMark = [xid: string, timeline: string];

/**
 * Warnings that come with a COMMIT that is on this disk only: its wait for a synchronous standby was cancelled
 * (01000: by a timeout or an operator; 57P01: with the connection).
 */
const NOT_REPLICATED = new Set(["01000", "57P01"]);

const findStatus = statement<[status: string | null, timeline: string]>(
  "transaction.status",
  "SELECT pg_xact_status($1::xid8), left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)",
);

/** Finds out what became of a transaction whose COMMIT was sent and not answered. */
export class CommitOutcome {
  readonly #pool: Pick<ConnectionPool, "query">;

  constructor(pool: Pick<ConnectionPool, "query">) {
    this.#pool = pool;
  }

  /** Rejects where a COMMIT went through that the standby which it should have waited for may not have. */
  check(warning: string | undefined): void {
    if (warning === undefined || !NOT_REPLICATED.has(warning)) return;
    throw new CommitInDoubt("The commit was not confirmed by the synchronous standby.");
  }

  /** Resolves when the transaction was committed; rejects when it was not, or when nobody can tell. */
  async find(
    [xid, timeline]: TransactionMark,
    { error, warning }: { error: unknown; warning: string | undefined },
  ): Promise<void> {
    const status = await this.#ask(xid, timeline);
    if (status === "committed") return this.check(warning);
    const known = toStoreError(error);
    if (status === "aborted") throw new StoreUnavailable(known.message, { cause: error });
    throw new CommitInDoubt(`Whether the commit went through is not known: ${known.message}`, {
      cause: error,
    });
  }

  async #ask(xid: string, timeline: string): Promise<string | null> {
    for (let asked = 0; asked < OUTCOME_ASKS_MAX; asked++) {
      if (asked > 0) await pause(OUTCOME_PAUSE_MS);
      const answer = await this.#pool.query(findStatus, [xid]).catch(() => null);
      const [status, timelineNow] = answer?.rows[0] ?? [null, timeline];
      // Another server took over: there the number may be that of another transaction.
      if (timelineNow !== timeline) return null;
      // "in progress": the server has not noticed yet that the connection is gone, or waits for a standby.
      if (status === "committed" || status === "aborted") return status;
    }
    return null;
  }
}
