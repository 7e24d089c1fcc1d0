import type { StatementSync } from "node:sqlite";
import type { BasedOnVersion, IdempotentAnswer, UpdateResult } from "../../port.ts";
import { APPLICATION_COLUMNS, type ApplicationRow } from "../rows/application.ts";
import type { Query } from "../values.ts";
import type { Idempotency } from "./idempotency.ts";
import { changed, type WriterDatabase } from "./writer-database.ts";

export interface ApplicationUpdate {
  readonly row: ApplicationRow;
  readonly basedOn: BasedOnVersion["basedOn"];
}

/**
 * Writes applications. Each operation is one transaction of the only writer, so what it has looked up cannot
 * change before it writes.
 */
export class ApplicationWriter {
  readonly #database: WriterDatabase;
  readonly #idempotency: Idempotency;
  readonly #findByUid: Query<ApplicationRow>;
  readonly #findVersion: Query<[updatedAt: number]>;
  readonly #insert: StatementSync;
  readonly #ensure: StatementSync;
  readonly #update: StatementSync;
  readonly #delete: StatementSync;
  readonly #deleteEndpoints: StatementSync;

  constructor(database: WriterDatabase, idempotency: Idempotency) {
    this.#database = database;
    this.#idempotency = idempotency;
    this.#findByUid = database.query(
      `SELECT ${APPLICATION_COLUMNS} FROM application WHERE environment_id = ? AND uid = ? AND deleted = 0`,
    );
    this.#findVersion = database.query(
      "SELECT updated_at FROM application WHERE environment_id = ? AND id = ? AND deleted = 0",
    );
    this.#insert = database.prepare(
      `INSERT INTO application (${APPLICATION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#ensure = database.prepare(
      `INSERT INTO application (${APPLICATION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
    );
    this.#update = database.prepare(
      `UPDATE application SET uid = ?, name = ?, throttle_rate = ?, metadata = ?, created_at = ?, updated_at = ?
       WHERE environment_id = ? AND id = ? AND deleted = 0`,
    );
    this.#delete = database.prepare(
      "UPDATE application SET deleted = 1 WHERE environment_id = ? AND id = ? AND deleted = 0",
    );
    this.#deleteEndpoints = database.prepare(
      "UPDATE endpoint SET deleted = 1 WHERE app_id = ? AND deleted = 0",
    );
  }

  /** Null: inserted; otherwise the application that has the uid. */
  insert({
    row,
    answer,
  }: {
    row: ApplicationRow;
    answer: IdempotentAnswer | undefined;
  }): ApplicationRow | null {
    return this.#database.transaction(() => {
      const [, environmentId, uid] = row;
      const existing = uid === null ? undefined : this.#findByUid.get(environmentId, uid);
      if (existing !== undefined) return existing;
      this.#insert.run(...row);
      this.#idempotency.rememberAnswer(answer);
      return null;
    });
  }

  ensure(row: ApplicationRow): void {
    this.#database.transaction(() => this.#ensure.run(...row));
  }

  /** A change that is based on an older state is refused here, in the transaction that would write it. */
  update({ row, basedOn }: ApplicationUpdate): UpdateResult | "stale" {
    const [id, environmentId, uid, ...rest] = row;
    return this.#database.transaction(() => {
      const stored = basedOn && this.#findVersion.get(environmentId, id);
      if (stored !== undefined && stored[0] !== basedOn?.updatedAt) return "stale";
      const holder = uid === null ? undefined : this.#findByUid.get(environmentId, uid);
      if (holder !== undefined && holder[0] !== id) return "uid_taken";
      return changed(this.#update.run(uid, ...rest, environmentId, id)) ? "updated" : "not_found";
    });
  }

  /** Hides the application and its endpoints; `cancelOrphans` and `prune` remove what belongs to them. */
  delete({ environmentId, id }: { environmentId: string; id: string }): boolean {
    return this.#database.transaction(() => {
      if (!changed(this.#delete.run(environmentId, id))) return false;
      this.#deleteEndpoints.run(id);
      return true;
    });
  }
}
