import { NO_DETAIL } from "../../domain/attempt.ts";
import { ID_PREFIX } from "../../domain/ids.ts";
import { ksuidFloor } from "../../domain/ksuid.ts";
import { IDEMPOTENCY_TTL_MS } from "../../domain/limits.ts";
import { HOUR_MS } from "../../domain/time.ts";
import { CANCELED, type CancelOwed } from "../../storage/port-cancellation.ts";
import { byId, compareInLane, type DueRow, laneId, type ModelState, toDueDelivery } from "./state.ts";

/** How long a deleted endpoint is watched for what was being accepted when it was deleted. */
const WATCH_MS = HOUR_MS;

/** Ends what deleted endpoints are owed and nobody holds, each with its record. */
export function cancelOrphans(
  state: ModelState,
  { now, attemptIds }: { now: number; attemptIds: readonly string[] },
): number {
  let used = 0;
  for (const kept of state.endpoints.values()) {
    if (!kept.deleted || kept.drained) continue;
    const { appId, id: endpointId, url } = kept.entity;
    const watchedSince = kept.deletedAt;
    kept.deletedAt ??= now;
    const owed = [...(state.lanes.get(laneId({ appId, endpointId }))?.rows.values() ?? [])];
    for (const row of owed.filter(({ leasedBy }) => leasedBy === null).toSorted(compareInLane)) {
      const id = attemptIds[used];
      if (id === undefined) return used;
      used += 1;
      state.addAttempt({ ...toCanceled(row, ORPHANED), id, url, timestamp: now });
      state.removeDue(row);
    }
    const watched = watchedSince === null || now - watchedSince < WATCH_MS;
    if (!watched && !state.lanes.has(laneId({ appId, endpointId }))) kept.drained = true;
  }
  return used;
}

/** Ends what an endpoint is owed of a range of messages, whoever holds it, each with its record. */
export function cancelOwed(state: ModelState, request: CancelOwed): number {
  const { url, from, through, now, attemptIds } = request;
  const owed = [...(state.lanes.get(laneId(request))?.rows.values() ?? [])]
    .filter(({ messageId }) => messageId >= from && messageId <= through)
    .toSorted(compareInLane)
    .slice(0, attemptIds.length);
  for (const [at, row] of owed.entries()) {
    state.addAttempt({ ...toCanceled(row, CANCELED), id: attemptIds[at] ?? "", url, timestamp: now });
    state.removeDue(row);
  }
  return owed.length;
}

const ORPHANED = { errorClass: "endpoint_deleted", sentence: "Not sent: the endpoint was deleted." };

function toCanceled(row: DueRow, why: { errorClass: string; sentence: string }) {
  const { appId, endpointId, messageId, trigger } = toDueDelivery(row);
  return {
    appId,
    endpointId,
    messageId,
    trigger,
    status: "canceled",
    statusCode: 0,
    errorClass: why.errorClass,
    durationMs: 0,
    deliveryState: "canceled",
    nextAttemptAt: null,
    responseBody: why.sentence,
    detail: NO_DETAIL,
  } as const;
}

export interface PruneRequest {
  readonly environmentId: string;
  readonly before: number;
  readonly now: number;
  readonly limit: number;
}

/** Removes a batch of what is old; returns how many messages, payloads, endpoints and applications went. */
export function prune(state: ModelState, request: PruneRequest): number {
  for (const [scope, { environmentId, createdAt }] of state.keys) {
    const expired = createdAt <= request.now - IDEMPOTENCY_TTL_MS;
    if (expired && environmentId === request.environmentId) state.keys.delete(scope);
  }
  const appIds = [...state.applications.values()]
    .map(({ entity }) => entity)
    .filter(({ environmentId }) => environmentId === request.environmentId)
    .toSorted(byId)
    .map(({ id }) => id);
  let gone = 0;
  for (const appId of appIds) {
    gone += pruneMessages(state, appId, { ...request, limit: request.limit - gone });
    if (gone >= request.limit) return gone;
    gone += pruneRecords(state, appId, request);
  }
  return gone;
}

function pruneMessages(state: ModelState, appId: string, { before, now, limit }: PruneRequest): number {
  const floor = ksuidFloor(ID_PREFIX.message, before);
  const messages = state.messages.get(appId) ?? new Map();
  let gone = 0;
  for (const message of [...messages.values()].toSorted(byId)) {
    if (gone >= limit) break;
    if (message.id < floor && !isOwed(state, appId, message.id)) {
      removeMessage(state, appId, message.id);
      gone += 1;
    } else if (
      message.payload !== null &&
      message.payloadExpiresAt !== null &&
      message.payloadExpiresAt <= now
    ) {
      messages.set(message.id, { ...message, payload: null });
      gone += 1;
    }
  }
  return gone;
}

/** Whether an endpoint that can get it is still owed the message; what disabled ones are owed ends with it. */
function isOwed(state: ModelState, appId: string, messageId: string): boolean {
  return rowsOf(state, appId, messageId).some((row) => {
    const kept = state.endpoint(row);
    const paused = row.leasedBy === null && row.nextAttemptAt === null;
    return !(paused && kept !== undefined && !kept.deleted && kept.entity.disabled);
  });
}

function removeMessage(state: ModelState, appId: string, messageId: string): void {
  for (const row of rowsOf(state, appId, messageId)) state.removeDue(row);
  state.messages.get(appId)?.delete(messageId);
  const attempts = state.attempts.get(appId) ?? [];
  state.attempts.set(
    appId,
    attempts.filter((attempt) => attempt.messageId !== messageId),
  );
}

function rowsOf(state: ModelState, appId: string, messageId: string): DueRow[] {
  const rows: DueRow[] = [];
  for (const lane of state.lanes.values()) {
    const row = lane.appId === appId ? lane.rows.get(messageId) : undefined;
    if (row !== undefined) rows.push(row);
  }
  return rows;
}

/** Deleted endpoints and applications that nothing belongs to any more. */
function pruneRecords(state: ModelState, appId: string, { before, now }: PruneRequest): number {
  let gone = 0;
  let endpoints = 0;
  for (const [id, { entity, deleted, drained, deletedAt }] of state.endpoints) {
    if (entity.appId !== appId) continue;
    endpoints += 1;
    const owed = state.lanes.has(laneId({ appId, endpointId: id }));
    if (!deleted || !drained || owed || deletedAt === null || deletedAt >= before) continue;
    state.endpoints.delete(id);
    gone += 1;
  }
  const application = state.applications.get(appId);
  if (application === undefined || !application.deleted) return gone;
  const { deletedAt } = application;
  application.deletedAt ??= now;
  const isEmpty = endpoints === 0 && (state.messages.get(appId)?.size ?? 0) === 0;
  if (deletedAt !== null && deletedAt < before && isEmpty) {
    state.applications.delete(appId);
    gone += 1;
  }
  return gone;
}
