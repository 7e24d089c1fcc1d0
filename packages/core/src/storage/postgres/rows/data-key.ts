import type { DataKey } from "../../port-keys.ts";

export const DATA_KEY_COLUMNS = "environment_id, id, master_key_id, wrapped, complete, created_at";
export type DataKeyRow = readonly [
  environmentId: string,
  id: string,
  masterKeyId: string,
  wrapped: string,
  complete: boolean,
  createdAt: number,
];

export function toDataKeyRow(key: DataKey): DataKeyRow {
  return [key.environmentId, key.id, key.masterKeyId, key.wrapped, key.complete, key.createdAt];
}

export function toDataKey([
  environmentId,
  id,
  masterKeyId,
  wrapped,
  complete,
  createdAt,
]: DataKeyRow): DataKey {
  return { environmentId, id, masterKeyId, wrapped, complete, createdAt };
}
