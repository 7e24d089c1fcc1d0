import type { StatementSync } from "node:sqlite";
import type { WriterDatabase } from "./writer-database.ts";

/** Rows that are put into the lists in one round: the more, the more of them share a page. */
const ROUND_ROWS = 32_768;
/** Rows of a round that one commit puts into the lists, at least; never fewer than it adds itself. */
const STEP_ROWS = 512;

/** A round under way: its rows lie sorted in a temporary table. */
interface Round {
  /** The last row of the history that belongs to it. */
  readonly upTo: number;
  readonly rows: number;
  done: number;
}

/**
 * Fills the lists of messages by application and of attempts by endpoint, some time after the rows themselves
 * are written. Rows of a thousand applications lie on a thousand pages of a list; gathered and sorted, several
 * share each page that is written. A round is spread over many commits, so none of them takes long.
 *
 * What is not listed yet is found by reading the tables behind `listed.seq`, so a list is always complete, and
 * a crash loses nothing: the round is done again, its rows that are listed already are passed over.
 */
export class ListIndex {
  readonly #database: WriterDatabase;
  readonly #gatherMessages: StatementSync;
  readonly #gatherAttempts: StatementSync;
  readonly #listMessages: StatementSync;
  readonly #listAttempts: StatementSync;
  readonly #endRound: StatementSync;
  readonly #saveListed: StatementSync;
  #lastSeq = 0;
  #listedSeq = 0;
  /** `lastSeq` at the end of the last step. */
  #steppedSeq = 0;
  #round: Round | null = null;

  constructor(database: WriterDatabase) {
    this.#database = database;
    database.db.exec(
      `CREATE TEMP TABLE round (
         place INTEGER PRIMARY KEY, app_id TEXT, endpoint_id TEXT, id TEXT, seq INTEGER
       )`,
    );
    this.#gatherMessages = database.prepare(
      `INSERT INTO round (app_id, endpoint_id, id, seq)
       SELECT app_id, NULL, id, seq FROM message WHERE seq > ? AND seq <= ? ORDER BY app_id, id`,
    );
    this.#gatherAttempts = database.prepare(
      `INSERT INTO round (app_id, endpoint_id, id, seq)
       SELECT app_id, endpoint_id, id, seq FROM attempt WHERE seq > ? AND seq <= ?
       ORDER BY app_id, endpoint_id, id`,
    );
    this.#listMessages = database.prepare(
      `INSERT OR IGNORE INTO message_list (app_id, id, seq)
       SELECT app_id, id, seq FROM round WHERE place > ? AND place <= ? AND endpoint_id IS NULL`,
    );
    this.#listAttempts = database.prepare(
      `INSERT OR IGNORE INTO attempt_list (app_id, endpoint_id, id, seq)
       SELECT app_id, endpoint_id, id, seq FROM round WHERE place > ? AND place <= ? AND endpoint_id IS NOT NULL`,
    );
    this.#endRound = database.prepare("DELETE FROM round");
    this.#saveListed = database.prepare("UPDATE listed SET seq = ?");
    this.#load();
    database.afterRollback(() => this.#load());
  }

  /** The next row's place in the sequence of messages and attempts. */
  nextSeq(): number {
    return ++this.#lastSeq;
  }

  /** Whether there are rows that are not listed. */
  get isBehind(): boolean {
    return this.#lastSeq > this.#listedSeq;
  }

  /** Goes on with the round, or begins one when it is worth it. Part of every transaction that adds rows. */
  step(): void {
    const added = this.#lastSeq - this.#steppedSeq;
    this.#steppedSeq = this.#lastSeq;
    if (this.#round !== null) this.#list(this.#round, Math.max(STEP_ROWS, added));
    else if (this.#lastSeq - this.#listedSeq >= ROUND_ROWS) this.#begin();
  }

  /** Lists everything. Part of a transaction. */
  fill(): void {
    if (this.#round !== null) this.#list(this.#round, this.#round.rows);
    const round = this.#begin();
    this.#list(round, round.rows);
  }

  #begin(): Round {
    const range = [this.#listedSeq, this.#lastSeq] as const;
    const messages = Number(this.#gatherMessages.run(...range).changes);
    const attempts = Number(this.#gatherAttempts.run(...range).changes);
    this.#round = { upTo: this.#lastSeq, rows: messages + attempts, done: 0 };
    return this.#round;
  }

  #list(round: Round, rows: number): void {
    const range = [round.done, round.done + rows] as const;
    this.#listMessages.run(...range);
    this.#listAttempts.run(...range);
    round.done += rows;
    if (round.done < round.rows) return;
    this.#endRound.run();
    this.#saveListed.run(round.upTo);
    this.#listedSeq = round.upTo;
    this.#round = null;
  }

  /** At the start, and after a rollback: whatever the database says. */
  #load(): void {
    const row = this.#database
      .query<[listed: number, messages: number | null, attempts: number | null]>(
        "SELECT seq, (SELECT max(seq) FROM message), (SELECT max(seq) FROM attempt) FROM listed",
      )
      .get();
    const [listed, messages, attempts] = row ?? [0, null, null];
    this.#listedSeq = listed;
    // Rows that were removed had been listed: their places are not given out again.
    this.#lastSeq = Math.max(listed, messages ?? 0, attempts ?? 0);
    this.#steppedSeq = this.#lastSeq;
    this.#endRound.run();
    this.#round = null;
  }
}
