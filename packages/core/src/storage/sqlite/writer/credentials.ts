import type { StatementSync } from "node:sqlite";
import { CREDENTIALS_FORGOTTEN_AT_ONCE } from "../../../domain/limits.ts";
import { CREDENTIAL_COLUMNS, type CredentialRow, listText } from "../../credential-row.ts";
import type { CredentialStore } from "../../port-credentials.ts";
import { IN_LIVING } from "../living.ts";
import type { Query } from "../values.ts";
import { changed, type WriterDatabase } from "./writer-database.ts";

type Argument<Operation extends keyof CredentialStore> = Parameters<CredentialStore[Operation]>[0];

/** Writes API keys and tokens. Safe for the reason given in applications.ts. */
export class CredentialWriter {
  readonly #database: WriterDatabase;
  readonly #anyKey: Query<[one: number]>;
  readonly #insert: StatementSync;
  readonly #forget: StatementSync;
  readonly #update: StatementSync;
  readonly #expire: StatementSync;
  readonly #expireApplication: StatementSync;
  readonly #redeem: Query<CredentialRow>;

  constructor(database: WriterDatabase) {
    this.#database = database;
    this.#anyKey = database.query(
      "SELECT 1 FROM api_key WHERE environment_id = ? AND app_id IS NULL LIMIT 1",
    );
    this.#insert = database.prepare(
      `INSERT INTO api_key (${CREDENTIAL_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (hash) DO NOTHING`,
    );
    this.#forget = database.prepare(
      `DELETE FROM api_key WHERE hash IN (
         SELECT hash FROM api_key WHERE environment_id = ? AND expires_at < ? LIMIT ?)`,
    );
    this.#update = database.prepare(
      "UPDATE api_key SET name = ?, scopes = ? WHERE environment_id = ? AND id = ? AND app_id IS NULL",
    );
    this.#expire = database.prepare(
      `UPDATE api_key SET expires_at = min(coalesce(expires_at, ?1), ?1) WHERE environment_id = ?2 AND id = ?3`,
    );
    this.#expireApplication = database.prepare(
      `UPDATE api_key SET expires_at = min(coalesce(expires_at, ?1), ?1)
       WHERE environment_id = ?2 AND app_id = ?3
         AND (?4 IS NULL OR session_id IN (SELECT value FROM json_each(?4)))`,
    );
    this.#redeem = database.query(
      `UPDATE api_key SET hash = ?2, prefix = ?3, kind = 'portal'
       WHERE hash = ?1 AND kind = 'one_time' AND created_at > ?4 AND expires_at > ?5 AND ${IN_LIVING}
       RETURNING ${CREDENTIAL_COLUMNS}`,
    );
  }

  insert({ row, forget }: { row: CredentialRow; forget: number }): boolean {
    return this.#database.transaction(() => {
      const [, , environmentId] = row;
      this.#forget.run(environmentId, forget, CREDENTIALS_FORGOTTEN_AT_ONCE);
      return changed(this.#insert.run(...row));
    });
  }

  insertFirst(row: CredentialRow): boolean {
    return this.#database.transaction(() => {
      const [, , environmentId] = row;
      return this.#anyKey.get(environmentId) === undefined && changed(this.#insert.run(...row));
    });
  }

  update({ environmentId, id, name, scopes }: Argument<"update">): boolean {
    return this.#database.transaction(() =>
      changed(this.#update.run(name, listText(scopes), environmentId, id)),
    );
  }

  expire({ environmentId, id, at }: Argument<"expire">): boolean {
    return this.#database.transaction(() => changed(this.#expire.run(at, environmentId, id)));
  }

  expireOfApplication({ environmentId, appId, sessionIds, at }: Argument<"expireOfApplication">): void {
    this.#database.transaction(() =>
      this.#expireApplication.run(at, environmentId, appId, listText(sessionIds)),
    );
  }

  redeem({ hash, newHash, newPrefix, madeAfter, now }: Argument<"redeem">): CredentialRow | null {
    return this.#database.transaction(
      () => this.#redeem.get(hash, newHash, newPrefix, madeAfter, now) ?? null,
    );
  }
}
