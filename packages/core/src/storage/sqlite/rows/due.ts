import type { DueDelivery } from "../../../domain/delivery.ts";
import type { ClaimedDelivery, DueRecord } from "../../port.ts";

/** Due since ever rather than since now: a clock that is set back must not put it off. */
export const DUE_AT_ONCE = 0;
export const DUE_COLUMNS =
  "app_id, endpoint_id, message_id, attempts, manual, once, next_attempt_at, leased_by";
export type DueRow = readonly [
  appId: string,
  endpointId: string,
  messageId: string,
  attempts: number,
  manual: number,
  once: number,
  nextAttemptAt: number | null,
  leasedBy: string | null,
];

export type ClaimedRow = readonly [...due: DueRow, eventType: string, payload: string | null];

export function toDueRecord(row: DueRow): DueRecord {
  const [, , , , , , nextAttemptAt, leasedBy] = row;
  const state = leasedBy !== null ? "sending" : nextAttemptAt === null ? "paused" : "pending";
  return { ...toDueDelivery(row), state, nextAttemptAt };
}

export function toClaimedDelivery(row: ClaimedRow): ClaimedDelivery {
  const [appId, endpointId, messageId, attempts, manual, once] = row;
  const delivery = toDueDelivery([appId, endpointId, messageId, attempts, manual, once, null, null]);
  return { delivery, eventType: row[8], payload: row[9] };
}

function toDueDelivery([appId, endpointId, messageId, attempts, manual, once]: DueRow): DueDelivery {
  return {
    appId,
    endpointId,
    messageId,
    attempts,
    trigger: manual === 1 ? "manual" : "scheduled",
    once: once === 1,
    // One process makes all ids, so they tell the order.
    order: 0,
  };
}
