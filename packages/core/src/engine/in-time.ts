import type { Runtime } from "../runtime/runtime.ts";
import { StoreUnavailable } from "../storage/port.ts";

/** Said with it, no error is made for nobody to read. */
const OVER = "over";

/** The result of `work`, or StoreUnavailable after `limitMs`: a connection that hangs must not hang a loop with it. */
export async function inTime<Result>(
  work: Promise<Result>,
  { runtime, limitMs }: { runtime: Runtime; limitMs: number },
): Promise<Result> {
  const done = new AbortController();
  const late = async (): Promise<never> => {
    await runtime.timers.sleep(limitMs, done.signal);
    throw new StoreUnavailable("the database did not answer in time");
  };
  try {
    return await Promise.race([work, late()]);
  } finally {
    done.abort(OVER);
  }
}
