import { ID_PREFIX } from "../../domain/ids.ts";
import { ksuidFloor } from "../../domain/ksuid.ts";
import { POLLING_CONSUMERS_MAX } from "../../domain/limits.ts";
import type { PollingConsumer, PollingEndpoint } from "../../domain/polling-endpoint.ts";
import type { ConsumerKey, PollingStore } from "../../storage/port-polling.ts";
import { byId, compare, type ModelState } from "./state.ts";
import type { Sync } from "./sync.ts";

/** Polling endpoints of the model store. */
export function modelPolling(state: ModelState): Sync<PollingStore> {
  const { polling } = state;
  const entriesOf = (appId: string): Map<string, number | null> => polling.entries.get(appId) ?? new Map();
  const endpointsOf = (appId: string): PollingEndpoint[] =>
    [...polling.endpoints.values()].filter((endpoint) => endpoint.appId === appId).toSorted(byId);
  return {
    insert(endpoint, { idempotency }) {
      state.assertUnanswered(idempotency);
      const { appId, uid } = endpoint;
      const existing = uid === null ? undefined : endpointsOf(appId).find((other) => other.uid === uid);
      if (existing !== undefined) return { kind: "conflict", existing };
      polling.endpoints.set(endpoint.id, endpoint);
      state.rememberAnswer(idempotency);
      state.changed(appId);
      return { kind: "inserted" };
    },
    listAll: endpointsOf,
    delete({ appId, id }) {
      if (polling.endpoints.get(id)?.appId !== appId) return false;
      for (const [key, consumer] of polling.consumers) {
        if (consumer.endpointId === id) polling.consumers.delete(key);
      }
      state.changed(appId);
      return polling.endpoints.delete(id);
    },
    sequence({ appId, limit }) {
      const entries = entriesOf(appId);
      const found = [...entries].filter(([, position]) => position === null).map(([id]) => id);
      let head = polling.heads.get(appId) ?? 0;
      for (const id of found.toSorted(compare).slice(0, limit)) entries.set(id, ++head);
      polling.heads.set(appId, head);
      return { head, more: found.length > limit };
    },
    read({ appId, after, limit }) {
      return [...entriesOf(appId)]
        .flatMap(([id, position]) => (position === null || position <= after ? [] : [{ id, position }]))
        .toSorted((a, b) => a.position - b.position)
        .slice(0, limit)
        .map(({ id, position }) => ({ position, message: state.findMessage(appId, id) ?? null }));
    },
    findPosition({ appId, since }) {
      const floor = ksuidFloor(ID_PREFIX.message, since);
      const later = [...entriesOf(appId)].flatMap(([id, position]) =>
        position === null || id < floor ? [] : [position],
      );
      return later.length === 0 ? (polling.heads.get(appId) ?? 0) : Math.min(...later) - 1;
    },
    findConsumer: (key) => polling.consumers.get(keyOf(key)) ?? null,
    saveConsumer(consumer) {
      const stored = polling.consumers.get(keyOf(consumer));
      if ((stored?.version ?? 0) !== consumer.version) return "stale";
      const count = [...polling.consumers.values()].filter((one) => isOf(one, consumer)).length;
      if (stored === undefined && count >= POLLING_CONSUMERS_MAX) return "full";
      polling.consumers.set(keyOf(consumer), { ...consumer, version: consumer.version + 1 });
      return "saved";
    },
    prune: (request) => prune(state, request),
  };
}

function prune(
  state: ModelState,
  { environmentId, before, limit }: { environmentId: string; before: number; limit: number },
): number {
  const floor = ksuidFloor(ID_PREFIX.message, before);
  const { endpoints, entries, consumers } = state.polling;
  let gone = 0;
  for (const [appId, ofApp] of entries) {
    if (state.applications.get(appId)?.entity.environmentId !== environmentId) continue;
    for (const id of [...ofApp.keys()].toSorted(compare)) {
      if (id < floor && gone < limit && ofApp.delete(id)) gone += 1;
    }
  }
  for (const endpoint of endpoints.values()) {
    const application = state.applications.get(endpoint.appId);
    const isGone = application === undefined || application.deleted;
    if (endpoint.environmentId !== environmentId || !isGone) continue;
    endpoints.delete(endpoint.id);
    entries.delete(endpoint.appId);
    for (const [key, consumer] of consumers) if (consumer.appId === endpoint.appId) consumers.delete(key);
    gone += 1;
  }
  return gone;
}

function keyOf({ appId, endpointId, name }: ConsumerKey): string {
  return `${appId}/${endpointId}/${name}`;
}

function isOf(consumer: PollingConsumer, { appId, endpointId }: ConsumerKey): boolean {
  return consumer.appId === appId && consumer.endpointId === endpointId;
}
