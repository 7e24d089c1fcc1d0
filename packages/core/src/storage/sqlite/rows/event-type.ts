import type { EventType } from "../../../domain/event-type.ts";
import { jsonOrNull, parseOrNull } from "./json.ts";

export const EVENT_TYPE_COLUMNS = `environment_id, name, description, archived, deprecated, schemas, group_name,
  feature_flags, created_at, updated_at, retry_schedule_ms`;
export type EventTypeRow = readonly [
  environmentId: string,
  name: string,
  description: string,
  archived: number,
  deprecated: number,
  schemas: string | null,
  groupName: string | null,
  featureFlags: string | null,
  createdAt: number,
  updatedAt: number,
  retryScheduleMs: string | null,
];

export function toEventTypeRow(eventType: EventType): EventTypeRow {
  return [
    eventType.environmentId,
    eventType.name,
    eventType.description,
    eventType.archived ? 1 : 0,
    eventType.deprecated ? 1 : 0,
    jsonOrNull(eventType.schemas),
    eventType.groupName,
    jsonOrNull(eventType.featureFlags),
    eventType.createdAt,
    eventType.updatedAt,
    jsonOrNull(eventType.retryScheduleMs),
  ];
}

export function toEventType(row: EventTypeRow): EventType {
  const [environmentId, name, description, archived, deprecated, schemas, groupName, flags] = row;
  return {
    environmentId,
    name,
    description,
    archived: archived === 1,
    deprecated: deprecated === 1,
    schemas: parseOrNull(schemas),
    groupName,
    featureFlags: parseOrNull(flags),
    retryScheduleMs: parseOrNull(row[10]),
    createdAt: row[8],
    updatedAt: row[9],
  };
}
