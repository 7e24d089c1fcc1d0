import { type Environment, type EnvironmentType, newEnvironment } from "../../../domain/environment.ts";
import { jsonOrNull, parse } from "./json.ts";

export const ENVIRONMENT_COLUMNS = "id, name, retention_days, created_at, type, settings, updated_at";
/** Those that may be null came later: an environment that is older, or of an older program's export, lacks them. */
export type EnvironmentRow = readonly [
  id: string,
  name: string,
  retentionDays: number,
  createdAt: number,
  type: EnvironmentType | null,
  settings: string | null,
  updatedAt: number | null,
];

export function toEnvironmentRow(environment: Environment): EnvironmentRow {
  const { id, name, retentionDays, createdAt, type, settings, updatedAt } = environment;
  return [id, name, retentionDays, createdAt, type, jsonOrNull(settings), updatedAt];
}

export function toEnvironment(row: EnvironmentRow): Environment {
  const [id, name, retentionDays, createdAt, type, settings, updatedAt] = row;
  return newEnvironment({
    id,
    name,
    retentionDays,
    createdAt,
    ...(type === null ? {} : { type }),
    ...(settings === null ? {} : { settings: parse(settings) }),
    ...(updatedAt === null ? {} : { updatedAt }),
  });
}
