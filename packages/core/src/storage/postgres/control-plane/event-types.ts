import type { EventTypeStore } from "../../port.ts";
import type { Database } from "../database.ts";
import { EVENT_TYPE_COLUMNS, type EventTypeRow, toEventType, toEventTypeRow } from "../rows/event-type.ts";
import { parse } from "../rows/json.ts";
import { statement } from "../statement.ts";
import { insertNamed } from "./insert-named.ts";
import { pagedList } from "./paged-list.ts";

/** Other nodes read its retry schedules again. */
const NAME_ENVIRONMENT = "INSERT INTO change (app_id) SELECT environment_id FROM written";
const SELECT = `SELECT ${EVENT_TYPE_COLUMNS} FROM event_type WHERE environment_id = $1`;

/** Part of a transaction of the caller. */
export const insertEventType = statement(
  "event_type.insert",
  `INSERT INTO event_type (${EVENT_TYPE_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
   ON CONFLICT (environment_id, name) DO NOTHING`,
);
const find = statement<EventTypeRow>("event_type.find", `${SELECT} AND name = $2`);
const findNames = statement<[name: string]>(
  "event_type.find_names",
  "SELECT name FROM event_type WHERE environment_id = $1 AND name = ANY($2)",
);
const list = pagedList<EventTypeRow>("event_type.list", { select: SELECT, key: "name", parameters: 1 });
const listLive = pagedList<EventTypeRow>("event_type.list_live", {
  select: `${SELECT} AND NOT archived`,
  key: "name",
  parameters: 1,
});
const update = statement(
  "event_type.update",
  `WITH written AS (
     UPDATE event_type SET description = $3, archived = $4, deprecated = $5, schemas = $6, group_name = $7,
       feature_flags = $8, created_at = $9, updated_at = $10, retry_schedule_ms = $11
     WHERE environment_id = $1 AND name = $2 AND updated_at = coalesce($12, updated_at)
     RETURNING environment_id)
   ${NAME_ENVIRONMENT}`,
);
const remove = statement(
  "event_type.delete",
  `WITH written AS (
     DELETE FROM event_type WHERE environment_id = $1 AND name = $2 RETURNING environment_id)
   ${NAME_ENVIRONMENT}`,
);
const listRetrySchedules = statement<[name: string, waits: string]>(
  "event_type.list_retry_schedules",
  `SELECT name, retry_schedule_ms FROM event_type
   WHERE environment_id = $1 AND retry_schedule_ms IS NOT NULL`,
);

/** Each write is one statement on one row; the name is the key. */
export function eventTypeStore({ ingest, lists }: Database): EventTypeStore {
  const findByName: EventTypeStore["find"] = async ({ environmentId, name }) => {
    const [row] = (await lists.query(find, [environmentId, name])).rows;
    return row === undefined ? null : toEventType(row);
  };
  return {
    insert: (eventType, { idempotency: answer }) =>
      insertNamed(lists, {
        answer,
        insert: async (connection) =>
          (await connection.query(insertEventType, toEventTypeRow(eventType))).count > 0,
        findHolder: () => findByName(eventType),
      }),
    find: findByName,
    async findMissing({ environmentId, names }) {
      const { rows } = await lists.query(findNames, [environmentId, names]);
      const known = new Set(rows.map(([name]) => name));
      return names.filter((name) => !known.has(name));
    },
    async list({ environmentId, page, includeArchived }) {
      const rows = await (includeArchived ? list : listLive)(lists, page, [environmentId]);
      return rows.map(toEventType);
    },
    async listRetrySchedules({ environmentId }) {
      const { rows } = await ingest.query(listRetrySchedules, [environmentId]);
      return rows.map(([name, waits]) => ({ name, waitsMs: parse(waits) }));
    },
    async update(eventType, options) {
      const values = [...toEventTypeRow(eventType), options?.basedOn?.updatedAt ?? null];
      const { count } = await lists.query(update, values);
      if (count > 0) return "updated";
      return (await findByName(eventType)) === null ? "not_found" : "stale";
    },
    async delete({ environmentId, name }) {
      return (await lists.query(remove, [environmentId, name])).count > 0;
    },
  };
}
