/** A thread that runs transformations, one after the other. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parentPort } from "node:worker_threads";
import { TRANSFORMATION_SANDBOXES_MAX } from "../domain/limits.ts";
import { threadCpuMs, useUtc } from "../runtime/thread-clock.ts";
import type { Job, Reply } from "./protocol.ts";
import { CodeFailed, Sandbox } from "./sandbox.ts";

const port = parentPort;
if (port === null) throw new Error("this module runs as a worker thread only");
useUtc();
const file = fileURLToPath(import.meta.resolve("@jitl/quickjs-wasmfile-release-sync/wasm"));
const wasm = WebAssembly.compile(await readFile(file));
/** By endpoint, code and variables; the one that was used last stands last. */
const sandboxes = new Map<string, Sandbox>();

port.on("message", (job: Job) => void answer(job));

async function answer(job: Job): Promise<void> {
  const begun = threadCpuMs();
  let reply: Pick<Reply, "text" | "failure">;
  try {
    reply = { text: await run(job), failure: null };
  } catch (error) {
    // Anything else broke the interpreter itself, such as a recursion that its stack could not hold.
    reply = { text: null, failure: error instanceof CodeFailed ? error.message : BROKEN };
  }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
  port?.postMessage({ ...reply, costMs: threadCpuMs() - begun } satisfies Reply);
}

async function run(job: Job): Promise<string> {
  const name = `${job.key}\n${JSON.stringify(job.variables)}\n${job.code}`;
  const known = sandboxes.get(name);
  sandboxes.delete(name);
  const sandbox = known ?? (await Sandbox.load(await wasm, job));
  let broken = false;
  try {
    return sandbox.run(job);
  } catch (error) {
    broken = !(error instanceof CodeFailed);
    throw error;
  } finally {
    if (!broken && sandbox.sound) remember(name, sandbox);
  }
}

function remember(name: string, sandbox: Sandbox): void {
  sandboxes.set(name, sandbox);
  if (sandboxes.size <= TRANSFORMATION_SANDBOXES_MAX) return;
  for (const oldest of sandboxes.keys()) {
    sandboxes.delete(oldest);
    return;
  }
}

const BROKEN =
  "The transformation failed: it broke its sandbox, by recursing too deeply or using too much memory.";
