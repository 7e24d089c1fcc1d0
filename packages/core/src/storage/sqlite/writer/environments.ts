import type { StatementSync } from "node:sqlite";
import { ENVIRONMENT_COLUMNS, type EnvironmentRow } from "../rows/environment.ts";
import type { EventTypeRow } from "../rows/event-type.ts";
import type { Query } from "../values.ts";
import type { EventTypeWriter } from "./event-types.ts";
import type { WriterDatabase } from "./writer-database.ts";

/** Writes environments. Safe for the reason given in applications.ts. */
export class EnvironmentWriter {
  readonly #database: WriterDatabase;
  readonly #eventTypes: EventTypeWriter;
  readonly #findByName: Query<EnvironmentRow>;
  readonly #insert: StatementSync;

  constructor(database: WriterDatabase, eventTypes: EventTypeWriter) {
    this.#database = database;
    this.#eventTypes = eventTypes;
    this.#findByName = database.query(`SELECT ${ENVIRONMENT_COLUMNS} FROM environment WHERE name = ?`);
    this.#insert = database.prepare(`INSERT INTO environment (${ENVIRONMENT_COLUMNS}) VALUES (?, ?, ?, ?)`);
  }

  ensure({ row, eventTypes }: { row: EnvironmentRow; eventTypes: EventTypeRow[] }): EnvironmentRow {
    return this.#database.transaction(() => {
      const existing = this.#findByName.get(row[1]);
      if (existing !== undefined) return existing;
      this.#insert.run(...row);
      for (const eventType of eventTypes) this.#eventTypes.add(eventType);
      return row;
    });
  }
}
