import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { fdatasync, write } from "node:fs";
import { promisify } from "node:util";

const writeAsync = promisify(write) as (fd: number, text: string) => Promise<unknown>;
const syncAsync = promisify(fdatasync);

/**
 * A file of JSON lines outside the system under test. What gathers while one write is being synced goes with
 * the next one, so a thousand clients cost as many fsyncs as one.
 */
export class Journal {
  readonly path: string;
  readonly #fd: number;
  #waiting: { line: string; resolve: () => void; reject: (error: Error) => void }[] = [];
  #writing: Promise<void> | null = null;

  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, "a");
  }

  /** Resolves when the line is on disk. */
  append(record: object): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line: `${JSON.stringify(record)}\n`, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  async close(): Promise<void> {
    await this.#writing;
    closeSync(this.#fd);
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await writeAsync(this.#fd, batch.map(({ line }) => line).join(""));
        await syncAsync(this.#fd);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error instanceof Error ? error : new Error(String(error)));
      }
    }
    this.#writing = null;
  }
}

/** Writes lines at the end of a run, synced once. */
export function writeLines(path: string, records: Iterable<object>): void {
  const fd = openSync(path, "w");
  for (const record of records) writeSync(fd, `${JSON.stringify(record)}\n`);
  fdatasyncSync(fd);
  closeSync(fd);
}
