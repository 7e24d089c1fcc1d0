import type { EventType } from "../../domain/event-type.ts";
import { isOperational } from "../../domain/operational.ts";
import type {
  ApplicationStore,
  EndpointStore,
  EnvironmentStore,
  EventTypeStore,
  InsertResult,
  Page,
} from "../../storage/port.ts";
import { tell } from "./commit.ts";
import { environmentDeletion } from "./environment-deletion.ts";
import { byId, compare, type Kept, type ModelState } from "./state.ts";
import type { Sync } from "./sync.ts";

/** Environments, applications, endpoints and event types of the model store. */
export function modelEnvironments(state: ModelState): Sync<EnvironmentStore> {
  return {
    ensure(environment, eventTypes) {
      for (const known of state.environments.values()) if (known.name === environment.name) return known;
      state.environments.set(environment.id, environment);
      for (const eventType of eventTypes) eventTypesOf(state, environment.id).set(eventType.name, eventType);
      return environment;
    },
    insert(environment, { idempotency, eventTypes }) {
      state.assertUnanswered(idempotency);
      const existing = [...state.environments.values()].find(({ name }) => name === environment.name);
      if (existing !== undefined) return { kind: "conflict", existing };
      state.environments.set(environment.id, environment);
      for (const eventType of eventTypes) eventTypesOf(state, environment.id).set(eventType.name, eventType);
      state.rememberAnswer(idempotency);
      return INSERTED;
    },
    find: (id) => state.environments.get(id) ?? null,
    list: () => [...state.environments.values()].toSorted(byId),
    update(environment, { basedOn }) {
      const stored = state.environments.get(environment.id);
      if (stored === undefined) return "not_found";
      if (stored.updatedAt !== basedOn.updatedAt) return "stale";
      const holder = [...state.environments.values()].find(({ name }) => name === environment.name);
      if (holder !== undefined && holder.id !== environment.id) return "name_taken";
      state.environments.set(environment.id, environment);
      state.changed(environment.id);
      return "updated";
    },
    ...environmentDeletion(state),
    findAnswer: ({ scope, now }) => state.findKey(scope, now)?.answer ?? null,
  };
}

export function modelApplications(state: ModelState): Sync<ApplicationStore> {
  const living = (environmentId: string) =>
    [...state.applications.values()].flatMap(({ entity, deleted }) =>
      !deleted &&
      state.isLiving(environmentId) &&
      entity.environmentId === environmentId &&
      !isOperational(entity)
        ? [entity]
        : [],
    );
  const withUid = (environmentId: string, uid: string | null) =>
    uid === null ? undefined : living(environmentId).find((application) => application.uid === uid);
  return {
    insert(application, { idempotency }) {
      state.assertUnanswered(idempotency);
      const existing = withUid(application.environmentId, application.uid);
      if (existing !== undefined) return { kind: "conflict", existing };
      state.applications.set(application.id, kept(application));
      state.rememberAnswer(idempotency);
      state.changed(application.id);
      return INSERTED;
    },
    ensureOperational(application) {
      if (state.applications.has(application.id)) return;
      state.applications.set(application.id, kept(application));
      state.changed(application.id);
    },
    find: ({ environmentId, ref }) =>
      living(environmentId).find(({ id, uid }) => id === ref || uid === ref) ?? null,
    findById(id) {
      const found = state.applications.get(id);
      if (found === undefined || found.deleted) return null;
      return state.isLiving(found.entity.environmentId) ? found.entity : null;
    },
    list: ({ environmentId, page }) => pageOf(living(environmentId), page, ({ id }) => id),
    update(application, { basedOn } = {}) {
      const found = state.applications.get(application.id);
      const stored = found?.deleted === false && found.entity.environmentId === application.environmentId;
      if (stored && basedOn !== undefined && basedOn.updatedAt !== found.entity.updatedAt) return "stale";
      const holder = withUid(application.environmentId, application.uid);
      if (holder !== undefined && holder.id !== application.id) return "uid_taken";
      if (!stored) return "not_found";
      found.entity = application;
      state.changed(application.id);
      return "updated";
    },
    delete({ environmentId, id }) {
      const stored = state.applications.get(id);
      if (stored === undefined || stored.deleted || stored.entity.environmentId !== environmentId)
        return false;
      stored.deleted = true;
      for (const endpoint of state.endpoints.values()) {
        if (endpoint.entity.appId === id) endpoint.deleted = true;
      }
      state.changed(id);
      return true;
    },
  };
}

export function modelEndpoints(state: ModelState): Sync<EndpointStore> {
  const withUid = (appId: string, uid: string | null) =>
    uid === null ? undefined : state.endpointsOf(appId).find((endpoint) => endpoint.uid === uid);
  return {
    insert(endpoint, { idempotency, tells }) {
      state.assertUnanswered(idempotency);
      const existing = withUid(endpoint.appId, endpoint.uid);
      if (existing !== undefined) return { kind: "conflict", existing };
      state.endpoints.set(endpoint.id, kept(endpoint));
      tell(state, tells);
      state.rememberAnswer(idempotency);
      state.changed(endpoint.appId);
      return INSERTED;
    },
    listAll: (appId) => state.endpointsOf(appId),
    list: ({ appId, page }) => pageOf(state.endpointsOf(appId), page, ({ id }) => id),
    update(endpoint, { idempotency, basedOn, tells }) {
      state.assertUnanswered(idempotency);
      const holder = withUid(endpoint.appId, endpoint.uid);
      if (holder !== undefined && holder.id !== endpoint.id) return "uid_taken";
      const stored = state.endpoint({ appId: endpoint.appId, endpointId: endpoint.id });
      if (stored === undefined || stored.deleted) return "not_found";
      const { updatedAt, disabled, failingSince } = stored.entity;
      if (basedOn === undefined) stored.entity = endpoint;
      else if (basedOn.updatedAt !== updatedAt || basedOn.disabled !== disabled) return "stale";
      else {
        const enabled = disabled && !endpoint.disabled;
        stored.entity = { ...endpoint, failingSince: enabled ? null : failingSince };
      }
      tell(state, tells);
      state.rememberAnswer(idempotency);
      state.changed(endpoint.appId);
      return "updated";
    },
    delete({ appId, id, tells }) {
      const stored = state.endpoint({ appId, endpointId: id });
      if (stored === undefined || stored.deleted) return false;
      stored.deleted = true;
      tell(state, tells);
      state.changed(appId);
      return true;
    },
  };
}

export function modelEventTypes(state: ModelState): Sync<EventTypeStore> {
  return {
    insert(eventType, { idempotency }): InsertResult<EventType> {
      state.assertUnanswered(idempotency);
      const types = eventTypesOf(state, eventType.environmentId);
      const existing = types.get(eventType.name);
      if (existing !== undefined) return { kind: "conflict", existing };
      types.set(eventType.name, eventType);
      state.rememberAnswer(idempotency);
      return INSERTED;
    },
    find: ({ environmentId, name }) => eventTypesOf(state, environmentId).get(name) ?? null,
    findMissing: ({ environmentId, names }) =>
      names.filter((name) => !eventTypesOf(state, environmentId).has(name)),
    listRetrySchedules: ({ environmentId }) =>
      [...eventTypesOf(state, environmentId).values()].flatMap(({ name, retryScheduleMs: waitsMs }) =>
        waitsMs === null ? [] : [{ name, waitsMs }],
      ),
    list({ environmentId, page, includeArchived }) {
      const types = [...eventTypesOf(state, environmentId).values()];
      return pageOf(
        types.filter(({ archived }) => includeArchived || !archived),
        page,
        ({ name }) => name,
      );
    },
    update(eventType, { basedOn } = {}) {
      const types = eventTypesOf(state, eventType.environmentId);
      const stored = types.get(eventType.name);
      if (stored === undefined) return "not_found";
      if (basedOn !== undefined && basedOn.updatedAt !== stored.updatedAt) return "stale";
      types.set(eventType.name, eventType);
      state.changed(eventType.environmentId);
      return "updated";
    },
    delete({ environmentId, name }) {
      state.changed(environmentId);
      return eventTypesOf(state, environmentId).delete(name);
    },
  };
}

const INSERTED = { kind: "inserted" } as const;

function kept<Entity>(entity: Entity): Kept<Entity> {
  return { entity, deleted: false, deletedAt: null, drained: false };
}

function eventTypesOf(state: ModelState, environmentId: string): Map<string, EventType> {
  const known = state.eventTypes.get(environmentId);
  if (known !== undefined) return known;
  const types = new Map<string, EventType>();
  state.eventTypes.set(environmentId, types);
  return types;
}

/** The page of a list that is sorted by what `keyOf` says. */
export function pageOf<Item>(items: readonly Item[], page: Page, keyOf: (item: Item) => string): Item[] {
  const { after, order, limit } = page;
  const sign = order === "ascending" ? 1 : -1;
  return items
    .filter((item) => after === null || sign * compare(keyOf(item), after) > 0)
    .toSorted((a, b) => sign * compare(keyOf(a), keyOf(b)))
    .slice(0, limit);
}
