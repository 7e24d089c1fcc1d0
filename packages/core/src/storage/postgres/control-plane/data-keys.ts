import type { DataKeyStore } from "../../port-keys.ts";
import type { Database } from "../database.ts";
import { DATA_KEY_COLUMNS, type DataKeyRow, toDataKey, toDataKeyRow } from "../rows/data-key.ts";
import { statement } from "../statement.ts";
import { eraseTraces } from "./erase-traces.ts";

const list = statement<DataKeyRow>(
  "data_key.list",
  `SELECT ${DATA_KEY_COLUMNS} FROM data_key ORDER BY environment_id`,
);
/** Of several nodes one inserts; the others wait for its transaction and then read that key. */
const insert = statement(
  "data_key.insert",
  `INSERT INTO data_key (${DATA_KEY_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)
   ON CONFLICT (environment_id) DO NOTHING`,
);
const find = statement<DataKeyRow>(
  "data_key.find",
  `SELECT ${DATA_KEY_COLUMNS} FROM data_key WHERE environment_id = $1`,
);
/** One statement on one row: of two who rewrap at once the second finds another text and changes nothing. */
const update = statement(
  "data_key.update",
  `UPDATE data_key SET master_key_id = $3, wrapped = $4, complete = $5
   WHERE environment_id = $1 AND id = $2 AND wrapped = $6`,
);

export function dataKeyStore({ lists }: Database, { url }: { url: string }): DataKeyStore {
  return {
    async list() {
      return (await lists.query(list, [])).rows.map(toDataKey);
    },
    async ensure(key) {
      await lists.query(insert, toDataKeyRow(key));
      const [row] = (await lists.query(find, [key.environmentId])).rows;
      if (row === undefined) throw new Error("a data key is gone");
      return toDataKey(row);
    },
    async update({ environmentId, id, masterKeyId, wrapped, complete }, basedOn) {
      const values = [environmentId, id, masterKeyId, wrapped, complete, basedOn.wrapped];
      return (await lists.query(update, values)).count > 0;
    },
    eraseTraces: () => eraseTraces(url),
  };
}
