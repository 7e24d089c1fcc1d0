import { CREDENTIALS_FORGOTTEN_AT_ONCE } from "../../../domain/limits.ts";
import {
  CREDENTIAL_COLUMNS,
  type CredentialRow,
  listText,
  toCredential,
  toCredentialRow,
} from "../../credential-row.ts";
import type { CredentialStore } from "../../port-credentials.ts";
import type { Database } from "../database.ts";
import { inLiving } from "../living.ts";
import { statement } from "../statement.ts";
import { pagedList } from "./paged-list.ts";

const SELECT = `SELECT ${CREDENTIAL_COLUMNS} FROM api_key`;
const KEYS = `${SELECT} WHERE environment_id = $1 AND app_id IS NULL`;

const insert = statement(
  "credential.insert",
  `INSERT INTO api_key (${CREDENTIAL_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
   ON CONFLICT (hash) DO NOTHING`,
);
const forget = statement(
  "credential.forget",
  `DELETE FROM api_key WHERE hash IN (
     SELECT hash FROM api_key WHERE environment_id = $1 AND expires_at < $2 LIMIT ${CREDENTIALS_FORGOTTEN_AT_ONCE})`,
);
/** Held to the end of the transaction: of several nodes that start together one looks and writes at a time. */
const lockEnvironment = statement(
  "credential.lock_environment",
  "SELECT id FROM environment WHERE id = $1 FOR UPDATE",
);
const anyKey = statement<[one: number]>(
  "credential.any_key",
  "SELECT 1 FROM api_key WHERE environment_id = $1 AND app_id IS NULL LIMIT 1",
);
const find = statement<CredentialRow>(
  "credential.find",
  `${SELECT} WHERE hash = $1 AND ${inLiving("api_key")}`,
);
const findKey = statement<CredentialRow>("credential.find_key", `${KEYS} AND id = $2`);
const list = pagedList<CredentialRow>("credential.list_keys", { select: KEYS, key: "id", parameters: 1 });
const update = statement(
  "credential.update",
  "UPDATE api_key SET name = $3, scopes = $4 WHERE environment_id = $1 AND id = $2 AND app_id IS NULL",
);
const expire = statement(
  "credential.expire",
  "UPDATE api_key SET expires_at = least(expires_at, $3) WHERE environment_id = $1 AND id = $2",
);
const expireApplication = statement(
  "credential.expire_application",
  `UPDATE api_key SET expires_at = least(expires_at, $3)
   WHERE environment_id = $1 AND app_id = $2 AND ($4::text[] IS NULL OR session_id = ANY($4))`,
);
/** Of several at once the first changes the row; the others wait for it and then find its hash changed. */
const redeem = statement<CredentialRow>(
  "credential.redeem",
  `UPDATE api_key SET hash = $2, prefix = $3, kind = 'portal'
   WHERE hash = $1 AND kind = 'one_time' AND created_at > $4 AND expires_at > $5
     AND ${inLiving("api_key")}
   RETURNING ${CREDENTIAL_COLUMNS}`,
);

/** Each write is one statement on rows of one environment, but for the first key, which takes its lock. */
export function credentialStore({ lists }: Database): CredentialStore {
  return {
    async insert(credential, options) {
      await lists.query(forget, [credential.environmentId, options.forget]);
      return (await lists.query(insert, toCredentialRow(credential))).count > 0;
    },
    insertFirst: (credential) =>
      lists.transaction(async (connection) => {
        await connection.query(lockEnvironment, [credential.environmentId]);
        if ((await connection.query(anyKey, [credential.environmentId])).rows.length > 0) return false;
        return (await connection.query(insert, toCredentialRow(credential))).count > 0;
      }),
    async find(hash) {
      const [row] = (await lists.query(find, [hash])).rows;
      return row === undefined ? null : toCredential(row);
    },
    async findApiKey({ environmentId, id }) {
      const [row] = (await lists.query(findKey, [environmentId, id])).rows;
      return row === undefined ? null : toCredential(row);
    },
    async listApiKeys({ environmentId, page }) {
      return (await list(lists, page, [environmentId])).map(toCredential);
    },
    async update({ environmentId, id, name, scopes }) {
      return (await lists.query(update, [environmentId, id, name, listText(scopes)])).count > 0;
    },
    async expire({ environmentId, id, at }) {
      return (await lists.query(expire, [environmentId, id, at])).count > 0;
    },
    async expireOfApplication({ environmentId, appId, sessionIds, at }) {
      await lists.query(expireApplication, [environmentId, appId, at, sessionIds]);
    },
    async redeem({ hash, newHash, newPrefix, madeAfter, now }) {
      const [row] = (await lists.query(redeem, [hash, newHash, newPrefix, madeAfter, now])).rows;
      return row === undefined ? null : toCredential(row);
    },
  };
}
