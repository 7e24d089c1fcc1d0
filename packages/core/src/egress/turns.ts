import type { Timers } from "../runtime/runtime.ts";

interface Writer {
  write(): void;
}

/**
 * Lets input that is already waiting be handled before the next request goes out on a connection that has rested.
 * Without it the bytes of a second reply that nobody asked for could be taken for the answer to this request, and
 * a request could be written to a server that has closed. One wait serves all that come in the same turn.
 */
export class Turns {
  readonly #timers: Timers;
  #writers: Writer[] = [];

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  wait(writer: Writer): void {
    this.#writers.push(writer);
    if (this.#writers.length === 1) this.#timers.soon(() => this.#writeAll());
  }

  #writeAll(): void {
    const writers = this.#writers;
    this.#writers = [];
    for (const writer of writers) writer.write();
  }
}
