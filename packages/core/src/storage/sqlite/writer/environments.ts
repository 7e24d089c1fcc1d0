import type { StatementSync } from "node:sqlite";
import { ENVIRONMENT_COLUMNS, type EnvironmentRow } from "../rows/environment.ts";
import type { EventTypeRow } from "../rows/event-type.ts";
import type { Query } from "../values.ts";
import type { IdempotentAnswer } from "../../port.ts";
import type { EventTypeWriter } from "./event-types.ts";
import type { Idempotency } from "./idempotency.ts";
import { changed, type WriterDatabase } from "./writer-database.ts";

export interface EnvironmentInsert {
  readonly row: EnvironmentRow;
  readonly eventTypes: readonly EventTypeRow[];
  readonly answer: IdempotentAnswer | undefined;
}

export interface EnvironmentUpdate {
  readonly row: EnvironmentRow;
  /** When it was last changed. */
  readonly basedOn: number;
}

/** Writes environments. Safe for the reason given in applications.ts. */
export class EnvironmentWriter {
  readonly #database: WriterDatabase;
  readonly #eventTypes: EventTypeWriter;
  readonly #idempotency: Idempotency;
  readonly #findByName: Query<EnvironmentRow>;
  readonly #findVersion: Query<[updatedAt: number]>;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #delete: StatementSync;
  readonly #endTasks: StatementSync;

  constructor(
    database: WriterDatabase,
    { eventTypes, idempotency }: { eventTypes: EventTypeWriter; idempotency: Idempotency },
  ) {
    this.#database = database;
    this.#eventTypes = eventTypes;
    this.#idempotency = idempotency;
    this.#findByName = database.query(`SELECT ${ENVIRONMENT_COLUMNS} FROM environment WHERE name = ?`);
    this.#insert = database.prepare(
      `INSERT INTO environment (${ENVIRONMENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#findVersion = database.query(
      "SELECT coalesce(updated_at, created_at) FROM environment WHERE id = ? AND deleted IS NULL",
    );
    this.#update = database.prepare(
      `UPDATE environment SET name = ?, retention_days = ?, created_at = ?, type = ?, settings = ?, updated_at = ?
       WHERE id = ? AND deleted IS NULL`,
    );
    this.#delete = database.prepare(
      "UPDATE environment SET deleted = 1, name = id, updated_at = ? WHERE id = ? AND deleted IS NULL",
    );
    this.#endTasks = database.prepare(
      `UPDATE background_task SET status = 'canceled', payload = NULL, updated_at = ?
       WHERE environment_id = ? AND status = 'running'`,
    );
  }

  ensure({ row, eventTypes }: Omit<EnvironmentInsert, "answer">): EnvironmentRow {
    return this.insert({ row, eventTypes, answer: undefined }) ?? row;
  }

  /** Null: inserted; otherwise the environment that has the name. */
  insert({ row, eventTypes, answer }: EnvironmentInsert): EnvironmentRow | null {
    return this.#database.transaction(() => {
      const existing = this.#findByName.get(row[1]);
      if (existing !== undefined) return existing;
      this.#insert.run(...row);
      for (const eventType of eventTypes) this.#eventTypes.add(eventType);
      this.#idempotency.rememberAnswer(answer);
      return null;
    });
  }

  update({ row, basedOn }: EnvironmentUpdate): "updated" | "not_found" | "name_taken" | "stale" {
    const [id, ...rest] = row;
    return this.#database.transaction(() => {
      const stored = this.#findVersion.get(id);
      if (stored === undefined) return "not_found";
      if (stored[0] !== basedOn) return "stale";
      const holder = this.#findByName.get(row[1]);
      if (holder !== undefined && holder[0] !== id) return "name_taken";
      this.#update.run(...rest, id);
      return "updated";
    });
  }

  delete({ id, now }: { id: string; now: number }): boolean {
    return this.#database.transaction(() => {
      if (!changed(this.#delete.run(now, id))) return false;
      this.#endTasks.run(now, id);
      return true;
    });
  }
}
