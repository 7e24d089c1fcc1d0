/** One of the two threads of a store: runs a request at a time and answers it. */
import { parentPort, workerData } from "node:worker_threads";
import { classify } from "./failure.ts";
import {
  type Failure,
  READY_ID,
  type ThreadRequest,
  type ThreadResponse,
  type WorkerSetup,
} from "./protocol.ts";
import { createReader } from "./reader/reader.ts";
import { createWriter } from "./writer/writer.ts";

const port = parentPort;
if (port === null) throw new Error("this module runs as a worker thread only");
const { role, files }: WorkerSetup = workerData;
const operations: Readonly<Record<string, (argument: never) => unknown>> =
  role === "writer" ? { ...createWriter(files) } : { ...createReader(files) };
/** After a fatal failure nothing may be acknowledged any more. */
let fatal: Failure | null = null;

port.on("message", ([id, operation, argument]: ThreadRequest) => {
  answer(run(id, operation, argument));
  if (operation === "close") port.close();
});
answer([READY_ID, null, null]);

function run(id: number, operation: string, argument: unknown): ThreadResponse {
  if (fatal !== null) return [id, null, fatal];
  try {
    const handler = operations[operation];
    if (handler === undefined) throw new Error(`the ${role} has no operation ${operation}`);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- StoreThread.call has checked its type
    return [id, handler(argument as never), null];
  } catch (error) {
    const failure = toFailure(error);
    if (failure.kind === "fatal") fatal = failure;
    return [id, null, failure];
  }
}

function answer(response: ThreadResponse): void {
  port?.postMessage(response);
}

function toFailure(error: unknown): Failure {
  const kind = classify(error);
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  // A failed read loses nothing: it is the answer to that read only.
  return { kind: role === "reader" && kind === "fatal" ? "bug" : kind, message, stack };
}
