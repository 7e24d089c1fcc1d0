import { Worker } from "node:worker_threads";
import { StoreUnavailable } from "../port.ts";
import {
  type Failure,
  READY_ID,
  type ThreadRequest,
  type ThreadResponse,
  type WorkerSetup,
} from "./protocol.ts";

/** The worker is a file of its own, with this file's extension: TypeScript here, JavaScript once built. */
const WORKER = new URL(`./worker${import.meta.url.slice(import.meta.url.lastIndexOf("."))}`, import.meta.url);

/**
 * What a thread keeps of short-lived objects before it cleans up: its work is rows on their way through, so more
 * would only hold memory that the process is measured by.
 */
const YOUNG_GENERATION_MAX_MB = 8;

/** What a thread answers: operations of at most one argument, run one after the other. */
type Operations<Of> = { readonly [Name in keyof Of]: (argument: never) => unknown } & { close(): void };

export interface ThreadOptions {
  /** Told once when the thread can do nothing more. */
  readonly onDeath: (error: Error) => void;
  /** What the thread runs, when it is not the store's own module. */
  readonly module?: URL;
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The main thread's end of a worker thread: calls become messages, answers settle their promises. */
export class StoreThread<Of extends Operations<Of>> {
  readonly #worker: Worker;
  readonly #role: string;
  readonly #onDeath: (error: Error) => void;
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<void>;
  #lastId = READY_ID;
  /** Why no call is taken any more. */
  #end: Error | null = null;

  private constructor(setup: WorkerSetup, { onDeath, module = WORKER }: ThreadOptions) {
    this.#role = setup.role;
    this.#onDeath = onDeath;
    this.#worker = new Worker(module, {
      workerData: setup,
      name: `store-${setup.role}`,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MAX_MB },
    });
    this.#worker.on("message", (response: ThreadResponse) => this.#settle(response));
    this.#worker.on("error", (error) => this.#die(error instanceof Error ? error : new Error(String(error))));
    this.#exited = new Promise((resolve) => {
      this.#worker.on("exit", (code) => {
        this.#die(new Error(`the store's ${this.#role} thread stopped with code ${code}`));
        resolve();
      });
    });
  }

  /** Resolves when its files are open; rejects when they cannot be. `onDeath` is told of anything later. */
  static async start<Of extends Operations<Of>>(
    setup: WorkerSetup,
    options: ThreadOptions,
  ): Promise<StoreThread<Of>> {
    let started = false;
    const thread = new StoreThread<Of>(setup, {
      ...options,
      onDeath: (error) => {
        if (started) options.onDeath(error);
      },
    });
    try {
      await new Promise<unknown>((resolve, reject) => thread.#pending.set(READY_ID, { resolve, reject }));
      started = true;
      return thread;
    } catch (error) {
      await thread.#exited;
      throw error;
    }
  }

  call<Name extends keyof Of & string>(
    operation: Name,
    ...[argument]: Parameters<Of[Name]>
  ): Promise<ReturnType<Of[Name]>> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the thread runs this very operation
    return this.#send(operation, argument) as Promise<ReturnType<Of[Name]>>;
  }

  /** Lets what was asked before finish. */
  async close(): Promise<void> {
    if (this.#end === null) {
      const closed = this.#send("close", undefined);
      this.#end = new Error("the store is closed");
      await closed;
    }
    await this.#exited;
  }

  /** Stops at once; everything pending rejects with the error. */
  async abandon(error: Error): Promise<void> {
    this.#rejectAll(error);
    await this.#worker.terminate();
  }

  #send(operation: string, argument: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#end !== null) return reject(this.#end);
      const id = ++this.#lastId;
      this.#pending.set(id, { resolve, reject });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
      this.#worker.postMessage([id, operation, argument] satisfies ThreadRequest);
    });
  }

  #settle([id, result, failure]: ThreadResponse): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (failure === null) {
      pending?.resolve(result);
      return;
    }
    const error = toError(failure);
    pending?.reject(error);
    if (failure.kind === "fatal") this.#die(error);
  }

  #die(error: Error): void {
    if (this.#end === null) {
      this.#rejectAll(error);
      this.#onDeath(error);
    } else {
      this.#rejectAll(this.#end);
    }
  }

  #rejectAll(error: Error): void {
    this.#end ??= error;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(error);
  }
}

/** An operation that cannot be done as it was asked for: a bug on one side. The thread itself is well. */
export class OperationFailed extends Error {
  override readonly name = "OperationFailed";
}

const ERROR_OF = { unavailable: StoreUnavailable, fatal: Error, bug: OperationFailed };

function toError({ kind, message, stack }: Failure): Error {
  const error = new ERROR_OF[kind](message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
