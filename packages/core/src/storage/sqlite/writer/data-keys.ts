import type { StatementSync } from "node:sqlite";
import { DATA_KEY_COLUMNS, type DataKeyRow } from "../rows/data-key.ts";
import type { Query } from "../values.ts";
import { changed, type WriterDatabase } from "./writer-database.ts";

/** Writes the keys of environments. Safe for the reason given in applications.ts. */
export class DataKeyWriter {
  readonly #database: WriterDatabase;
  readonly #find: Query<DataKeyRow>;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;

  constructor(database: WriterDatabase) {
    this.#database = database;
    this.#find = database.query(`SELECT ${DATA_KEY_COLUMNS} FROM data_key WHERE environment_id = ?`);
    this.#insert = database.prepare(`INSERT INTO data_key (${DATA_KEY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)`);
    this.#update = database.prepare(
      `UPDATE data_key SET master_key_id = ?, wrapped = ?, complete = ?
       WHERE environment_id = ? AND id = ? AND wrapped = ?`,
    );
  }

  ensure(row: DataKeyRow): DataKeyRow {
    return this.#database.transaction(() => {
      const existing = this.#find.get(row[0]);
      if (existing === undefined) this.#insert.run(...row);
      return existing ?? row;
    });
  }

  update({ row, basedOn }: { row: DataKeyRow; basedOn: { readonly wrapped: string } }): boolean {
    const [environmentId, id, masterKeyId, wrapped, complete] = row;
    return this.#database.transaction(() =>
      changed(this.#update.run(masterKeyId, wrapped, complete, environmentId, id, basedOn.wrapped)),
    );
  }
}
