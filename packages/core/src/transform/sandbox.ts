import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSSyncVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSWASMModule,
} from "quickjs-emscripten-core";
import wasmfile from "@jitl/quickjs-wasmfile-release-sync";
import {
  TRANSFORMATION_ERROR_MAX_CHARS,
  TRANSFORMATION_MEMORY_MAX_BYTES,
  TRANSFORMATION_STACK_MAX_BYTES,
  TRANSFORMATION_TIME_MAX_MS,
} from "../domain/limits.ts";
import { setThreadTime, threadCpuMs } from "../runtime/thread-clock.ts";
import { preludeOf } from "./prelude.ts";
import type { Job } from "./protocol.ts";

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its types describe its CommonJS half
const VARIANT = wasmfile as unknown as QuickJSSyncVariant;
const PAGE_BYTES = 4_096;
const ZEROS = Buffer.alloc(PAGE_BYTES);

/** A part of the memory that is not zero, as it was once the code had been loaded. */
interface Saved {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** The code failed; the message is a sentence for its owner. */
export class CodeFailed extends Error {
  override readonly name = "CodeFailed";
}

/**
 * One endpoint's code in an interpreter, and a memory, of its own: QuickJS in WebAssembly, with nothing of Node.js in
 * reach. It is made, then the code is loaded, then the memory is kept, each once; after each run the memory is put back to
 * what was kept, so no run sees another one. For the thread's only use: the clock it stops is the thread's.
 */
export class Sandbox {
  readonly #context: QuickJSContext;
  readonly #memory: WebAssembly.Memory;
  readonly #budget: Budget;
  #run: QuickJSHandle | null = null;
  #handler: QuickJSHandle | null = null;
  #saved: Saved[] = [];
  #sizeBytes = 0;

  private constructor(quickjs: QuickJSWASMModule) {
    const runtime = quickjs.newRuntime();
    runtime.setMemoryLimit(TRANSFORMATION_MEMORY_MAX_BYTES);
    runtime.setMaxStackSize(TRANSFORMATION_STACK_MAX_BYTES);
    this.#budget = new Budget();
    runtime.setInterruptHandler(() => this.#budget.spent());
    this.#context = runtime.newContext();
    this.#memory = quickjs.getWasmMemory();
  }

  /** With its variables, and nothing of the owner's code yet. */
  static async make(wasmModule: WebAssembly.Module, { variables }: Pick<Job, "variables">): Promise<Sandbox> {
    setThreadTime(0);
    const quickjs = await newQuickJSWASMModuleFromVariant(newVariant(VARIANT, { wasmModule }));
    const sandbox = new Sandbox(quickjs);
    sandbox.#prepare(variables);
    return sandbox;
  }

  /** Throws CodeFailed when the code cannot be loaded. */
  load({ code }: Pick<Job, "code">): void {
    const context = this.#context;
    setThreadTime(0);
    this.#budget.begin();
    this.#take(context.evalCode(code, "handler.js"), () => {});
    const find = "typeof handler === 'function' ? handler : undefined";
    this.#handler = this.#take(context.evalCode(find, "find.js"), keep);
  }

  /** Every run begins with the memory as it is now. */
  keep(): void {
    const memory = new Uint8Array(this.#memory.buffer);
    this.#sizeBytes = memory.byteLength;
    let begin: number | null = null;
    for (let at = 0; at <= memory.length; at += PAGE_BYTES) {
      const used = at < memory.length && !ZEROS.equals(memory.subarray(at, at + PAGE_BYTES));
      if (used) begin ??= at;
      else if (begin !== null) {
        this.#saved.push({ at: begin, bytes: memory.slice(begin, at) });
        begin = null;
      }
    }
  }

  /** Whether it can be used again. */
  get sound(): boolean {
    // A memory that has grown does not shrink, and what was cut short may have left anything behind.
    return !this.#budget.exceeded && this.#memory.buffer.byteLength === this.#sizeBytes;
  }

  /** What the handler makes of the webhook. Throws CodeFailed; any other error has spoiled the sandbox. */
  run(job: Job): string {
    const context = this.#context;
    if (this.#run === null || this.#handler === null) throw new Error("nothing is loaded");
    this.#budget.begin();
    setThreadTime(job.now);
    const { eventType, url } = job;
    const frame = JSON.stringify({ eventType, url, method: "POST", headers: {}, cancel: false });
    const text = this.#take(
      context.callFunction(
        this.#run,
        context.undefined,
        this.#handler,
        context.newString(frame),
        context.newString(job.payload),
        context.newNumber(seedOf(job.seed)),
      ),
      (value) => context.getString(value),
    );
    if (this.sound) this.#restore();
    return text;
  }

  #prepare(variables: Job["variables"]): void {
    this.#budget.begin();
    this.#run = this.#take(this.#context.evalCode(preludeOf(variables), "prelude.js"), keep);
  }

  /** Handles of a run are never given back one by one: restoring the memory does it for all. */
  #take<Value>(
    result: { error: QuickJSHandle; value?: undefined } | { value: QuickJSHandle; error?: undefined },
    read: (value: QuickJSHandle) => Value,
  ): Value {
    if (this.#budget.exceeded) throw new CodeFailed(TOO_LONG);
    if (result.error === undefined) return read(result.value);
    const message = describe(this.#context, result.error);
    if (this.#budget.exceeded) throw new CodeFailed(TOO_LONG);
    if (this.#sizeBytes > 0 && this.sound) this.#restore();
    throw new CodeFailed(message);
  }

  #restore(): void {
    const memory = new Uint8Array(this.#memory.buffer);
    for (const { at, bytes } of this.#saved) memory.set(bytes, at);
  }
}

function keep(value: QuickJSHandle): QuickJSHandle {
  return value;
}

/** Processor time of one run. */
class Budget {
  exceeded = false;
  #until = Number.POSITIVE_INFINITY;

  begin(): void {
    this.#until = threadCpuMs() + TRANSFORMATION_TIME_MAX_MS;
  }

  spent(): boolean {
    this.exceeded ||= threadCpuMs() > this.#until;
    return this.exceeded;
  }
}

const TOO_LONG = `The transformation ran longer than ${TRANSFORMATION_TIME_MAX_MS} ms and was stopped. Make it do less.`;
const OUT_OF_MEMORY = `The transformation used more than ${TRANSFORMATION_MEMORY_MAX_BYTES / 1_048_576} MiB of memory and was stopped.`;

function describe(context: QuickJSContext, error: QuickJSHandle): string {
  const thrown: unknown = context.dump(error);
  // There was no memory left to make an error with.
  if (thrown === null || thrown === undefined) return OUT_OF_MEMORY;
  if (typeof thrown !== "object") return sentence(JSON.stringify(thrown));
  const { name, message, stack }: Record<string, unknown> = {
    name: "Error",
    message: "",
    stack: "",
    ...thrown,
  };
  if (String(message) === "out of memory") return OUT_OF_MEMORY;
  const line = /handler\.js:(\d+)/.exec(String(stack))?.[1];
  return sentence(`${String(name)}: ${String(message)}${line === undefined ? "" : ` (line ${line})`}`);
}

function sentence(words: string): string {
  return `The transformation failed: ${words.slice(0, TRANSFORMATION_ERROR_MAX_CHARS)}`;
}

/** FNV-1a, 32 bits. */
function seedOf(text: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01_00_01_93);
  return hash | 0;
}
