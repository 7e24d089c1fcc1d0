import type { CommitBatch, CommitResult, DeliveryStore } from "../../port.ts";
import { commitContained } from "../../contain.ts";
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
    commitsInParallel: false,
    commit: (batch) => commitContained(batch, { commit, isBug, onProblem }),
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

const isBug = (error: unknown): error is OperationFailed => error instanceof OperationFailed;
