import type { CommitBatch, CommitResult, DeliveryStore } from "../../port.ts";
import { decodeResult, encodeBatch } from "../batch.ts";
import type { Reader } from "../reader/reader.ts";
import { toClaimedDelivery, toDueRecord } from "../rows/due.ts";
import { OperationFailed, type StoreThread } from "../thread.ts";
import type { Writer } from "../writer/writer.ts";

export interface Threads {
  readonly writer: StoreThread<Writer>;
  readonly reader: StoreThread<Reader>;
}

export function deliveryStore(
  { writer, reader }: Threads,
  { onProblem }: { onProblem: (error: Error) => void },
): DeliveryStore {
  const commit = async (batch: CommitBatch): Promise<CommitResult> =>
    decodeResult(await writer.call("commit", encodeBatch(batch)), batch);
  return {
    commit: (batch) => commitContained(batch, { commit, onProblem }),
    async findDueLanes(query) {
      const rows = await reader.call("findDueLanes", query);
      return rows.map(([appId, endpointId, nextAttemptAt]) => ({ appId, endpointId, nextAttemptAt }));
    },
    async claimDue(request) {
      const rows = await writer.call("claimDue", request);
      return rows.map(toClaimedDelivery);
    },
    releaseLeases: (request) => writer.call("releaseLeases", request),
    resend: ({ idempotency: answer, ...request }) => writer.call("resend", { ...request, answer }),
    findPausedLanes: (query) => reader.call("findPausedLanes", query),
    resumePaused: (request) => writer.call("resumePaused", request),
    async listDue(query) {
      const rows = await reader.call("listDue", query);
      return rows.map(toDueRecord);
    },
  };
}

/**
 * One operation that cannot be written (a bug) must not take those with it that happen to share its commit,
 * again and again. The batch is halved until the one is found: a message is refused, an attempt is given up.
 */
async function commitContained(
  batch: CommitBatch,
  options: { commit: (batch: CommitBatch) => Promise<CommitResult>; onProblem: (error: Error) => void },
): Promise<CommitResult> {
  try {
    return await options.commit(batch);
  } catch (error) {
    if (!(error instanceof OperationFailed)) throw error;
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
