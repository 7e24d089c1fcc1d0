import type { EnvironmentStore } from "../../port.ts";
import type { Environment } from "../../../domain/environment.ts";
import type { EventType } from "../../../domain/event-type.ts";
import type { Connection, ConnectionPool, Database } from "../database.ts";
import {
  ENVIRONMENT_COLUMNS,
  type EnvironmentRow,
  toEnvironment,
  toEnvironmentRow,
} from "../rows/environment.ts";
import { toEventTypeRow } from "../rows/event-type.ts";
import { statement } from "../statement.ts";
import { findAnswer } from "./answers.ts";
import { insertEventType } from "./event-types.ts";
import { insertNamed, isTaken } from "./insert-named.ts";
import { purgeEnvironment } from "./purge-environment.ts";

const insert = statement(
  "environment.insert",
  `INSERT INTO environment (${ENVIRONMENT_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)
   ON CONFLICT (name) DO NOTHING`,
);
const findByName = statement<EnvironmentRow>(
  "environment.find_by_name",
  `SELECT ${ENVIRONMENT_COLUMNS} FROM environment WHERE name = $1`,
);
const SELECT = `SELECT ${ENVIRONMENT_COLUMNS} FROM environment WHERE deleted IS NOT TRUE`;
const list = statement<EnvironmentRow>("environment.list", `${SELECT} ORDER BY id`);
const find = statement<EnvironmentRow>("environment.find", `${SELECT} AND id = $1`);
/** Written together with its `change`, which holds the environment's id here. */
const update = statement(
  "environment.update",
  `WITH written AS (
     UPDATE environment
     SET name = $2, retention_days = $3, created_at = $4, type = $5, settings = $6, updated_at = $7
     WHERE id = $1 AND deleted IS NOT TRUE AND coalesce(updated_at, created_at) = $8
     RETURNING id)
   INSERT INTO change (app_id) SELECT id FROM written`,
);

/** The same; a task whose step is being written is waited for. */
const hide = statement(
  "environment.delete",
  `WITH written AS (
     UPDATE environment SET deleted = TRUE, name = id, updated_at = $2 WHERE id = $1 AND deleted IS NOT TRUE
     RETURNING id),
   ended AS (
     UPDATE background_task SET status = 'canceled', payload = NULL, updated_at = $2
     WHERE environment_id = $1 AND status = 'running' AND EXISTS (SELECT 1 FROM written))
   INSERT INTO change (app_id) SELECT id FROM written`,
);
const listDeleted = statement<[id: string, deletedAt: number]>(
  "environment.list_deleted",
  "SELECT id, updated_at FROM environment WHERE deleted ORDER BY id",
);

export function environmentStore({ ingest, lists, dispatch }: Database): EnvironmentStore {
  return {
    /**
     * Of several nodes that start together one inserts; the others wait at the unique name for its transaction,
     * and then read the environment that it made with all its event types.
     */
    async ensure(environment, eventTypes) {
      const result = await insertNamed(lists, {
        answer: undefined,
        insert: (connection) => insertWhole(connection, { environment, eventTypes }),
        findHolder: () => findHolder(lists, environment),
      });
      return result.kind === "inserted" ? environment : result.existing;
    },
    insert: (environment, { idempotency: answer, eventTypes }) =>
      insertNamed(lists, {
        answer,
        insert: (connection) => insertWhole(connection, { environment, eventTypes }),
        findHolder: () => findHolder(lists, environment),
      }),
    async find(id) {
      const [row] = (await ingest.query(find, [id])).rows;
      return row === undefined ? null : toEnvironment(row);
    },
    async list() {
      return (await lists.query(list, [])).rows.map(toEnvironment);
    },
    async update(environment, { basedOn }) {
      try {
        const { count } = await lists.query(update, [...toEnvironmentRow(environment), basedOn.updatedAt]);
        if (count > 0) return "updated";
      } catch (error) {
        if (isTaken(error, "environment_name_key")) return "name_taken";
        throw error;
      }
      const { rows } = await lists.query(find, [environment.id]);
      return rows.length > 0 ? "stale" : "not_found";
    },
    async delete({ id, now }) {
      return (await lists.query(hide, [id, now])).count > 0;
    },
    async listDeleted() {
      const { rows } = await lists.query(listDeleted, []);
      return rows.map(([id, deletedAt]) => ({ id, deletedAt }));
    },
    purge: (request) => purgeEnvironment(dispatch, request),
    findAnswer: (query) => findAnswer(lists, query),
  };
}

/** Part of a transaction; false: the name is taken. */
async function insertWhole(
  connection: Connection,
  { environment, eventTypes }: { environment: Environment; eventTypes: readonly EventType[] },
): Promise<boolean> {
  const { count } = await connection.query(insert, toEnvironmentRow(environment));
  if (count === 0) return false;
  await Promise.all(
    eventTypes.map((eventType) => connection.query(insertEventType, toEventTypeRow(eventType))),
  );
  return true;
}

async function findHolder(
  pool: ConnectionPool,
  { name }: Pick<Environment, "name">,
): Promise<Environment | null> {
  const [row] = (await pool.query(findByName, [name])).rows;
  return row === undefined ? null : toEnvironment(row);
}
