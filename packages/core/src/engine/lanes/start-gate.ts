import type { Clock } from "../../runtime/runtime.ts";

/**
 * Until when attempts may start: a process that was paused, and taken for dead meanwhile, must not send what it still
 * has queued. By the monotonic clock, and by the wall clock as well, as a machine that was suspended does not count
 * that time on the first. Always open until it is set for the first time.
 */
export class StartGate {
  readonly #clock: Clock;
  #until = Number.POSITIVE_INFINITY;
  #wallUntil = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isOpen(): boolean {
    if (this.#until === Number.POSITIVE_INFINITY) return true;
    return this.#clock.monotonic() < this.#until && this.#clock.now() < this.#wallUntil;
  }

  openUntil({ monotonic, wall }: { monotonic: number; wall: number }): void {
    this.#until = monotonic;
    this.#wallUntil = wall;
  }

  close(): void {
    this.#until = Number.NEGATIVE_INFINITY;
  }
}
