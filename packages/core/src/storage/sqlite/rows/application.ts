import type { Application } from "../../../domain/application.ts";
import { parse, readRow } from "./json.ts";

export const APPLICATION_COLUMNS =
  "id, environment_id, uid, name, throttle_rate, metadata, created_at, updated_at";
export type ApplicationRow = readonly [
  id: string,
  environmentId: string,
  uid: string | null,
  name: string,
  throttleRate: number | null,
  metadata: string,
  createdAt: number,
  updatedAt: number,
];

export function toApplicationRow(application: Application): ApplicationRow {
  return [
    application.id,
    application.environmentId,
    application.uid,
    application.name,
    application.throttleRate,
    JSON.stringify(application.metadata),
    application.createdAt,
    application.updatedAt,
  ];
}

export function toApplication(row: ApplicationRow): Application {
  const [id, environmentId, uid, name, throttleRate, metadata, createdAt, updatedAt] = row;
  return readRow(`application ${id}`, () => ({
    id,
    environmentId,
    uid,
    name,
    throttleRate,
    metadata: parse(metadata),
    createdAt,
    updatedAt,
  }));
}
