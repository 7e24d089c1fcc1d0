import type { Task, TaskStatus } from "../../../domain/task.ts";
import type { ClaimedTask } from "../../port-task.ts";
import { parse, readRow } from "./json.ts";

export const TASK_COLUMNS = "environment_id, id, kind, status, work, progress, created_at, updated_at";
export type TaskRow = readonly [
  environmentId: string,
  id: string,
  kind: string,
  status: TaskStatus,
  work: string,
  progress: string,
  createdAt: number,
  updatedAt: number,
];
export type ClaimedTaskRow = readonly [...task: TaskRow, version: number, payload: string | null];

export function toTask(row: TaskRow): Task {
  const [environmentId, id, , status, work, progress, createdAt, updatedAt] = row;
  return readRow(id, () => ({
    id,
    environmentId,
    status,
    work: parse(work),
    progress: parse(progress),
    createdAt,
    updatedAt,
  }));
}

export function toTaskRow(task: Task): TaskRow {
  const { environmentId, id, status, work, progress, createdAt, updatedAt } = task;
  return [
    environmentId,
    id,
    work.kind,
    status,
    JSON.stringify(work),
    JSON.stringify(progress),
    createdAt,
    updatedAt,
  ];
}

export function toClaimedTask(row: ClaimedTaskRow): ClaimedTask {
  const [environmentId, id, kind, status, work, progress, createdAt, updatedAt, version, payload] = row;
  return {
    task: toTask([environmentId, id, kind, status, work, progress, createdAt, updatedAt]),
    version,
    payload,
  };
}
