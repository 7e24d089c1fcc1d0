import { ENVIRONMENT_WATCH_MS } from "../../domain/limits.ts";
import type { EnvironmentStore } from "../../storage/port.ts";
import type { PurgeRequest } from "../../storage/port-environment.ts";
import type { ModelState } from "./state.ts";
import type { Sync } from "./sync.ts";

/** How environments of the model store go: hidden at once, removed a table at a time. */
export function environmentDeletion(
  state: ModelState,
): Pick<Sync<EnvironmentStore>, "delete" | "listDeleted" | "purge"> {
  return {
    delete({ id, now }) {
      if (!state.environments.delete(id)) return false;
      state.deletedEnvironments.set(id, now);
      for (const row of state.tasks.values()) {
        if (row.task.environmentId !== id || row.task.status !== "running") continue;
        row.task = { ...row.task, status: "canceled", updatedAt: now };
        row.payload = null;
      }
      state.changed(id);
      return true;
    },
    listDeleted: () => [...state.deletedEnvironments].map(([id, deletedAt]) => ({ id, deletedAt })),
    purge(request) {
      const deletedAt = state.deletedEnvironments.get(request.environmentId);
      if (deletedAt === undefined) return { gone: 0, after: null };
      const gone = removeRows(state, request);
      if (gone > 0 || deletedAt > request.now - ENVIRONMENT_WATCH_MS) return { gone, after: null };
      return { gone: removeItself(state, request.environmentId), after: null };
    },
  };
}

function removeRows(state: ModelState, { environmentId, limit }: PurgeRequest): number {
  const apps = new Set(
    [...state.applications.values()].flatMap(({ entity }) =>
      entity.environmentId === environmentId ? [entity.id] : [],
    ),
  );
  const isOurs = (row: { environmentId: string }): boolean => row.environmentId === environmentId;
  const ofApp = ({ appId }: { appId: string }): boolean => apps.has(appId);
  let gone = 0;
  for (const lane of state.lanes.values()) {
    const rows = ofApp(lane) ? [...lane.rows.values()].slice(0, limit) : [];
    for (const row of rows) state.removeDue(row);
    gone += rows.length;
  }
  for (const appId of apps) {
    const messages = state.messages.get(appId) ?? new Map<string, unknown>();
    for (const id of [...messages.keys()].slice(0, limit)) gone += messages.delete(id) ? 1 : 0;
    gone += state.attempts.get(appId)?.splice(0, limit).length ?? 0;
    const entries = state.polling.entries.get(appId);
    for (const id of [...(entries?.keys() ?? [])].slice(0, limit))
      gone += entries?.delete(id) === true ? 1 : 0;
    state.polling.heads.delete(appId);
  }
  gone += removeSome(state.credentials, isOurs, limit);
  gone += removeSome(state.keys, isOurs, limit);
  gone += removeSome(state.wipes, isOurs, limit);
  gone += removeSome(state.tasks, ({ task }) => isOurs(task), limit);
  gone += removeSome(state.endpoints, ({ entity }) => ofApp(entity), limit);
  gone += removeSome(state.polling.endpoints, ofApp, limit);
  gone += removeSome(state.polling.consumers, ofApp, limit);
  gone += state.eventTypes.get(environmentId)?.size ?? 0;
  state.eventTypes.delete(environmentId);
  return gone;
}

function removeItself(state: ModelState, environmentId: string): number {
  for (const [id, { entity }] of state.applications) {
    if (entity.environmentId !== environmentId) continue;
    for (const byApp of [state.applications, state.messages, state.attempts, state.polling.entries]) {
      byApp.delete(id);
    }
  }
  state.dataKeys.delete(environmentId);
  return state.deletedEnvironments.delete(environmentId) ? 1 : 0;
}

function removeSome<Row>(rows: Map<string, Row>, fits: (row: Row) => boolean, limit: number): number {
  const found = [...rows].filter(([, row]) => fits(row)).slice(0, limit);
  for (const [key] of found) rows.delete(key);
  return found.length;
}
