import type { DatabaseSync } from "node:sqlite";
import type { Page } from "../../port-page.ts";
import { TASK_COLUMNS, type TaskRow } from "../rows/task.ts";
import { query, type SqlValue } from "../values.ts";
import { StatementCache } from "./scan.ts";

export interface TaskListRequest {
  readonly environmentId: string;
  readonly page: Page;
  readonly kind?: string | undefined;
  readonly statuses?: readonly string[] | undefined;
}

export function taskReads(db: DatabaseSync) {
  const find = query<TaskRow>(
    db,
    `SELECT ${TASK_COLUMNS} FROM background_task WHERE environment_id = ? AND id = ?`,
  );
  const lists = new StatementCache<TaskRow>(db);
  return {
    findTask: ({ environmentId, id }: { environmentId: string; id: string }) =>
      find.get(environmentId, id) ?? null,
    listTasks({ environmentId, page, kind, statuses }: TaskListRequest): TaskRow[] {
      const [beyond, direction] = page.order === "ascending" ? [">", "ASC"] : ["<", "DESC"];
      const conditions = ["environment_id = ?"];
      const params: SqlValue[] = [environmentId];
      if (page.after !== null) {
        conditions.push(`id ${beyond} ?`);
        params.push(page.after);
      }
      if (kind !== undefined) {
        conditions.push("kind = ?");
        params.push(kind);
      }
      if (statuses !== undefined) {
        conditions.push("status IN (SELECT value FROM json_each(?))");
        params.push(JSON.stringify(statuses));
      }
      const where = conditions.join(" AND ");
      return lists
        .get(`SELECT ${TASK_COLUMNS} FROM background_task WHERE ${where} ORDER BY id ${direction} LIMIT ?`)
        .all(...params, page.limit);
    },
  };
}
