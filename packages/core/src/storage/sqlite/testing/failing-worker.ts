/** A thread that fails in the ways a store's thread may, each when asked for it. */
import { parentPort } from "node:worker_threads";
import { type Failure, READY_ID, type ThreadRequest, type ThreadResponse } from "../protocol.ts";

const failure = (kind: Failure["kind"]): Failure => ({
  kind,
  message: `a ${kind} failure`,
  stack: undefined,
});

function answer(response: ThreadResponse): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(response);
}

parentPort?.on("message", ([id, operation]: ThreadRequest) => {
  switch (operation) {
    case "throw":
      throw new Error("out of memory");
    case "exit":
      process.exit(3);
      break;
    case "hang":
      break;
    case "close":
      answer([id, null, null]);
      parentPort?.close();
      break;
    case "bug":
    case "fatal":
    case "unavailable":
      answer([id, null, failure(operation)]);
      break;
    default:
      answer([id, operation, null]);
  }
});
answer([READY_ID, null, null]);
