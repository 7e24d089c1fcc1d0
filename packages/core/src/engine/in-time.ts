import type { Runtime } from "../runtime/runtime.ts";
import { StoreUnavailable } from "../storage/port.ts";

/** The result of `work`, or StoreUnavailable after `limitMs`: a connection that hangs must not hang a loop with it. */
export function inTime<Result>(
  work: Promise<Result>,
  { runtime, limitMs }: { runtime: Runtime; limitMs: number },
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const cancel = runtime.timers.after(limitMs, () =>
      reject(new StoreUnavailable("the database did not answer in time")),
    );
    work.then(resolve, reject).finally(cancel);
  });
}
