import { ksuidIds } from "../ksuid-ids.ts";
import type { CancelTimer, Ids, Log, Runtime } from "../runtime.ts";

interface FakeTimer {
  readonly at: number;
  readonly order: number;
  readonly fn: () => void;
}

/** A runtime whose time moves only when the test says so, and whose randomness comes from a seed. */
export interface FakeRuntime extends Runtime {
  /** Moves both clocks forward, firing every timer on the way at its own time, in order. */
  advance(ms: number): Promise<void>;
  /** Moves both clocks and fires nothing: a process that was paused finds all its timers late when it goes on. */
  jump(ms: number): void;
  /** Steps the wall clock only, as an operator or NTP would. */
  stepWallClock(ms: number): void;
  /** How many timers wait: a test that ends with some has a leak. */
  pendingTimers(): number;
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

export function fakeRuntime({
  startMs = 1_790_000_000_000,
  seed = 1,
  log = silent,
  ids,
}: {
  startMs?: number;
  seed?: number;
  log?: Log;
  /** Several processes of one test: ids that sort by the order they were made in, whoever made them. */
  ids?: Ids;
} = {}): FakeRuntime {
  let monotonicMs = 0;
  let wallMs = startMs;
  let order = 0;
  const timers = new Set<FakeTimer>();
  const unit = mulberry32(seed);
  const clock = { now: () => wallMs, monotonic: () => monotonicMs };
  const random = {
    unit,
    bytes: (count: number) => Uint8Array.from({ length: count }, () => Math.floor(unit() * 256)),
  };
  const after = (delayMs: number, fn: () => void): CancelTimer => {
    const timer = { at: monotonicMs + Math.max(0, delayMs), order: order++, fn };
    timers.add(timer);
    return () => timers.delete(timer);
  };
  return {
    clock,
    random,
    log,
    ids: ids ?? ksuidIds(clock, random),
    timers: {
      after,
      soon: (fn) => void setImmediate(fn),
      sleep: (delayMs, signal) =>
        new Promise((resolve) => {
          if (signal.aborted) return resolve();
          const cancel = after(delayMs, resolve);
          signal.addEventListener("abort", () => (cancel(), resolve()), { once: true });
        }),
    },
    async advance(ms) {
      const end = monotonicMs + ms;
      await settle();
      for (;;) {
        const next = [...timers].toSorted((a, b) => a.at - b.at || a.order - b.order)[0];
        if (!next || next.at > end) break;
        timers.delete(next);
        const late = Math.max(next.at, monotonicMs);
        wallMs += late - monotonicMs;
        monotonicMs = late;
        next.fn();
        await settle();
      }
      wallMs += end - monotonicMs;
      monotonicMs = end;
      await settle();
    },
    jump(ms) {
      wallMs += ms;
      monotonicMs += ms;
    },
    stepWallClock: (ms) => void (wallMs += ms),
    pendingTimers: () => timers.size,
  };
}

/** Lets every callback that is already due run: timers of the fake clock stand still meanwhile. */
async function settle(): Promise<void> {
  for (let round = 0; round < 5; round++) await new Promise((resolve) => setImmediate(resolve));
}

/** A small seeded generator, uniform enough for tests. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
