import type { StatementSync } from "node:sqlite";
import type { WriterDatabase } from "./writer-database.ts";

/** Rows that wait before they are put into the lists together: more share a page, but take longer at once. */
const WAITING_ROWS = 8_192;

/**
 * Fills the lists of messages by application and of attempts by endpoint, some time after the rows themselves
 * are written. Rows of a thousand applications lie on a thousand pages of a list; gathered and sorted, several
 * share each page that is written. What still waits is found by reading the tables behind `listed.seq`, so a
 * list is always complete, and a crash loses nothing.
 */
export class ListIndex {
  readonly #database: WriterDatabase;
  readonly #listMessages: StatementSync;
  readonly #listAttempts: StatementSync;
  readonly #saveListed: StatementSync;
  #lastSeq = 0;
  #listedSeq = 0;

  constructor(database: WriterDatabase) {
    this.#database = database;
    this.#listMessages = database.prepare(
      `INSERT INTO message_list (app_id, id, seq)
       SELECT app_id, id, seq FROM message WHERE seq > ? AND seq <= ? ORDER BY app_id, id`,
    );
    this.#listAttempts = database.prepare(
      `INSERT INTO attempt_list (app_id, endpoint_id, id, seq)
       SELECT app_id, endpoint_id, id, seq FROM attempt WHERE seq > ? AND seq <= ?
       ORDER BY app_id, endpoint_id, id`,
    );
    this.#saveListed = database.prepare("UPDATE listed SET seq = ?");
    this.#load();
    database.afterRollback(() => this.#load());
  }

  /** The next row's place in the sequence of messages and attempts. */
  nextSeq(): number {
    return ++this.#lastSeq;
  }

  /** Whether rows wait. */
  get isBehind(): boolean {
    return this.#lastSeq > this.#listedSeq;
  }

  /** Fills the lists when enough rows wait; part of every transaction that has added rows. */
  fillIfWorthIt(): void {
    if (this.#lastSeq - this.#listedSeq >= WAITING_ROWS) this.fill();
  }

  /** Part of a transaction. */
  fill(): void {
    this.#listMessages.run(this.#listedSeq, this.#lastSeq);
    this.#listAttempts.run(this.#listedSeq, this.#lastSeq);
    this.#saveListed.run(this.#lastSeq);
    this.#listedSeq = this.#lastSeq;
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
  }
}
