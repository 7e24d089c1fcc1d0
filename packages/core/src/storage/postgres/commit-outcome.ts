import { OUTCOME_ASKS_MAX, OUTCOME_PAUSE_MS } from "../../domain/limits.ts";
import { CommitInDoubt, StoreUnavailable } from "../port.ts";
import { toStoreError } from "./failure.ts";
import { pause } from "./pause.ts";
import { SERVER_LIFE, SESSION, type Session } from "./session.ts";
import { type Statement, statement } from "./statement.ts";

/** By what a transaction is found again. */
export type TransactionMark = NumberedMark | SessionMark;

/** Its number, and the life of the server that gave it out. */
export interface NumberedMark {
  readonly xid: string;
  /** Of `SERVER_LIFE`. */
  readonly life: string;
}

/** One statement by itself: nobody was told its number. While its session is there, it may still be under way. */
export interface SessionMark {
  readonly session: Session;
  readonly proof: Proof;
}

/** Finds a row where, and only where, what it stands for is stored. */
export interface Proof {
  readonly asked: Statement;
  /** Made only if it is asked. */
  readonly values: () => readonly (string | Buffer)[];
}

/** A pool, as far as it is needed here. */
interface Pool {
  query<Row extends readonly unknown[]>(
    asked: Statement<Row>,
    values: readonly (string | Buffer)[],
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

/** A number that was not given out yet in this life would be an error. */
const findStatus = statement<[life: string, status: string | null]>(
  "transaction.status",
  `SELECT life, CASE WHEN life = $2 THEN pg_xact_status($1::xid8) END
   FROM (SELECT ${SERVER_LIFE} AS life) AS server`,
);

const findSession = statement<[life: string, isThere: boolean]>(
  "transaction.session",
  `SELECT ${SERVER_LIFE}, EXISTS (SELECT FROM pg_stat_activity WHERE ${SESSION} = $1)`,
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

/** `unknown`: the server has crashed since, or another one took over; the number may be another transaction's. */
type TransactionStatus = "committed" | "aborted" | "in progress" | "unknown";

/** "in progress" also means: the server has not noticed yet that the connection is gone, or waits for a standby. */
export async function findTransaction(pool: Pool, mark: TransactionMark): Promise<TransactionStatus> {
  return "xid" in mark ? findNumbered(pool, mark) : findProof(pool, mark);
}

async function findNumbered(pool: Pool, { xid, life }: NumberedMark): Promise<TransactionStatus> {
  const [[lifeNow, status] = [null, null]] = (await pool.query(findStatus, [xid, life])).rows;
  if (lifeNow !== life) return "unknown";
  return status === "committed" || status === "aborted" || status === "in progress" ? status : "unknown";
}

/** First the session, then what it may have stored until it ended: the other way round it could do so in between. */
async function findProof(pool: Pool, { session, proof }: SessionMark): Promise<TransactionStatus> {
  const [[life, isThere] = [null, false]] = (await pool.query(findSession, [session.name])).rows;
  if (life !== session.life) return "unknown";
  const { rows } = await pool.query(proof.asked, proof.values());
  if (rows.length > 0) return "committed";
  return isThere ? "in progress" : "aborted";
}
