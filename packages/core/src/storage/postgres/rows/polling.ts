import type { PollingConsumer, PollingEndpoint } from "../../../domain/polling-endpoint.ts";

export const POLLING_ENDPOINT_COLUMNS =
  "app_id, id, environment_id, uid, event_types, metadata, created_at, updated_at";
export type PollingEndpointRow = readonly [
  appId: string,
  id: string,
  environmentId: string,
  uid: string | null,
  eventTypes: string | null,
  metadata: string,
  createdAt: number,
  updatedAt: number,
];

export function toPollingEndpointRow(endpoint: PollingEndpoint): PollingEndpointRow {
  const { appId, id, environmentId, uid, eventTypes, metadata, createdAt, updatedAt } = endpoint;
  const types = eventTypes === null ? null : JSON.stringify(eventTypes);
  return [appId, id, environmentId, uid, types, JSON.stringify(metadata), createdAt, updatedAt];
}

export function toPollingEndpoint(row: PollingEndpointRow): PollingEndpoint {
  const [appId, id, environmentId, uid, eventTypes, metadata, createdAt, updatedAt] = row;
  return {
    id,
    appId,
    environmentId,
    uid,
    eventTypes: eventTypes === null ? null : JSON.parse(eventTypes),
    metadata: JSON.parse(metadata),
    createdAt,
    updatedAt,
  };
}

export const POLLING_CONSUMER_COLUMNS =
  "app_id, endpoint_id, name, position, leased_to, leased_until, version";
export type PollingConsumerRow = readonly [
  appId: string,
  endpointId: string,
  name: string,
  position: number,
  leasedTo: number,
  leasedUntil: number,
  version: number,
];

export function toPollingConsumer(row: PollingConsumerRow): PollingConsumer {
  const [appId, endpointId, name, position, leasedTo, leasedUntil, version] = row;
  return { appId, endpointId, name, position, leasedTo, leasedUntil, version };
}
