import type { Job, Reply } from "./protocol.ts";
import { CodeFailed, type Sandbox } from "./sandbox.ts";

type Made = Pick<Sandbox, "load" | "keep" | "run" | "sound">;

/**
 * The sandboxes of one thread: made on demand, kept for the next run of the same code, bounded. What a run costs is
 * what the owner's code takes, loaded and run: making a sandbox may take longer than a slow script, and says nothing
 * about a quick one. Code that is slow to load is not kept when it fails, so its loading counts.
 */
export class Sandboxes {
  readonly #make: (job: Job) => Promise<Made>;
  readonly #cpuMs: () => number;
  readonly #max: number;
  /** By endpoint, code and variables; the one that was used last stands last. */
  readonly #kept = new Map<string, Made>();

  constructor(options: {
    /** An interpreter with nothing of the owner's code in it. */
    make: (job: Job) => Promise<Made>;
    /** Processor time of this thread. */
    cpuMs: () => number;
    max: number;
  }) {
    this.#make = options.make;
    this.#cpuMs = options.cpuMs;
    this.#max = options.max;
  }

  /** Never rejects: what goes wrong is the answer. */
  async answer(job: Job): Promise<Reply> {
    let costMs = 0;
    const counted = <Result>(work: () => Result): Result => {
      const begun = this.#cpuMs();
      try {
        return work();
      } finally {
        costMs += this.#cpuMs() - begun;
      }
    };
    try {
      return { text: await this.#run(job, counted), failure: null, costMs };
    } catch (error) {
      // Anything else broke the interpreter itself, such as a recursion that its stack could not hold.
      return { text: null, failure: error instanceof CodeFailed ? error.message : BROKEN, costMs };
    }
  }

  async #run(job: Job, counted: <Result>(work: () => Result) => Result): Promise<string> {
    const name = `${job.key}\n${JSON.stringify(job.variables)}\n${job.code}`;
    const known = this.#kept.get(name);
    this.#kept.delete(name);
    const sandbox = known ?? (await this.#make(job));
    if (known === undefined) {
      counted(() => sandbox.load(job));
      sandbox.keep();
    }
    let broken = false;
    try {
      return counted(() => sandbox.run(job));
    } catch (error) {
      broken = !(error instanceof CodeFailed);
      throw error;
    } finally {
      if (!broken && sandbox.sound) this.#remember(name, sandbox);
    }
  }

  #remember(name: string, sandbox: Made): void {
    this.#kept.set(name, sandbox);
    if (this.#kept.size <= this.#max) return;
    for (const oldest of this.#kept.keys()) {
      this.#kept.delete(oldest);
      return;
    }
  }
}

const BROKEN =
  "The transformation failed: it broke its sandbox, by recursing too deeply or using too much memory.";
