import type { Task, TaskStatus } from "../../../domain/task.ts";
import type { TaskKey, TaskStep, TaskStore } from "../../port-task.ts";
import { textArray } from "../arrays.ts";
import { writeOnce } from "../control-plane/answers.ts";
import type { Connection, Database } from "../database.ts";
import { storeTold } from "../deliveries/accept.ts";
import type { PartitionKeeper } from "../partitions.ts";
import { parse } from "../rows/json.ts";
import { statement } from "../statement.ts";

const COLUMNS = "environment_id, id, kind, status, work, progress, created_at, updated_at";
type TaskRow = [
  environmentId: string,
  id: string,
  kind: string,
  status: TaskStatus,
  work: string,
  progress: string,
  createdAt: number,
  updatedAt: number,
];

const insert = statement(
  "task.insert",
  `INSERT INTO background_task (${COLUMNS}, payload) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
);
const find = statement<TaskRow>(
  "task.find",
  `SELECT ${COLUMNS} FROM background_task WHERE environment_id = $1 AND id = $2`,
);
const list = (direction: "ASC" | "DESC") =>
  statement<TaskRow>(
    `task.list_${direction.toLowerCase()}`,
    `SELECT ${COLUMNS} FROM background_task
     WHERE environment_id = $1 AND id ${direction === "ASC" ? ">" : "<"} $2
       AND ($3::text IS NULL OR kind = $3) AND ($4::text[] IS NULL OR status = ANY($4))
     ORDER BY id ${direction} LIMIT $5`,
  );
const lists = { ascending: list("ASC"), descending: list("DESC") };

/**
 * A task of a dead node, or of nobody, or of this node. Two nodes that look at the same moment take different ones, or
 * the second takes the version after the first's, whose steps then change nothing.
 */
const claim = statement<[...TaskRow, version: number, payload: string | null]>(
  "task.claim",
  `WITH next AS MATERIALIZED (
     SELECT t.environment_id, t.id FROM background_task AS t
     WHERE t.status = 'running' AND (t.environment_id, t.id) > ($2, $3)
       AND (t.held_by IS NULL OR t.held_by = $1
         OR NOT EXISTS (SELECT 1 FROM node AS n WHERE n.id = t.held_by AND NOT n.dead))
       AND EXISTS (SELECT 1 FROM node AS n WHERE n.id = $1 AND NOT n.dead)
     ORDER BY t.environment_id, t.id LIMIT 1 FOR UPDATE SKIP LOCKED)
   UPDATE background_task AS t SET held_by = $1, version = t.version + 1 FROM next
   WHERE t.environment_id = next.environment_id AND t.id = next.id
   RETURNING ${COLUMNS.replaceAll(/\w+/g, "t.$&")}, t.version, t.payload`,
);
const step = statement(
  "task.step",
  `UPDATE background_task SET status = $4, progress = $5, updated_at = $6,
     payload = CASE WHEN $4 = 'running' THEN payload END
   WHERE environment_id = $1 AND id = $2 AND version = $3 AND status = 'running'`,
);
const cancel = statement(
  "task.cancel",
  `UPDATE background_task SET status = 'canceled', updated_at = $3, payload = NULL
   WHERE environment_id = $1 AND id = $2 AND status = 'running'`,
);
/**
 * In front of what a FIFO endpoint is owed, in the order of the ids. The messages are held: retention removes none that
 * is owed again. The bounds are those of the ids; they say which days to look into.
 */
const owe = statement(
  "task.owe",
  `WITH held AS MATERIALIZED (
     SELECT m.app_id, m.id FROM message AS m
     WHERE m.app_id = $1 AND m.id = ANY($3::text[]) AND m.id >= $4 AND m.id <= $5 AND m.payload IS NOT NULL
     ORDER BY m.app_id, m.id FOR KEY SHARE)
   INSERT INTO due (app_id, endpoint_id, ord, message_id, attempts, next_attempt_at, leased_by, manual, once)
   SELECT held.app_id, $2, 0, held.id, 0, 0, NULL, TRUE, FALSE FROM held
   WHERE NOT EXISTS (
     SELECT 1 FROM due AS d
     WHERE d.app_id = $1 AND d.message_id = held.id AND d.endpoint_id = $2 AND d.ord <> 0)
   ORDER BY held.id
   ON CONFLICT DO NOTHING`,
);

export function taskStore(
  { lists: reads, dispatch }: Pick<Database, "lists" | "dispatch">,
  { partitions }: { partitions: PartitionKeeper },
): TaskStore {
  return {
    async insert(task, { idempotency: answer, payload = null }) {
      await writeOnce(reads, {
        answer,
        work: async (connection) => (await connection.query(insert, [...toTaskRow(task), payload])).count > 0,
        wrote: (done) => done,
      });
    },
    async find({ environmentId, id }) {
      const [row] = (await reads.query(find, [environmentId, id])).rows;
      return row === undefined ? null : toTask(row);
    },
    async list({ environmentId, page: { order, after, limit }, kind, statuses }) {
      const from = after ?? (order === "ascending" ? "" : "~");
      const values = [environmentId, from, kind ?? null, statuses ?? null, limit];
      return (await reads.query(lists[order], values)).rows.map(toTask);
    },
    async claim({ leaseId, after }) {
      const row =
        (after && (await claimAfter(dispatch, leaseId, after))) ??
        (await claimAfter(dispatch, leaseId, FIRST));
      if (row === null) return null;
      const [environmentId, id, kind, status, work, progress, createdAt, updatedAt, version, payload] = row;
      return {
        task: toTask([environmentId, id, kind, status, work, progress, createdAt, updatedAt]),
        version,
        payload,
      };
    },
    async step(made) {
      await partitions.ensureForTold(made.tells);
      return dispatch.transaction((connection) => stepOnce(connection, made));
    },
    async cancel({ environmentId, id, now, tells }) {
      await partitions.ensureForTold(tells);
      return reads.transaction(async (connection) => {
        const { count } = await connection.query(cancel, [environmentId, id, now]);
        if (count > 0) await storeTold(connection, tells);
        return count > 0;
      });
    },
  };
}

/** Sorts before every task. */
const FIRST: TaskKey = { environmentId: "", id: "" };

async function claimAfter(connection: Connection, leaseId: string, { environmentId, id }: TaskKey) {
  const [row] = (await connection.query(claim, [leaseId, environmentId, id])).rows;
  return row ?? null;
}

/** The task's row stays locked until the commit: a claim by another node waits for it, and then goes on behind it. */
async function stepOnce(connection: Connection, made: TaskStep): Promise<boolean> {
  const { environmentId, id, version, status, progress, now } = made;
  const values = [environmentId, id, version, status, JSON.stringify(progress), now];
  if ((await connection.query(step, values)).count === 0) return false;
  await storeTold(connection, made.tells);
  const messageIds = made.owe?.messageIds.toSorted() ?? [];
  const [first, last] = [messageIds.at(0), messageIds.at(-1)];
  if (made.owe === null || first === undefined || last === undefined) return true;
  const { appId, endpointId } = made.owe;
  await connection.query(owe, [appId, endpointId, textArray(messageIds), first, last]);
  return true;
}

function toTask(row: TaskRow): Task {
  const [environmentId, id, , status, work, progress, createdAt, updatedAt] = row;
  return {
    id,
    environmentId,
    status,
    work: parse(work),
    progress: parse(progress),
    createdAt,
    updatedAt,
  };
}

function toTaskRow(task: Task): TaskRow {
  const { environmentId, id, status, work, progress, createdAt, updatedAt } = task;
  const stored = [JSON.stringify(work), JSON.stringify(progress)] as const;
  return [environmentId, id, work.kind, status, ...stored, createdAt, updatedAt];
}
