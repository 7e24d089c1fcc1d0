import type { Environment } from "../../../domain/environment.ts";

export const ENVIRONMENT_COLUMNS = "id, name, retention_days, created_at";
export type EnvironmentRow = readonly [id: string, name: string, retentionDays: number, createdAt: number];

export function toEnvironmentRow(environment: Environment): EnvironmentRow {
  return [environment.id, environment.name, environment.retentionDays, environment.createdAt];
}

export function toEnvironment([id, name, retentionDays, createdAt]: EnvironmentRow): Environment {
  return { id, name, retentionDays, createdAt };
}
