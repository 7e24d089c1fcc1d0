import type { ApiKey, Environment } from "../../../domain/environment.ts";

export const ENVIRONMENT_COLUMNS = "id, name, retention_days, created_at";
export type EnvironmentRow = readonly [id: string, name: string, retentionDays: number, createdAt: number];

export function toEnvironmentRow(environment: Environment): EnvironmentRow {
  return [environment.id, environment.name, environment.retentionDays, environment.createdAt];
}

export function toEnvironment([id, name, retentionDays, createdAt]: EnvironmentRow): Environment {
  return { id, name, retentionDays, createdAt };
}

export const API_KEY_COLUMNS = "id, environment_id, hash, created_at";
export type ApiKeyRow = readonly [id: string, environmentId: string, hash: string, createdAt: number];

export function toApiKeyRow(key: ApiKey): ApiKeyRow {
  return [key.id, key.environmentId, key.hash, key.createdAt];
}

export function toApiKey([id, environmentId, hash, createdAt]: ApiKeyRow): ApiKey {
  return { id, environmentId, hash, createdAt };
}
