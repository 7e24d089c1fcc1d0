import type { DeliveryStore } from "../../port.ts";
import { decodeResult, encodeBatch } from "../batch.ts";
import type { Reader } from "../reader/reader.ts";
import { toClaimedDelivery, toDueRecord } from "../rows/due.ts";
import type { StoreThread } from "../thread.ts";
import type { Writer } from "../writer/writer.ts";

export interface Threads {
  readonly writer: StoreThread<Writer>;
  readonly reader: StoreThread<Reader>;
}

export function deliveryStore({ writer, reader }: Threads): DeliveryStore {
  return {
    async commit(batch) {
      return decodeResult(await writer.call("commit", encodeBatch(batch)), batch);
    },
    findDueLanes: (query) => reader.call("findDueLanes", query),
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
