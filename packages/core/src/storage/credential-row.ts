import type { Credential, CredentialKind } from "../domain/credential.ts";

/** A credential as both databases keep it. */
export const CREDENTIAL_COLUMNS = `hash, id, environment_id, created_at, kind, prefix, name, scopes, app_id, session_id,
  feature_flags, expires_at`;
export type CredentialRow = readonly [
  hash: string,
  id: string,
  environmentId: string,
  createdAt: number,
  /** Null: an API key from before there were others. */
  kind: string | null,
  prefix: string | null,
  name: string | null,
  scopes: string | null,
  appId: string | null,
  sessionId: string | null,
  featureFlags: string | null,
  expiresAt: number | null,
];

export function toCredentialRow(credential: Credential): CredentialRow {
  return [
    credential.hash,
    credential.id,
    credential.environmentId,
    credential.createdAt,
    credential.kind,
    credential.prefix,
    credential.name,
    listText(credential.scopes),
    credential.appId,
    credential.sessionId,
    credential.featureFlags.length === 0 ? null : listText(credential.featureFlags),
    credential.expiresAt,
  ];
}

export function toCredential(row: CredentialRow): Credential {
  const [hash, id, environmentId, createdAt, kind, prefix, name, scopes, appId, sessionId, flags, expiresAt] =
    row;
  return {
    id,
    environmentId,
    hash,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by toCredentialRow
    kind: (kind ?? "api_key") as CredentialKind,
    prefix,
    name,
    scopes: listOf(scopes),
    appId,
    sessionId,
    featureFlags: listOf(flags) ?? [],
    expiresAt,
    createdAt,
  };
}

/** As a column holds a list of texts. */
export function listText(list: readonly string[] | null): string | null {
  return list === null ? null : JSON.stringify(list);
}

function listOf(text: string | null): string[] | null {
  return text === null ? null : JSON.parse(text);
}
