import { SeededRandom } from "./random.ts";
import { EventQueue, type WorldEvent } from "./event-queue.ts";
import { Trace } from "./trace.ts";

/** Stops an event that has not happened. */
export type Cancel = () => void;

/** The most that a poll is late. */
const POLL_LATE_MAX_MS = 60_000;

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

  after(delayMs: number, run: () => void, { poll = false } = {}): Cancel {
    const at = this.#now + Math.max(0, delayMs);
    const event: WorldEvent = { at, tie: this.#ties.next(), run, poll, canceled: false };
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
        queueMicrotask(tick);
      };
      const tick = (): void => process.nextTick(step);
      step();
    });
  }

  #step(until: number): boolean {
    const event = this.#queue.pop();
    if (event === undefined) return false;
    if (event.poll) {
      // Put off once: then it happens, whether there is something to find or not.
      event.poll = false;
      event.at = this.#quietUntil(event.at);
      this.#queue.push(event);
      return true;
    }
    if (event.at > until) return false;
    this.#now = Math.max(this.#now, event.at);
    this.steps += 1;
    event.run();
    return true;
  }

  /** While nothing can be found and nothing else happens, looking every few milliseconds only takes time. */
  #quietUntil(at: number): number {
    const workAt = this.nextWorkAt();
    return workAt <= at ? at : Math.min(workAt, this.#queue.nextDeedAt(), at + POLL_LATE_MAX_MS);
  }
}
