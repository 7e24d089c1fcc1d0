import { CommitInDoubt, type Store, StoreUnavailable } from "../../storage/port.ts";
import { carried, type SyncStore } from "../model/sync.ts";
import type { SimProcess } from "../world/process.ts";
import type { SeededRandom } from "../world/random.ts";
import { type CallFaults, fateOf, NO_CALL_FAULTS } from "./faults.ts";

/** How the store is at the moment; the incidents change it. */
export interface Weather {
  away: boolean;
  slowness: number;
  readonly partitioned: Set<SimProcess>;
  /** False once faults have stopped. */
  stormy: boolean;
}

export interface StoreLinkOptions {
  readonly store: SyncStore;
  readonly process: SimProcess;
  readonly weather: Weather;
  readonly faults: CallFaults;
  /** Writes of one process are done in the order of its calls, as one thread does them. */
  readonly inOrder: boolean;
  /** Told of what was done, before the process is. */
  readonly onDone: (call: { name: string; args: readonly unknown[]; result: unknown }) => void;
}

const REQUEST_MS = { min: 0.05, max: 1.5 };
const ANSWER_MS = { min: 0.05, max: 0.8 };
const SLOW_MS = { min: 50, max: 2_500 };
/** How long a call to a store that is away takes to fail. */
const AWAY_MS = { min: 1, max: 300 };
const READS = /\.(find|list|has|health|stats)/;
/** Writes that others find nothing by. */
const UNSEEN = /^(cluster\.(beat|isRecalled)|tasks\.claim)$/;
const traits = new Map<string, { readonly reads: boolean; readonly idle: boolean }>();

/** What kind of call it is, by its name. */
function traitsOf(name: string): { readonly reads: boolean; readonly idle: boolean } {
  let known = traits.get(name);
  if (known === undefined) {
    const reads = READS.test(name);
    known = { reads, idle: reads || UNSEEN.test(name) };
    traits.set(name, known);
  }
  return known;
}

/**
 * A process's way to the store and back. The store does each call at one moment; before and after it anything
 * may go wrong.
 */
export class StoreLink {
  readonly store: Store;
  readonly #options: StoreLinkOptions;
  readonly #random: SeededRandom;
  /** Calls on their way there. */
  readonly #underWay = new Set<{ arrive: () => void; canceled: boolean }>();
  #lastWriteAt = 0;

  constructor(options: StoreLinkOptions) {
    this.#options = options;
    this.#random = options.process.world.random.fork();
    this.store = carried(options.store, (name, run, args) => this.#call(name, run, args));
    if (options.inOrder) options.process.onExit(() => this.#exited());
  }

  #call(name: string, run: () => unknown, args: readonly unknown[]): Promise<unknown> {
    const { process, weather, faults } = this.#options;
    return new Promise((resolve, reject) => {
      if (!process.alive) return;
      const fate = fateOf(this.#random, weather.stormy ? faults : NO_CALL_FAULTS);
      if (fate === "crashBefore") return process.exit();
      const { idle } = traitsOf(name);
      const answer = (act: () => void, delayMs: number): void => void process.after(delayMs, act, { idle });
      const call = {
        canceled: false,
        arrive: () => {
          this.#underWay.delete(call);
          const refused = weather.away || weather.partitioned.has(process) || fate === "fail";
          if (refused && name !== "store.health") {
            process.world.log(process.name, `${name} refused`);
            return answer(() => reject(new StoreUnavailable("the store is away")), this.#draw(AWAY_MS));
          }
          this.#arrived(name, { run, args, fate, refused }, { resolve, reject, answer });
        },
      };
      this.#underWay.add(call);
      const delayMs = this.#delay(name, fate === "slow");
      process.world.after(delayMs, () => !call.canceled && call.arrive(), { idle });
    });
  }

  #arrived(
    name: string,
    {
      run,
      args,
      fate,
      refused,
    }: { run: () => unknown; args: readonly unknown[]; fate: string; refused: boolean },
    to: {
      resolve: (result: unknown) => void;
      reject: (error: unknown) => void;
      answer: (act: () => void, delayMs: number) => void;
    },
  ): void {
    const { process, onDone } = this.#options;
    const delayMs = this.#draw(ANSWER_MS) * this.#options.weather.slowness;
    if (refused) return to.answer(() => to.resolve({ ok: false, reason: "the store is away" }), delayMs);
    let result: unknown;
    try {
      result = run();
    } catch (error) {
      process.world.log(process.name, `${name} threw ${error instanceof Error ? error.name : "something"}`);
      return to.answer(() => to.reject(error), delayMs);
    }
    if (!traitsOf(name).reads) process.world.log(process.name, `${name} done ${fate}`);
    onDone({ name, args, result });
    if (fate === "crashAfter") return process.exit();
    if (fate === "doubt" && !traitsOf(name).reads) {
      return to.answer(() => to.reject(new CommitInDoubt("the connection was lost")), this.#draw(AWAY_MS));
    }
    to.answer(() => to.resolve(result), delayMs);
  }

  #delay(name: string, slow: boolean): number {
    const { inOrder, process, weather } = this.#options;
    const delayMs = slow ? this.#draw(SLOW_MS) : this.#draw(REQUEST_MS) * weather.slowness;
    if (!inOrder || traitsOf(name).reads) return delayMs;
    const { now } = process.world;
    this.#lastWriteAt = Math.max(this.#lastWriteAt + 0.001, now + delayMs);
    return this.#lastWriteAt - now;
  }

  /** The store dies with the process: what was on its way is done at once, in order, or not at all from some call on. */
  #exited(): void {
    const calls = [...this.#underWay];
    const done = this.#random.int(0, calls.length);
    for (const [index, call] of calls.entries()) {
      call.canceled = true;
      if (index < done) call.arrive();
    }
  }

  #draw({ min, max }: { min: number; max: number }): number {
    return this.#random.between(min, max);
  }
}
