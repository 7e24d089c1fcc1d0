import type { CommitBatch, CommitResult } from "./port.ts";

/**
 * One operation that cannot be written (a bug) must not take those with it that happen to share its commit,
 * again and again. The batch is halved until the one is found: a message is refused, an attempt is given up.
 */
export async function commitContained(
  batch: CommitBatch,
  options: {
    commit: (batch: CommitBatch) => Promise<CommitResult>;
    /** Whether an operation of the batch is at fault, rather than the store; nothing of the batch was written. */
    isBug: (error: unknown) => error is Error;
    onProblem: (error: Error) => void;
  },
): Promise<CommitResult> {
  try {
    return await options.commit(batch);
  } catch (error) {
    if (!options.isBug(error)) throw error;
    if (batch.accepted.length + batch.settled.length === 1) {
      options.onProblem(error);
      return {
        accepted: batch.accepted.map(() => ({ kind: "unavailable" })),
        settled: batch.settled.map(() => false),
      };
    }
    const accepted = Math.ceil(batch.accepted.length / 2);
    const settled = Math.floor(batch.settled.length / 2);
    const first = await commitContained(
      { accepted: batch.accepted.slice(0, accepted), settled: batch.settled.slice(0, settled) },
      options,
    );
    const second = await commitContained(
      { accepted: batch.accepted.slice(accepted), settled: batch.settled.slice(settled) },
      options,
    );
    return {
      accepted: [...first.accepted, ...second.accepted],
      settled: [...first.settled, ...second.settled],
    };
  }
}
