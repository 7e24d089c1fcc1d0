import { SeededRandom } from "./random.ts";
import { EventQueue, type WorldEvent } from "./event-queue.ts";
import { Trace } from "./trace.ts";

/** Stops an event that has not happened. */
export type Cancel = () => void;

const SETTLED = Promise.resolve();

interface Kind {
  /** A look whether there is something to do, which may as well come so much later while there is nothing. */
  readonly restMs?: number;
  /** Nobody who looks afterwards finds anything that was not there before. */
  readonly idle?: boolean;
}

/**
 * The one clock of a simulation and everything that is going to happen by it. A step takes the next event, runs
 * it, and then lets every promise that came of it settle before the next: nothing else moves the program on, so
 * a seed decides all of it.
 */
export class World {
  readonly random: SeededRandom;
  readonly trace: Trace;
  /** When the store will next have something for somebody who looks: until then polls may be late. */
  nextWorkAt: () => number = () => 0;
  steps = 0;
  readonly #queue = new EventQueue();
  /** Polls whose time came while there was nothing to find. */
  #resting: WorldEvent[] = [];
  #restUntil = Number.POSITIVE_INFINITY;
  readonly #ties: SeededRandom;
  #now = 0;

  constructor({ seed, keepLines }: { seed: number; keepLines: boolean }) {
    this.random = new SeededRandom(seed);
    this.#ties = this.random.fork();
    this.trace = new Trace({ keepLines });
  }

  /** Milliseconds since the world began. */
  get now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void, { restMs = 0, idle = false }: Kind = {}): Cancel {
    const at = this.#now + Math.max(0, delayMs);
    const tie = this.#ties.next();
    const event: WorldEvent = { at, tie, run, restMs, everyMs: Math.max(1, delayMs), idle, canceled: false };
    this.#queue.push(event);
    return () => {
      event.canceled = true;
    };
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.after(delayMs, resolve));
  }

  log(who: string, what: string): void {
    this.trace.add(this.#now, who, what);
  }

  /**
   * Runs until `until`, or until `isOver` says so. Between two steps the queue of microtasks runs empty: a tick is
   * taken only when no microtask is left, and each step begins as a tick that a microtask asked for.
   */
  run({ until, isOver }: { until: number; isOver: () => boolean }): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (): void => {
        try {
          if (isOver() || !this.#step(until)) return resolve();
        } catch (error) {
          return reject(error);
        }
        void SETTLED.then(tick);
      };
      const tick = (): void => process.nextTick(step);
      step();
    });
  }

  #step(until: number): boolean {
    if ((this.#queue.nextAt() ?? Number.POSITIVE_INFINITY) >= this.#restUntil) this.#wake(this.#restUntil);
    const event = this.#queue.pop();
    if (event === undefined) return false;
    if (event.restMs > 0) {
      this.#rest(event);
      return true;
    }
    if (event.at > until) return false;
    this.#now = Math.max(this.#now, event.at);
    this.steps += 1;
    event.run();
    if (!event.idle) this.#wake(this.#now);
    return true;
  }

  /** While nothing can be found and nothing else happens, looking every few milliseconds only takes time. */
  #rest(event: WorldEvent): void {
    const until = Math.min(this.nextWorkAt(), event.at + event.restMs);
    // Put off once: then it happens, whether there is something to find or not.
    event.restMs = 0;
    if (until <= event.at) return this.#queue.push(event);
    this.#resting.push(event);
    this.#restUntil = Math.min(this.#restUntil, until);
  }

  /** Each goes on in its own rhythm: it knows no better than before when something has happened. */
  #wake(at: number): void {
    if (this.#resting.length === 0) return;
    for (const event of this.#resting) {
      event.at += Math.max(0, Math.ceil((at - event.at) / event.everyMs)) * event.everyMs;
      this.#queue.push(event);
    }
    this.#resting = [];
    this.#restUntil = Number.POSITIVE_INFINITY;
  }
}
