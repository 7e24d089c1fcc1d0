import { ksuidIds } from "../../runtime/ksuid-ids.ts";
import type { Log, LogFields, Runtime } from "../../runtime/runtime.ts";
import type { SeededRandom } from "./random.ts";
import type { Cancel, World } from "./world.ts";

/** Wall time when the world begins: 2026-09-21. */
export const WORLD_EPOCH_MS = 1_790_000_000_000;
/** Timers fire a little late, never early. */
const TIMER_LATE_MAX_MS = 0.5;

/** Waits that are looks whether there is something to do (see `World.nextWorkAt`): how long, and how late they may come. */
interface Polls {
  readonly longestMs: number;
  readonly restMs: number;
}

/**
 * One process of the program: its own wall clock, timers, randomness and ids. It can be killed (nothing of it
 * happens any more) and stopped (what would happen waits until it goes on), at any moment.
 */
export class SimProcess {
  readonly name: string;
  readonly runtime: Runtime;
  readonly world: World;
  /** How far its wall clock is off. */
  skewMs: number;
  /** What it logged as an error. */
  readonly errors: string[] = [];
  #alive = true;
  /** What waits for it to go on; null while it runs. */
  #frozen: (() => void)[] | null = null;
  readonly #onExit: (() => void)[] = [];
  /** Signals that somebody listens to are kept by the real runtime: what a sleep that never ends listens to, as well. */
  readonly #asleep = new Set<() => void>();

  constructor(world: World, { name, skewMs, polls }: { name: string; skewMs: number; polls: Polls }) {
    this.world = world;
    this.name = name;
    this.skewMs = skewMs;
    this.runtime = this.#makeRuntime(world.random.fork(), polls);
  }

  get alive(): boolean {
    return this.#alive;
  }

  get stopped(): boolean {
    return this.#frozen !== null;
  }

  /** kill -9, or the end after a graceful stop. */
  exit(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#frozen = null;
    this.forget();
    for (const told of this.#onExit.splice(0)) told();
  }

  /** Nothing of it will happen any more: lets go of what it waits for. */
  forget(): void {
    for (const detach of this.#asleep) detach();
    this.#asleep.clear();
  }

  /** Calls `told` when it ends. */
  onExit(told: () => void): void {
    if (this.#alive) this.#onExit.push(told);
    else told();
  }

  /** SIGSTOP. */
  freeze(): void {
    if (this.#alive) this.#frozen ??= [];
  }

  /** SIGCONT: everything that came meanwhile happens now, in its order. */
  thaw(): void {
    const waiting = this.#frozen ?? [];
    this.#frozen = null;
    for (const act of waiting) this.world.after(0, () => this.act(act));
  }

  /** Something that happens inside this process: now, when it goes on again, or never. */
  act(act: () => void): void {
    if (!this.#alive) return;
    if (this.#frozen === null) act();
    else this.#frozen.push(act);
  }

  after(delayMs: number, act: () => void, options: { restMs?: number; idle?: boolean } = {}): Cancel {
    let canceled = false;
    const cancel = this.world.after(delayMs, () => this.act(() => !canceled && act()), options);
    return () => {
      canceled = true;
      cancel();
    };
  }

  #makeRuntime(random: SeededRandom, polls: Polls): Runtime {
    const { world } = this;
    const bootedAt = world.now;
    const clock = {
      now: () => Math.floor(WORLD_EPOCH_MS + world.now + this.skewMs),
      monotonic: () => world.now - bootedAt,
    };
    const late = (): number => random.between(0, TIMER_LATE_MAX_MS);
    return {
      clock,
      random,
      ids: ksuidIds(clock, random),
      log: this.#makeLog(),
      timers: {
        after: (delayMs, fn) => this.after(delayMs + late(), fn),
        soon: (fn) => void this.after(0, fn),
        sleep: (delayMs, signal) =>
          new Promise((resolve) => {
            if (signal.aborted) return resolve();
            const detach = (): void => signal.removeEventListener("abort", done);
            const done = (): void => {
              cancel();
              detach();
              this.#asleep.delete(detach);
              resolve();
            };
            const cancel = this.after(delayMs + late(), done, {
              restMs: delayMs <= polls.longestMs ? polls.restMs : 0,
              idle: true,
            });
            signal.addEventListener("abort", done);
            if (this.#alive) this.#asleep.add(detach);
            else detach();
          }),
      },
    };
  }

  #makeLog(): Log {
    const say = (level: string) => (fields: LogFields, message: string) => {
      const { error } = fields;
      const reason = error instanceof Error ? ` (${error.name}: ${error.message})` : "";
      this.world.log(this.name, `${level} ${message}${reason}`);
      if (level === "error") this.errors.push(`${message}${reason}`);
    };
    return { debug() {}, info: say("info"), warn: say("warn"), error: say("error") };
  }
}
