import type { DisabledReason, Endpoint } from "../../../domain/endpoint.ts";
import { jsonOrNull, parse, parseOrNull } from "./json.ts";

export const ENDPOINT_COLUMNS = `app_id, id, uid, url, description, throttle_rate, event_types, channels, disabled,
  disabled_reason, disabled_at, failing_since, secrets, headers, metadata, fifo, timeout_ms, retry_schedule_ms,
  created_at, updated_at, transformation, access`;
export type EndpointRow = readonly [
  appId: string,
  id: string,
  uid: string | null,
  url: string,
  description: string,
  throttleRate: number | null,
  eventTypes: string | null,
  channels: string | null,
  disabled: boolean,
  disabledReason: DisabledReason | null,
  disabledAt: number | null,
  failingSince: number | null,
  secrets: string,
  headers: string,
  metadata: string,
  fifo: boolean,
  timeoutMs: number | null,
  retryScheduleMs: string | null,
  createdAt: number,
  updatedAt: number,
  transformation: string | null,
  access: string | null,
];

export function toEndpointRow(endpoint: Endpoint): EndpointRow {
  return [
    endpoint.appId,
    endpoint.id,
    endpoint.uid,
    endpoint.url,
    endpoint.description,
    endpoint.throttleRate,
    jsonOrNull(endpoint.eventTypes),
    jsonOrNull(endpoint.channels),
    endpoint.disabled,
    endpoint.disabledReason,
    endpoint.disabledAt,
    endpoint.failingSince,
    JSON.stringify(endpoint.secrets),
    JSON.stringify(endpoint.headers),
    JSON.stringify(endpoint.metadata),
    endpoint.fifo,
    endpoint.timeoutMs,
    jsonOrNull(endpoint.retryScheduleMs),
    endpoint.createdAt,
    endpoint.updatedAt,
    jsonOrNull(endpoint.transformation),
    jsonOrNull(endpoint.access),
  ];
}

export function toEndpoint(row: EndpointRow): Endpoint {
  const [appId, id, uid, url, description, throttleRate, eventTypes, channels, disabled] = row;
  return {
    id,
    appId,
    uid,
    url,
    description,
    throttleRate,
    eventTypes: parseOrNull(eventTypes),
    channels: parseOrNull(channels),
    disabled,
    disabledReason: row[9],
    disabledAt: row[10],
    failingSince: row[11],
    secrets: parse(row[12]),
    headers: parse(row[13]),
    metadata: parse(row[14]),
    fifo: row[15],
    timeoutMs: row[16],
    retryScheduleMs: parseOrNull(row[17]),
    transformation: parseOrNull(row[20]),
    access: parseOrNull(row[21]),
    createdAt: row[18],
    updatedAt: row[19],
  };
}
