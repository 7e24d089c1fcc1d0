import {
  addToDigits,
  digitsToText,
  KSUID_RANDOM_BYTES,
  KSUID_TICK_MS,
  ksuidDigits,
  ksuidTicks,
} from "../domain/ksuid.ts";
import type { Clock, Ids, Random } from "./runtime.ts";

/** Room between two ids of one tick: random, so that one id does not tell the next. */
const STEP_MAX = 2 ** 30;

/**
 * Ids that also sort by the order of the calls: a new tick draws fresh random bytes, a call within the same
 * tick adds a random step to the last id. Twenty times cheaper than a fresh KSUID each, and FIFO endpoints
 * rely on the order. A clock that steps back keeps the last tick.
 */
export function ksuidIds(clock: Clock, random: Random): Ids {
  let ticks = -1;
  let digits: Uint8Array = new Uint8Array(0);
  return {
    next(prefix) {
      const now = ksuidTicks(clock.now());
      if (now > ticks) {
        ticks = now;
        const bytes = random.bytes(KSUID_RANDOM_BYTES);
        // The top bit stays free, so that the steps of one tick cannot run into the next tick.
        bytes[0] = (bytes[0] ?? 0) & 0x7f;
        digits = ksuidDigits(ticks, bytes);
      } else {
        addToDigits(digits, 1 + Math.floor(random.unit() * STEP_MAX));
      }
      return prefix + digitsToText(digits);
    },
  };
}

/** The largest gap between an id's time and the clock: one tick. */
export const ID_TIME_RESOLUTION_MS = KSUID_TICK_MS;
