import type { Runtime } from "../runtime/runtime.ts";

/** How fast it goes while it waits for a wall clock that was set back. */
const CATCHING_UP_SPEED = 0.5;

/**
 * The time by which retries are scheduled and found due: the wall clock, except that it never goes back. When the
 * wall clock is set back it goes on from where it was, at half speed, until the wall clock has caught up: a retry
 * that was waiting takes at most twice its wait, instead of waiting for the old time to come again. The store
 * keeps these times, so a restart in between waits for the rest of the difference.
 */
export class DueClock {
  readonly #clock: Runtime["clock"];
  #last: number;
  #lastAt: number;

  constructor({ clock }: Pick<Runtime, "clock">) {
    this.#clock = clock;
    this.#last = clock.now();
    this.#lastAt = clock.monotonic();
  }

  /** Milliseconds since the Unix epoch. */
  now(): number {
    const at = this.#clock.monotonic();
    this.#last = Math.max(this.#clock.now(), this.#last + (at - this.#lastAt) * CATCHING_UP_SPEED);
    this.#lastAt = at;
    return Math.floor(this.#last);
  }
}
