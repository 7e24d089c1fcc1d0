import type { Endpoint } from "../../domain/endpoint.ts";
import { isOperational } from "../../domain/operational.ts";
import { ID_PREFIX } from "../../domain/ids.ts";
import type { AttemptCount, OverviewStore, Standing } from "../../storage/port-overview.ts";
import { idRange, isAskedFor } from "./history.ts";
import { byId, type Kept, laneId, type ModelState } from "./state.ts";
import type { Sync } from "./sync.ts";

export function modelOverview(state: ModelState): Sync<OverviewStore> {
  return {
    listStandings: ({ appId, endpointId, messageIds }) =>
      messageIds.flatMap((messageId) => standing(state, { appId, endpointId, messageId })),
    countOwed({ appId, endpointId, now, limit }) {
      const counts = { due: 0, later: 0, paused: 0, held: 0 };
      for (const row of state.lanes.get(laneId({ appId, endpointId }))?.rows.values() ?? []) {
        const at = row.nextAttemptAt;
        const kind = row.leasedBy !== null ? "held" : at === null ? "paused" : at <= now ? "due" : "later";
        counts[kind] = Math.min(limit, counts[kind] + 1);
      }
      return counts;
    },
    countAttemptsByType(query) {
      const { cursor, limit } = query;
      const inRange = idRange(query, ID_PREFIX.attempt);
      const looked = (state.attempts.get(query.appId) ?? [])
        .filter(({ id, endpointId }) => endpointId === query.endpointId && inRange(id))
        .filter(({ id }) => cursor === null || id > cursor)
        .toSorted(byId)
        .slice(0, limit);
      const counts = looked.flatMap(({ messageId, status }) => {
        const eventType = state.findMessage(query.appId, messageId)?.eventType;
        return eventType === undefined ? [] : [{ eventType, status, count: 1 }];
      });
      const last = looked.length < limit ? undefined : looked.at(-1);
      return { counts, looked: looked.length, cursor: last?.id ?? null };
    },
    countApplications({ environmentId }) {
      const living = livingEndpoints(state, environmentId);
      const enabled = living.filter(({ entity }) => !entity.disabled);
      const [withEndpoint, withEnabledEndpoint] = [living, enabled].map(
        (some) => new Set(some.map(({ entity }) => entity.appId)).size,
      );
      return { withEndpoint: withEndpoint ?? 0, withEnabledEndpoint: withEnabledEndpoint ?? 0 };
    },
    countEndpoints({ environmentId }) {
      const living = livingEndpoints(state, environmentId);
      const disabled = living.filter(({ entity }) => entity.disabled).length;
      return { active: living.length - disabled, disabled };
    },
    countAttempts(query) {
      const inRange = idRange(query, ID_PREFIX.attempt);
      const { cursor, limit, spanMs } = query;
      const looked = (state.attempts.get(query.appId) ?? [])
        .filter(({ id, endpointId }) => endpointId === query.endpointId && inRange(id))
        .filter(({ id }) => cursor === null || id > cursor)
        .toSorted(byId)
        .slice(0, limit);
      const counts = new Map<string, AttemptCount>();
      for (const attempt of looked) {
        if (!isAskedFor(state, attempt, query)) continue;
        const at = spanMs === null ? 0 : Math.floor(attempt.timestamp / spanMs) * spanMs;
        const { status, deliveryState } = attempt;
        const key = `${at} ${status} ${deliveryState}`;
        counts.set(key, { at, status, deliveryState, count: (counts.get(key)?.count ?? 0) + 1 });
      }
      const last = looked.length < limit ? undefined : looked.at(-1);
      return { counts: [...counts.values()], looked: looked.length, cursor: last?.id ?? null };
    },
  };
}

/** Of all ordinary applications of an environment. */
function livingEndpoints(state: ModelState, environmentId: string): Kept<Endpoint>[] {
  return [...state.endpoints.values()].filter(({ deleted, entity }) => {
    const application = state.applications.get(entity.appId);
    const there = !deleted && application?.deleted === false && !isOperational(application.entity);
    return there && application.entity.environmentId === environmentId;
  });
}

function standing(
  state: ModelState,
  key: { appId: string; endpointId: string; messageId: string },
): Standing[] {
  const { appId, endpointId, messageId } = key;
  const row = state.dueRow(key);
  const last = (state.attempts.get(appId) ?? [])
    .filter((attempt) => attempt.messageId === messageId && attempt.endpointId === endpointId)
    .toSorted(byId)
    .at(-1);
  const statusCode = last?.statusCode ?? null;
  if (row === undefined)
    return last === undefined ? [] : [{ messageId, state: last.status, nextAttemptAt: null, statusCode }];
  const held = row.leasedBy !== null;
  return [
    {
      messageId,
      state: held ? "sending" : "pending",
      nextAttemptAt: held ? null : row.nextAttemptAt,
      statusCode,
    },
  ];
}
