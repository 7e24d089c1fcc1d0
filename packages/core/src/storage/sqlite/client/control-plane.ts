import type {
  ApplicationStore,
  DataKeyStore,
  EndpointStore,
  EnvironmentStore,
  EventTypeStore,
  InsertResult,
} from "../../port.ts";
import { encodeTells } from "../batch.ts";
import { toApplication, toApplicationRow } from "../rows/application.ts";
import { toDataKey, toDataKeyRow } from "../rows/data-key.ts";
import { toEndpoint, toEndpointRow } from "../rows/endpoint.ts";
import { toEnvironment, toEnvironmentRow } from "../rows/environment.ts";
import { toEventType, toEventTypeRow } from "../rows/event-type.ts";
import { parse } from "../rows/json.ts";
import type { Threads } from "./deliveries.ts";

export function environmentStore({ writer, reader }: Threads): EnvironmentStore {
  return {
    async ensure(environment, eventTypes) {
      const row = toEnvironmentRow(environment);
      return toEnvironment(
        await writer.call("ensureEnvironment", { row, eventTypes: eventTypes.map(toEventTypeRow) }),
      );
    },
    async insert(environment, { eventTypes, idempotency: answer }) {
      const row = toEnvironmentRow(environment);
      const insert = { row, eventTypes: eventTypes.map(toEventTypeRow), answer };
      return insertResult(await writer.call("insertEnvironment", insert), toEnvironment);
    },
    find: async (id) => orNull(await reader.call("findEnvironment", id), toEnvironment),
    list: async () => (await reader.call("listEnvironments")).map(toEnvironment),
    update: (environment, { basedOn }) =>
      writer.call("updateEnvironment", {
        row: toEnvironmentRow(environment),
        basedOn: basedOn.updatedAt,
      }),
    delete: (query) => writer.call("deleteEnvironment", query),
    listDeleted: async () =>
      (await reader.call("listDeletedEnvironments")).map(([id, deletedAt]) => ({ id, deletedAt })),
    async purge(request) {
      await writer.call("fillLists");
      return writer.call("purgeEnvironment", request);
    },
    findAnswer: (query) => writer.call("findAnswer", query),
  };
}

export function dataKeyStore({ writer, reader }: Threads): DataKeyStore {
  return {
    list: async () => (await reader.call("listDataKeys")).map(toDataKey),
    ensure: async (key) => toDataKey(await writer.call("ensureDataKey", toDataKeyRow(key))),
    update: (key, basedOn) =>
      writer.call("updateDataKey", { row: toDataKeyRow(key), basedOn: { wrapped: basedOn.wrapped } }),
    eraseTraces: () => writer.call("eraseTraces"),
  };
}

export function applicationStore({ writer, reader }: Threads): ApplicationStore {
  return {
    async insert(application, { idempotency: answer }) {
      const row = toApplicationRow(application);
      return insertResult(await writer.call("insertApplication", { row, answer }), toApplication);
    },
    ensureOperational: (application) => writer.call("ensureApplication", toApplicationRow(application)),
    find: async (query) => orNull(await reader.call("findApplication", query), toApplication),
    findById: async (id) => orNull(await reader.call("findApplicationById", id), toApplication),
    list: async (query) => (await reader.call("listApplications", query)).map(toApplication),
    update: (application, options) =>
      writer.call("updateApplication", { row: toApplicationRow(application), basedOn: options?.basedOn }),
    delete: (query) => writer.call("deleteApplication", query),
  };
}

export function endpointStore({ writer, reader }: Threads): EndpointStore {
  return {
    async insert(endpoint, { idempotency: answer, tells }) {
      const insert = { row: toEndpointRow(endpoint), answer, tells: encodeTells(tells) };
      return insertResult(await writer.call("insertEndpoint", insert), toEndpoint);
    },
    listAll: async (appId) => (await reader.call("listAllEndpoints", appId)).map(toEndpoint),
    list: async (query) => (await reader.call("listEndpoints", query)).map(toEndpoint),
    update: (endpoint, { idempotency: answer, basedOn, tells }) =>
      writer.call("updateEndpoint", {
        row: toEndpointRow(endpoint),
        answer,
        basedOn,
        tells: encodeTells(tells),
      }),
    delete: ({ tells, ...key }) => writer.call("deleteEndpoint", { ...key, tells: encodeTells(tells) }),
  };
}

export function eventTypeStore({ writer, reader }: Threads): EventTypeStore {
  return {
    async insert(eventType, { idempotency: answer }) {
      const row = toEventTypeRow(eventType);
      return insertResult(await writer.call("insertEventType", { row, answer }), toEventType);
    },
    find: async (query) => orNull(await reader.call("findEventType", query), toEventType),
    findMissing: (query) => reader.call("findMissingEventTypes", query),
    list: async (query) => (await reader.call("listEventTypes", query)).map(toEventType),
    async listRetrySchedules({ environmentId }) {
      const rows = await reader.call("listRetrySchedules", environmentId);
      return rows.map(([name, waits]) => ({ name, waitsMs: parse(waits) }));
    },
    update: (eventType, options) =>
      writer.call("updateEventType", { row: toEventTypeRow(eventType), basedOn: options?.basedOn }),
    delete: (query) => writer.call("deleteEventType", query),
  };
}

function insertResult<Row, Entity>(
  existing: Row | null,
  toEntity: (row: Row) => Entity,
): InsertResult<Entity> {
  return existing === null ? { kind: "inserted" } : { kind: "conflict", existing: toEntity(existing) };
}

/** What a row stands for, where there is one. */
export function orNull<Row, Entity>(row: Row | null, toEntity: (row: Row) => Entity): Entity | null {
  return row === null ? null : toEntity(row);
}
