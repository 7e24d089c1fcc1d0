/**
 * One after the other for each key: a handler that reads a record, changes it and writes it back must not
 * overwrite what another did meanwhile.
 */
export class WriteOrder {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** Runs `work` after everything that was asked for under this key before. */
  run<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const result = before.then(work);
    // What went wrong is told to its own caller, not to the next in line.
    const tail = result.catch(() => undefined);
    this.#tails.set(key, tail);
    void this.#forget(key, tail);
    return result;
  }

  /** Drops a key whose last write is done. */
  async #forget(key: string, tail: Promise<unknown>): Promise<void> {
    await tail;
    if (this.#tails.get(key) === tail) this.#tails.delete(key);
  }
}
