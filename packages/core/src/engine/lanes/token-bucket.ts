import { THROTTLE_BURST_S } from "../../domain/limits.ts";

/** A rate a second, enforced by waiting: at most the worth of a burst runs ahead, a twentieth of a second by default. */
export class TokenBucket {
  readonly #burstS: number;
  #ratePerS: number;
  #tokens: number;
  #filledAt: number;

  constructor(ratePerS: number, nowMs: number, burstS = THROTTLE_BURST_S) {
    this.#burstS = burstS;
    this.#ratePerS = ratePerS;
    this.#tokens = this.#capacity();
    this.#filledAt = nowMs;
  }

  setRate(ratePerS: number): void {
    this.#ratePerS = ratePerS;
    this.#tokens = Math.min(this.#tokens, this.#capacity());
  }

  /** How long until a token is there, in milliseconds; 0 = now. */
  waitMs(nowMs: number): number {
    const earned = ((nowMs - this.#filledAt) / 1_000) * this.#ratePerS;
    this.#tokens = Math.min(this.#capacity(), this.#tokens + earned);
    this.#filledAt = nowMs;
    return this.#tokens >= 1 ? 0 : ((1 - this.#tokens) / this.#ratePerS) * 1_000;
  }

  /** Takes a token that `waitMs` said is there; of several the rest is owed. */
  take(count = 1): void {
    this.#tokens -= count;
  }

  #capacity(): number {
    return Math.max(1, this.#ratePerS * this.#burstS);
  }
}
