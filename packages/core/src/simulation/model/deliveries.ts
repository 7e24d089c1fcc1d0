import type { DeliveryKey } from "../../domain/delivery.ts";
import type { ClaimedDelivery, ClaimRequest, DueLane, DueRecord, LaneKey } from "../../storage/port.ts";
import { commit } from "./commit.ts";
import {
  compare,
  compareInLane,
  compareLanes,
  type DueLaneRows,
  type DueRow,
  laneId,
  type ModelState,
  toDueDelivery,
} from "./state.ts";
import type { Deliveries, Sync } from "./sync.ts";

/** The hot path of the model store. */
export function modelDeliveries(state: ModelState): Sync<Deliveries> {
  return {
    commit: (batch) => commit(state, batch),
    findDueLanes: ({ after, limit }) => lanesAfter(state, after).flatMap(dueLane).slice(0, limit),
    findPausedLanes: ({ after, limit }) =>
      lanesAfter(state, after)
        .filter(({ rows }) => [...rows.values()].some(isPaused))
        .map(({ appId, endpointId }) => ({ appId, endpointId }))
        .slice(0, limit),
    claimDue: (request) => claimDue(state, request),
    releaseLeases(request) {
      const { heldBy, notHeldBy, now, after, limit } = request;
      const rows = state.lanesInOrder().flatMap(({ rows: owed }) => [...owed.values()].toSorted(compareKeys));
      const page = rows.filter((row) => after === null || compareKeys(row, after) > 0).slice(0, limit);
      let released = 0;
      for (const row of page) {
        const by = row.leasedBy;
        if (by === null) continue;
        const mine =
          heldBy === undefined ? by !== notHeldBy && !(state.clustered && state.lives(by)) : by === heldBy;
        if (!mine) continue;
        state.release(row, now);
        released += 1;
      }
      const last = page.at(-1);
      if (page.length < limit || last === undefined) return { released, cursor: null };
      const { appId, endpointId, messageId } = last;
      return { released, cursor: { appId, endpointId, messageId } };
    },
    resend({ appId, endpointId, messageId, now, idempotency }) {
      state.assertUnanswered(idempotency);
      state.rememberAnswer(idempotency);
      const row = state.dueRow({ appId, endpointId, messageId });
      if (row === undefined) {
        const key = { appId, endpointId, messageId };
        state.addDue({
          ...key,
          order: 0,
          once: true,
          attempts: 0,
          manual: true,
          nextAttemptAt: now,
          leasedBy: null,
        });
        return "created";
      }
      if (row.leasedBy !== null) return "sending";
      row.nextAttemptAt = now;
      row.manual = true;
      state.observer.hurried(row);
      return "hurried";
    },
    resumePaused({ appId, endpointId, now, limit }) {
      const lane = state.lanes.get(laneId({ appId, endpointId }));
      if (lane === undefined || !state.isEnabled(lane)) return 0;
      const paused = [...lane.rows.values()].filter(isPaused).toSorted(compareInLane).slice(0, limit);
      for (const row of paused) row.nextAttemptAt = now;
      return paused.length;
    },
    listDue({ appId, messageId }) {
      const records: DueRecord[] = [];
      for (const lane of state.lanes.values()) {
        const row = lane.rows.get(messageId);
        if (lane.appId !== appId || row === undefined) continue;
        if (state.endpoint(row)?.deleted === false) records.push(toDueRecord(state, row));
      }
      return records.toSorted((a, b) => compare(a.endpointId, b.endpointId));
    },
  };
}

function claimDue(state: ModelState, request: ClaimRequest): ClaimedDelivery[] {
  const claimed: ClaimedDelivery[] = [];
  if (!state.lives(request.leaseId)) return claimed;
  let bytes = 0;
  for (const lane of request.lanes) {
    const limit = Math.min(lane.limit, request.limit - claimed.length);
    if (limit <= 0) continue;
    for (const row of claimable(state, lane, { now: request.now, limit })) {
      const message = state.findMessage(row.appId, row.messageId);
      const payload = message?.payload ?? null;
      bytes += Buffer.byteLength(payload ?? "");
      if (bytes > request.bytesMax && claimed.length > 0) return claimed;
      claimed.push({ delivery: toDueDelivery(row), eventType: message?.eventType ?? "", payload });
      state.lease(row, request.leaseId);
    }
  }
  return claimed;
}

/** What a lane may be given now, in the order in which it is to be sent. */
function claimable(
  state: ModelState,
  lane: ClaimRequest["lanes"][number],
  { now, limit }: { now: number; limit: number },
): DueRow[] {
  const rows = [...(state.lanes.get(laneId(lane))?.rows.values() ?? [])];
  const isDue = ({ nextAttemptAt: at }: DueRow): boolean => at !== null && at <= now;
  if (!lane.fifo) {
    const due = rows.filter((row) => row.leasedBy === null && isDue(row));
    return due.toSorted(compareDue).slice(0, limit);
  }
  if (rows.some(({ leasedBy }) => leasedBy !== null)) return [];
  const oldest = rows.toSorted(compareInLane).slice(0, limit);
  // The first that is not due yet (or paused) holds back everything behind it.
  const waiting = oldest.findIndex((row) => !isDue(row));
  return waiting === -1 ? oldest : oldest.slice(0, waiting);
}

function lanesAfter(state: ModelState, after: LaneKey | null): DueLaneRows[] {
  const lanes = state.lanesInOrder();
  return after === null ? lanes : lanes.filter((lane) => compareLanes(lane, after) > 0);
}

function dueLane({ appId, endpointId, rows }: DueLaneRows): DueLane[] {
  let nextAttemptAt = Number.POSITIVE_INFINITY;
  for (const { leasedBy, nextAttemptAt: at } of rows.values()) {
    if (leasedBy === null && at !== null) nextAttemptAt = Math.min(nextAttemptAt, at);
  }
  return nextAttemptAt === Number.POSITIVE_INFINITY ? [] : [{ appId, endpointId, nextAttemptAt }];
}

function isPaused({ leasedBy, nextAttemptAt }: DueRow): boolean {
  return leasedBy === null && nextAttemptAt === null;
}

function compareKeys(a: DeliveryKey, b: DeliveryKey): number {
  return compareLanes(a, b) || compare(a.messageId, b.messageId);
}

function compareDue(a: DueRow, b: DueRow): number {
  return (a.nextAttemptAt ?? 0) - (b.nextAttemptAt ?? 0) || compare(a.messageId, b.messageId);
}

function toDueRecord(state: ModelState, row: DueRow): DueRecord {
  const { nextAttemptAt: at, leasedBy } = row;
  const shown = leasedBy !== null ? "sending" : at === null ? "paused" : "pending";
  // Due at once is stored as due since ever; people are told since when the message has been there.
  const createdAt = state.findMessage(row.appId, row.messageId)?.createdAt ?? 0;
  return { ...toDueDelivery(row), state: shown, nextAttemptAt: at === null ? null : Math.max(at, createdAt) };
}
