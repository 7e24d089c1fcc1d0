import type { EnvironmentStore } from "../../port.ts";
import type { Database } from "../database.ts";
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
    findAnswer: (query) => findAnswer(lists, query),
  };
}
