import type { EnvironmentStore } from "../../port.ts";
import type { Database } from "../database.ts";
import {
  API_KEY_COLUMNS,
  type ApiKeyRow,
  ENVIRONMENT_COLUMNS,
  type EnvironmentRow,
  toApiKey,
  toApiKeyRow,
  toEnvironment,
  toEnvironmentRow,
} from "../rows/environment.ts";
import { toEventTypeRow } from "../rows/event-type.ts";
import { statement } from "../statement.ts";
import { findAnswer } from "./answers.ts";
import { insertEventType } from "./event-types.ts";

const insert = statement(
  "environment.insert",
  `INSERT INTO environment (${ENVIRONMENT_COLUMNS}) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING`,
);
const findByName = statement<EnvironmentRow>(
  "environment.find_by_name",
  `SELECT ${ENVIRONMENT_COLUMNS} FROM environment WHERE name = $1`,
);
const list = statement<EnvironmentRow>(
  "environment.list",
  `SELECT ${ENVIRONMENT_COLUMNS} FROM environment ORDER BY id`,
);
const insertKey = statement(
  "api_key.insert",
  `INSERT INTO api_key (${API_KEY_COLUMNS}) VALUES ($1, $2, $3, $4)`,
);
const findKey = statement<ApiKeyRow>(
  "api_key.find",
  `SELECT ${API_KEY_COLUMNS} FROM api_key WHERE hash = $1`,
);
const anyKey = statement<[one: number]>(
  "api_key.any",
  "SELECT 1 FROM api_key WHERE environment_id = $1 LIMIT 1",
);

export function environmentStore({ lists }: Database): EnvironmentStore {
  return {
    /**
     * Of several nodes that start together one inserts; the others wait at the unique name for its transaction,
     * and then read the environment that it made with all its event types. Environments are never deleted.
     */
    async ensure(environment, eventTypes) {
      const inserted = await lists.transaction(async (connection) => {
        const { count } = await connection.query(insert, toEnvironmentRow(environment));
        if (count === 0) return false;
        await Promise.all(
          eventTypes.map((eventType) => connection.query(insertEventType, toEventTypeRow(eventType))),
        );
        return true;
      });
      if (inserted) return environment;
      const { rows } = await lists.query(findByName, [environment.name]);
      const [row] = rows;
      if (row === undefined) throw new Error("an environment is gone");
      return toEnvironment(row);
    },
    async list() {
      return (await lists.query(list, [])).rows.map(toEnvironment);
    },
    async insertApiKey(key) {
      await lists.query(insertKey, toApiKeyRow(key));
    },
    async findApiKey(hash) {
      const [row] = (await lists.query(findKey, [hash])).rows;
      return row === undefined ? null : toApiKey(row);
    },
    async hasApiKey(environmentId) {
      return (await lists.query(anyKey, [environmentId])).rows.length > 0;
    },
    findAnswer: (query) => findAnswer(lists, query),
  };
}
