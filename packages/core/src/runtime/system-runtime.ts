import { randomBytes } from "node:crypto";
import { ksuidIds } from "./ksuid-ids.ts";
import type { Log, Runtime, Timers } from "./runtime.ts";

/** Random bytes are drawn in blocks: one system call serves hundreds of ids and nonces. */
const RANDOM_BLOCK_BYTES = 8_192;
/** setTimeout's own limit; a longer wait is taken in pieces by whoever waits. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** The real clock, timers and randomness. */
export function systemRuntime(log: Log): Runtime {
  const clock = { now: () => Date.now(), monotonic: () => performance.now() };
  let block: Uint8Array = new Uint8Array(0);
  let used = 0;
  const random = {
    bytes(count: number): Uint8Array {
      if (count > RANDOM_BLOCK_BYTES) return new Uint8Array(randomBytes(count));
      if (used + count > block.length) {
        block = randomBytes(RANDOM_BLOCK_BYTES);
        used = 0;
      }
      used += count;
      return block.slice(used - count, used);
    },
    unit: () => Math.random(),
  };
  return { clock, timers: systemTimers, random, ids: ksuidIds(clock, random), log };
}

const systemTimers: Timers = {
  after(delayMs, fn) {
    const timer = setTimeout(fn, Math.min(Math.max(0, delayMs), TIMER_MAX_MS));
    timer.unref();
    return () => clearTimeout(timer);
  },
  sleep(delayMs, signal) {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(Math.max(0, delayMs), TIMER_MAX_MS));
      signal.addEventListener("abort", done, { once: true });
    });
  },
  soon(fn) {
    setImmediate(fn);
  },
};
