import { THROTTLE_BURST_S } from "../../domain/limits.ts";

/** A rate in attempts a second, enforced by waiting: at most a twentieth of a second's worth runs ahead. */
export class TokenBucket {
  #ratePerS: number;
  #tokens: number;
  #filledAt: number;

  constructor(ratePerS: number, nowMs: number) {
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

  /** Takes a token that `waitMs` said is there. */
  take(): void {
    this.#tokens -= 1;
  }

  #capacity(): number {
    return Math.max(1, this.#ratePerS * THROTTLE_BURST_S);
  }
}
