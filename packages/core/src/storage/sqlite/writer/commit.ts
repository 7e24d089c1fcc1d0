import { ACCEPT, SETTLED, type EncodedBatch, type EncodedResult, ValueReader } from "../batch.ts";
import { isFull } from "../failure.ts";
import type { MessageRow } from "../rows/message.ts";
import type { AcceptWriter } from "./accept.ts";
import type { ListIndex } from "./list-index.ts";
import type { SettleWriter } from "./settle.ts";
import type { Space } from "./space.ts";
import type { WipeWriter } from "./wipe.ts";
import type { WriterDatabase } from "./writer-database.ts";

export interface CommitParts {
  readonly database: WriterDatabase;
  readonly accepts: AcceptWriter;
  readonly settles: SettleWriter;
  readonly lists: ListIndex;
  readonly space: Space;
  readonly wipes: WipeWriter;
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
    const polled = batch.polled?.[index] === 1;
    const code = accepts.accept(values, { replayed, polled, deliverAt: batch.deliverAt?.[index] ?? 0 });
    if (code === ACCEPT.accepted) continue;
    codes ??= new Uint8Array(batch.acceptedCount);
    codes[index] = code;
  }
  return { codes, replayed };
}

function settleAll(parts: CommitParts, batch: EncodedBatch): Uint8Array | null {
  const values = new ValueReader(batch.settled);
  const bodies = { bytes: batch.bytes, at: 0 };
  const outcomes = batch.told === null ? null : new Uint8Array(batch.settledCount);
  let held: Uint8Array | null = null;
  for (let index = 0; index < batch.settledCount; index++) {
    const outcome = parts.settles.settle(values, bodies);
    if (outcomes !== null) outcomes[index] = outcome;
    if (outcome !== SETTLED.lost) continue;
    held ??= new Uint8Array(batch.settledCount).fill(1);
    held[index] = 0;
  }
  if (batch.wipes !== null) for (const wipe of batch.wipes) parts.wipes.note(wipe);
  if (outcomes !== null) tellAll(parts, batch, outcomes);
  return held;
}

/** Stores the messages about what was settled, where that came to be. */
function tellAll({ accepts }: CommitParts, { told }: EncodedBatch, outcomes: Uint8Array): void {
  for (const { place, least, values } of told ?? []) {
    if ((outcomes[place] ?? SETTLED.lost) < least) continue;
    accepts.tell([values]);
  }
}
