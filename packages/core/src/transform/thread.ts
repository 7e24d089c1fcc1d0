import { Worker } from "node:worker_threads";
import { TRANSFORMATION_KILL_AFTER_MS } from "../domain/limits.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Job, Reply } from "./protocol.ts";

/** The worker is a file of its own, with this file's extension: TypeScript here, JavaScript once built. */
const WORKER = new URL(`./worker${import.meta.url.slice(import.meta.url.lastIndexOf("."))}`, import.meta.url);
/** V8's own bounds, far above the sandbox's: what escapes those ends the thread, not the process. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 };

/** The main thread's end of a thread that runs transformations. What does not end in time ends with the thread. */
export class TransformThread {
  readonly #runtime: Runtime;
  #worker: Worker | null = null;
  #settle: ((reply: Reply) => void) | null = null;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get busy(): boolean {
    return this.#settle !== null;
  }

  /** One at a time. */
  run(job: Job): Promise<Reply> {
    const worker = (this.#worker ??= this.#start());
    return new Promise((resolve) => {
      const cancel = this.#runtime.timers.after(TRANSFORMATION_KILL_AFTER_MS, () => this.#end(worker, HUNG));
      this.#settle = (reply) => {
        cancel();
        this.#settle = null;
        resolve(reply);
      };
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
      worker.postMessage(job);
    });
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === null) return;
    this.#end(worker, STOPPED);
    await worker.terminate();
  }

  #start(): Worker {
    const worker = new Worker(WORKER, { name: "transform", resourceLimits: RESOURCE_LIMITS, env: {} });
    worker.on("message", (reply: Reply) => {
      if (worker === this.#worker) this.#settle?.(reply);
    });
    worker.on("error", (error) => {
      this.#runtime.log.warn({ error }, "a transformation's thread ended; another one takes its place");
      this.#end(worker, STOPPED);
    });
    worker.on("exit", () => this.#end(worker, STOPPED));
    // It never keeps the process from ending.
    worker.unref();
    return worker;
  }

  /** The next run starts another one. */
  #end(worker: Worker, failure: string): void {
    if (worker !== this.#worker) return;
    this.#worker = null;
    void worker.terminate();
    this.#settle?.({ text: null, failure, costMs: Number.POSITIVE_INFINITY });
  }
}

const HUNG = "The transformation did not end and was stopped. Look for loops over very long arrays or texts.";
const STOPPED = "The transformation was stopped: its thread ended.";
