import type { StatementSync } from "node:sqlite";
import type { BasedOnVersion, IdempotentAnswer, UpdateResult } from "../../port.ts";
import { EVENT_TYPE_COLUMNS, type EventTypeRow } from "../rows/event-type.ts";
import type { Query } from "../values.ts";
import type { Idempotency } from "./idempotency.ts";
import { changed, type WriterDatabase } from "./writer-database.ts";

export interface EventTypeUpdate {
  readonly row: EventTypeRow;
  readonly basedOn: BasedOnVersion["basedOn"];
}

/** Writes event types. Safe for the reason given in applications.ts. */
export class EventTypeWriter {
  readonly #database: WriterDatabase;
  readonly #idempotency: Idempotency;
  readonly #find: Query<EventTypeRow>;
  readonly #findVersion: Query<[updatedAt: number]>;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #delete: StatementSync;

  constructor(database: WriterDatabase, idempotency: Idempotency) {
    this.#database = database;
    this.#idempotency = idempotency;
    this.#find = database.query(
      `SELECT ${EVENT_TYPE_COLUMNS} FROM event_type WHERE environment_id = ? AND name = ?`,
    );
    this.#findVersion = database.query(
      "SELECT updated_at FROM event_type WHERE environment_id = ? AND name = ?",
    );
    this.#insert = database.prepare(
      `INSERT INTO event_type (${EVENT_TYPE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#update = database.prepare(
      `UPDATE event_type SET description = ?, archived = ?, deprecated = ?, schemas = ?, group_name = ?,
         feature_flags = ?, created_at = ?, updated_at = ?, retry_schedule_ms = ?
       WHERE environment_id = ? AND name = ?`,
    );
    this.#delete = database.prepare("DELETE FROM event_type WHERE environment_id = ? AND name = ?");
  }

  /** Null: inserted; otherwise the event type of that name. */
  insert({ row, answer }: { row: EventTypeRow; answer: IdempotentAnswer | undefined }): EventTypeRow | null {
    return this.#database.transaction(() => {
      const existing = this.#find.get(row[0], row[1]);
      if (existing !== undefined) return existing;
      this.add(row);
      this.#idempotency.rememberAnswer(answer);
      return null;
    });
  }

  /** Part of a transaction of the caller. */
  add(row: EventTypeRow): void {
    this.#insert.run(...row);
  }

  update({ row, basedOn }: EventTypeUpdate): UpdateResult | "stale" {
    const [environmentId, name, ...rest] = row;
    return this.#database.transaction(() => {
      const stored = basedOn && this.#findVersion.get(environmentId, name);
      if (stored !== undefined && stored[0] !== basedOn?.updatedAt) return "stale";
      return changed(this.#update.run(...rest, environmentId, name)) ? "updated" : "not_found";
    });
  }

  delete({ environmentId, name }: { environmentId: string; name: string }): boolean {
    return this.#database.transaction(() => changed(this.#delete.run(environmentId, name)));
  }
}
