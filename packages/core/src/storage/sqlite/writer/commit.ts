import { ACCEPT, type EncodedBatch, type EncodedResult, ValueReader } from "../batch.ts";
import { isFull } from "../failure.ts";
import type { MessageRow } from "../rows/message.ts";
import type { AcceptWriter } from "./accept.ts";
import type { ListIndex } from "./list-index.ts";
import type { SettleWriter } from "./settle.ts";
import type { Space } from "./space.ts";
import type { WriterDatabase } from "./writer-database.ts";

export interface CommitParts {
  readonly database: WriterDatabase;
  readonly accepts: AcceptWriter;
  readonly settles: SettleWriter;
  readonly lists: ListIndex;
  readonly space: Space;
}

/**
 * One transaction for a batch. When the disk is full, what has been sent must still be recorded, or it would
 * be sent again: the reserve is given up for it, and new messages are refused until it is back.
 */
export function commitBatch(parts: CommitParts, batch: EncodedBatch): EncodedResult {
  if (parts.space.isFull && batch.acceptedCount > 0) return commitSettled(parts, batch);
  try {
    return parts.database.transaction(() => {
      const { codes, replayed } = acceptAll(parts, batch);
      const settled = settleAll(parts, batch);
      parts.lists.step();
      return { accepted: codes, replayed, settled };
    });
  } catch (error) {
    if (!isFull(error) || parts.space.isFull) throw error;
    parts.space.giveUpReserve();
    return commitSettled(parts, batch);
  }
}

function commitSettled(parts: CommitParts, batch: EncodedBatch): EncodedResult {
  const accepted = new Uint8Array(batch.acceptedCount).fill(ACCEPT.unavailable);
  if (batch.settledCount === 0) return { accepted, settled: null, replayed: [] };
  return parts.database.transaction(() => ({ accepted, settled: settleAll(parts, batch), replayed: [] }));
}

function acceptAll(
  { accepts }: CommitParts,
  batch: EncodedBatch,
): { codes: Uint8Array | null; replayed: MessageRow[] } {
  const values = new ValueReader(batch.accepted);
  const replayed: MessageRow[] = [];
  let codes: Uint8Array | null = null;
  for (let index = 0; index < batch.acceptedCount; index++) {
    const code = accepts.accept(values, { replayed, polled: batch.polled?.[index] === 1 });
    if (code === ACCEPT.accepted) continue;
    codes ??= new Uint8Array(batch.acceptedCount);
    codes[index] = code;
  }
  return { codes, replayed };
}

function settleAll({ settles }: CommitParts, batch: EncodedBatch): Uint8Array | null {
  const values = new ValueReader(batch.settled);
  const bodies = { bytes: batch.bytes, at: 0 };
  let held: Uint8Array | null = null;
  for (let index = 0; index < batch.settledCount; index++) {
    if (settles.settle(values, bodies)) continue;
    held ??= new Uint8Array(batch.settledCount).fill(1);
    held[index] = 0;
  }
  return held;
}
