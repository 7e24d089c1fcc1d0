/** A thread that runs transformations, one after the other. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parentPort } from "node:worker_threads";
import { TRANSFORMATION_SANDBOXES_MAX } from "../domain/limits.ts";
import { threadCpuMs, useUtc } from "../runtime/thread-clock.ts";
import type { Job } from "./protocol.ts";
import { Sandbox } from "./sandbox.ts";
import { Sandboxes } from "./sandboxes.ts";

const port = parentPort;
if (port === null) throw new Error("this module runs as a worker thread only");
useUtc();
const file = fileURLToPath(import.meta.resolve("@jitl/quickjs-wasmfile-release-sync/wasm"));
const wasm = WebAssembly.compile(await readFile(file));
const sandboxes = new Sandboxes({
  make: async (job) => Sandbox.make(await wasm, job),
  cpuMs: threadCpuMs,
  max: TRANSFORMATION_SANDBOXES_MAX,
});

port.on("message", (job: Job) => void answer(job));

async function answer(job: Job): Promise<void> {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
  port?.postMessage(await sandboxes.answer(job));
}
