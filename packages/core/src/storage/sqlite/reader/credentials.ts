import type { DatabaseSync } from "node:sqlite";
import { CREDENTIAL_COLUMNS, type CredentialRow } from "../../credential-row.ts";
import type { Page } from "../../port.ts";
import { query } from "../values.ts";
import { IN_LIVING } from "../living.ts";
import { pagedQuery } from "./paged-query.ts";

/** Reads of API keys and tokens. */
export function credentialReads(db: DatabaseSync) {
  const select = `SELECT ${CREDENTIAL_COLUMNS} FROM api_key`;
  const find = query<CredentialRow>(db, `${select} WHERE hash = ? AND ${IN_LIVING}`);
  const keys = `${select} WHERE environment_id = ? AND app_id IS NULL`;
  const findKey = query<CredentialRow>(db, `${keys} AND id = ?`);
  const list = pagedQuery<CredentialRow>(db, { select: keys, column: "id" });
  return {
    findCredential: (hash: string) => find.get(hash) ?? null,
    findApiKey: ({ environmentId, id }: { environmentId: string; id: string }) =>
      findKey.get(environmentId, id) ?? null,
    listApiKeys: ({ environmentId, page }: { environmentId: string; page: Page }) =>
      list(page, environmentId),
  };
}
