import { isFull } from "../failure.ts";
import type { ListIndex } from "./list-index.ts";
import type { WriterDatabase } from "./writer-database.ts";

/**
 * What is left for a moment without writes: filling the lists, so that reading them costs no extra, and folding
 * the write-ahead log into the database, so that it takes no space and a restart has nothing to recover.
 */
export class IdleWork {
  readonly #database: WriterDatabase;
  readonly #lists: ListIndex;
  #seen = 0;
  #folded = 0;

  constructor(database: WriterDatabase, lists: ListIndex) {
    this.#database = database;
    this.#lists = lists;
  }

  /** To be called now and then: does something when nothing was written since the last call. */
  run(): void {
    const busy = this.#database.transactions !== this.#seen;
    this.#seen = this.#database.transactions;
    if (busy || this.#folded === this.#seen) return;
    try {
      if (this.#lists.isBehind) this.#database.transaction(() => this.#lists.fill());
    } catch (error) {
      if (!isFull(error)) throw error;
    }
    this.#seen = this.#database.transactions;
    if (this.#database.foldLog()) this.#folded = this.#seen;
  }
}
