import type { StatementSync } from "node:sqlite";
import type { Query } from "../values.ts";
import type { WriterDatabase } from "./writer-database.ts";

/** Rows that are put into the lists in one round: the more, the more of them share a page. */
const ROUND_ROWS_MIN = 8_192;
const ROUND_ROWS_MAX = 32_768;
/** Rounds grow while a list gets fewer of their messages than this, and shrink when it gets more than that. */
const ROWS_PER_LIST_MIN = 12;
const ROWS_PER_LIST_MAX = 48;
/** Rows of a round that one commit puts into the lists, at least; never fewer than it adds itself. */
const STEP_ROWS = 512;

/** A round under way: its rows lie sorted in a temporary table. */
interface Round {
  /** The last row of the history that belongs to it. */
  readonly upTo: number;
  readonly messages: number;
  /** Null: the attempts have not been gathered yet. */
  rows: number | null;
  done: number;
  /** Lists that got messages; one that was met in two steps counts twice. */
  lists: number;
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
  readonly #countLists: Query<[lists: number]>;
  readonly #endRound: StatementSync;
  readonly #saveListed: StatementSync;
  #lastSeq = 0;
  #listedSeq = 0;
  /** `lastSeq` at the end of the last step. */
  #steppedSeq = 0;
  #roundRows = ROUND_ROWS_MIN;
  #round: Round | null = null;

  constructor(database: WriterDatabase) {
    this.#database = database;
    database.db.exec(
      `CREATE TEMP TABLE round (
         place INTEGER PRIMARY KEY, app_id TEXT, endpoint_id TEXT, id TEXT, seq INTEGER,
         status INTEGER, status_code INTEGER
       )`,
    );
    this.#gatherMessages = database.prepare(
      `INSERT INTO round (app_id, id, seq)
       SELECT app_id, id, seq FROM message WHERE seq > ? AND seq <= ? ORDER BY app_id, id`,
    );
    this.#gatherAttempts = database.prepare(
      `INSERT INTO round (app_id, endpoint_id, id, seq, status, status_code)
       SELECT app_id, endpoint_id, id, seq, status, status_code FROM attempt WHERE seq > ? AND seq <= ?
       ORDER BY app_id, endpoint_id, id`,
    );
    this.#listMessages = database.prepare(
      `INSERT OR IGNORE INTO message_list (app_id, id, seq)
       SELECT app_id, id, seq FROM round WHERE place > ? AND place <= ?`,
    );
    this.#listAttempts = database.prepare(
      `INSERT OR IGNORE INTO attempt_list (app_id, endpoint_id, id, seq, status, status_code)
       SELECT app_id, endpoint_id, id, seq, status, status_code FROM round WHERE place > ? AND place <= ?`,
    );
    this.#countLists = database.query(
      "SELECT count(DISTINCT app_id) FROM round WHERE place > ? AND place <= ?",
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
    if (this.#round !== null) this.#goOn(this.#round, Math.max(STEP_ROWS, added));
    else if (this.#lastSeq - this.#listedSeq >= this.#roundRows) this.#begin();
  }

  /** Lists everything. Part of a transaction. */
  fill(): void {
    while (this.isBehind) this.#goOn(this.#round ?? this.#begin(), ROUND_ROWS_MAX);
  }

  /** The sorting is the longest part, so messages and attempts are gathered by two different commits. */
  #begin(): Round {
    const upTo = this.#lastSeq;
    const messages = Number(this.#gatherMessages.run(this.#listedSeq, upTo).changes);
    this.#round = { upTo, messages, rows: null, done: 0, lists: 0 };
    return this.#round;
  }

  #goOn(round: Round, rows: number): void {
    if (round.rows === null) {
      const attempts = Number(this.#gatherAttempts.run(this.#listedSeq, round.upTo).changes);
      round.rows = round.messages + attempts;
      return;
    }
    const { messages, done } = round;
    round.done = Math.min(done + rows, round.rows);
    if (done < messages) {
      const range = [done, Math.min(round.done, messages)] as const;
      this.#listMessages.run(...range);
      round.lists += this.#countLists.get(...range)?.[0] ?? 0;
    }
    if (round.done > messages) this.#listAttempts.run(Math.max(done, messages), round.done);
    if (round.done === round.rows) this.#end(round);
  }

  #end({ upTo, messages, lists }: Round): void {
    this.#endRound.run();
    this.#saveListed.run(upTo);
    this.#listedSeq = upTo;
    this.#round = null;
    if (messages < ROWS_PER_LIST_MIN * lists) {
      this.#roundRows = Math.min(ROUND_ROWS_MAX, this.#roundRows * 2);
    } else if (messages > ROWS_PER_LIST_MAX * lists) {
      this.#roundRows = Math.max(ROUND_ROWS_MIN, this.#roundRows / 2);
    }
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
