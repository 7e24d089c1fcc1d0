import type { TransformRequest } from "./transformer.ts";

/** What a thread is asked, one at a time. */
export type Job = Omit<TransformRequest, "untrusted">;

/** What it answers. */
export interface Reply {
  /** What the sandbox returned (`result.ts` reads it), or null. */
  readonly text: string | null;
  /** Why there is none: a sentence. */
  readonly failure: string | null;
  /** Processor time of the owner's code, in milliseconds: that of making its sandbox is not in it. */
  readonly costMs: number;
}
