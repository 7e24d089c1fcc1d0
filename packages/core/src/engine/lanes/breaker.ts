import {
  BREAKER_FAILURES,
  BREAKER_PROBE_MAX_MS,
  BREAKER_PROBE_MIN_MS,
  LANE_CONCURRENCY,
  LANE_CONCURRENCY_START,
  LANE_HOLD_MAX_MS,
  PROVEN_MS,
  RAMP_STEP_MS,
} from "../../domain/limits.ts";

/**
 * How many attempts a lane may have in flight, learned from its outcomes.
 *
 *   starting ──success──► open wider, up to LANE_CONCURRENCY        any failure ──► half as wide
 *   BREAKER_FAILURES in a row ──► broken: one at a time, with growing pauses (probing)
 *   broken ──success──► recovering: one at a time, doubling once in RAMP_STEP_MS ──full width──► healthy
 */
export class Breaker {
  #width = LANE_CONCURRENCY_START;
  #failuresInRow = 0;
  #state: "healthy" | "broken" | "recovering" = "healthy";
  #probePauseMs = BREAKER_PROBE_MIN_MS;
  #nextStepAt = 0;
  #heldUntil = 0;
  #succeededAt = Number.NEGATIVE_INFINITY;

  /** Attempts that may be in flight. */
  get width(): number {
    return this.#state === "broken" ? 1 : Math.floor(this.#width);
  }

  get broken(): boolean {
    return this.#state === "broken";
  }

  /** Nothing is remembered that a fresh breaker would not know. */
  get pristine(): boolean {
    return this.#state === "healthy" && this.#failuresInRow === 0;
  }

  /** It has answered well lately; lanes that have not share a part of the slots only. */
  provenAt(now: number): boolean {
    return now - this.#succeededAt < PROVEN_MS;
  }

  /** When the next attempt may start: in the past for "now". */
  get heldUntil(): number {
    return this.#heldUntil;
  }

  succeeded(now: number): void {
    this.#failuresInRow = 0;
    this.#succeededAt = now;
    if (this.#state === "broken") {
      this.#state = "recovering";
      this.#width = 1;
      this.#heldUntil = 0;
      this.#nextStepAt = now + RAMP_STEP_MS;
      this.#probePauseMs = BREAKER_PROBE_MIN_MS;
    } else if (this.#state === "recovering") {
      if (now < this.#nextStepAt) return;
      this.#width *= 2;
      this.#nextStepAt = now + RAMP_STEP_MS;
      if (this.#width >= LANE_CONCURRENCY) this.#state = "healthy";
    } else {
      this.#width += 1;
    }
    this.#width = Math.min(this.#width, LANE_CONCURRENCY);
  }

  /** `minPauseMs`: what the number of broken lanes asks for, so that all together probe at a bounded rate. */
  failed(now: number, { minPauseMs, jitter }: { minPauseMs: number; jitter: number }): void {
    this.#failuresInRow += 1;
    this.#width = Math.max(1, this.#width / 2);
    if (this.#failuresInRow < BREAKER_FAILURES && this.#state !== "broken") return;
    this.#state = "broken";
    const pauseMs = Math.max(this.#probePauseMs, minPauseMs) * (0.8 + 0.4 * jitter);
    this.#heldUntil = Math.max(this.#heldUntil, now + pauseMs);
    this.#probePauseMs = Math.min(this.#probePauseMs * 2, BREAKER_PROBE_MAX_MS);
  }

  /** The receiver asks for less: wait as it says, then go on at half the width. */
  slowDown(now: number, options: { retryAfterMs: number | null; minPauseMs: number; jitter: number }): void {
    this.failed(now, options);
    const holdMs = Math.min(options.retryAfterMs ?? 0, LANE_HOLD_MAX_MS);
    this.#heldUntil = Math.max(this.#heldUntil, now + holdMs);
  }

  /** A person enabled the endpoint or changed it: what was learned no longer holds. */
  reset(): void {
    this.#width = LANE_CONCURRENCY_START;
    this.#failuresInRow = 0;
    this.#state = "healthy";
    this.#probePauseMs = BREAKER_PROBE_MIN_MS;
    this.#heldUntil = 0;
  }
}
