import { PosthasteError } from "@posthaste/core/domain/errors";
import { ID_PREFIX } from "@posthaste/core/domain/ids";
import {
  NO_PROGRESS,
  type Task,
  type TaskKind,
  type TaskStatus,
  type TaskWork,
} from "@posthaste/core/domain/task";
import { toIso } from "@posthaste/core/domain/time";
import { Type } from "typebox";
import { jsonAnswer, type Answer } from "../../answer.ts";
import { idPattern } from "../../patterns.ts";
import type { Remember } from "../../idempotency.ts";
import type { Services } from "../../route.ts";
import { named, Time } from "../fields.ts";

const TaskId = Type.String({ pattern: idPattern(ID_PREFIX.task) });
export const TaskPath = Type.Object({ task_id: TaskId });

/** The contract's words. A task that was canceled is one that failed, and its data says so. */
export const BackgroundTaskStatus = Type.Unsafe<"running" | "finished" | "failed">({
  type: "string",
  enum: ["running", "finished", "failed"],
});
export const BackgroundTaskType = Type.Unsafe<string>({
  type: "string",
  enum: [
    "endpoint.replay",
    "endpoint.recover",
    "application.stats",
    "message.broadcast",
    "sdk.generate",
    "event-type.aggregate",
    "application.purge_content",
    "endpoint.bulk-replay",
  ],
});

const started = { id: TaskId, status: BackgroundTaskStatus, task: BackgroundTaskType, updatedAt: Time };

/** The answer of an operation that starts a task, under the contract's name. */
export function startedTask(name: string) {
  return named(name, Type.Object(started));
}

export const BackgroundTaskOut = named(
  "BackgroundTaskOut",
  Type.Object({
    ...started,
    data: Type.Unsafe<object>({
      type: "object",
      additionalProperties: true,
      description:
        "What was asked for, how many were `looked` at and how many `done`, results, and why it failed (`error`, `canceled`).",
    }),
  }),
);

const KINDS: ReadonlySet<string> = new Set<TaskKind>([
  "endpoint.recover",
  "endpoint.replay",
  "endpoint.bulk-replay",
  "application.purge_content",
  "message.broadcast",
  "event-type.aggregate",
  "sdk.generate",
  "application.stats",
]);

/** Whether tasks of this word of the contract are made here. */
export function isTaskKind(word: string): word is TaskKind {
  return KINDS.has(word);
}

function shownStatus(status: TaskStatus): "running" | "finished" | "failed" {
  return status === "canceled" ? "failed" : status;
}

function startedOut({ id, status, work, updatedAt }: Task) {
  return { id, status: shownStatus(status), task: work.kind, updatedAt: toIso(updatedAt) };
}

/** As the API shows it; `more`: what its data has beside what is stored. */
export function taskText(task: Task, more: object = {}): string {
  const { status, progress } = task;
  return JSON.stringify({
    ...startedOut(task),
    data: {
      ...shownWork(task.work),
      looked: progress.looked,
      done: progress.done,
      ...resultsOf(task),
      ...more,
      error: progress.error ?? undefined,
      canceled: status === "canceled" ? true : undefined,
    },
  });
}

/** Times as the API has them. */
function shownWork(work: TaskWork): object {
  const { kind: _, ...rest } = work;
  const { filter = {}, ...fields } = { filter: undefined, ...rest };
  const since = "since" in work ? { since: toIso(work.since) } : {};
  const expires = "payloadExpiresAt" in work ? work.payloadExpiresAt : null;
  const payloadExpiresAt = expires === null ? {} : { payloadExpiresAt: toIso(expires) };
  return { ...fields, ...filter, ...since, ...payloadExpiresAt, until: toIso(work.until) };
}

function resultsOf({ work, progress: { counts } }: Task): object {
  if (work.kind === "event-type.aggregate") return { eventTypes: counts };
  if (work.kind !== "application.stats") return {};
  const stats = Object.entries(counts);
  return { appStats: stats.map(([appId, messageDestinations]) => ({ appId, messageDestinations })) };
}

/** Stores a new task, which some node then works on, and answers with it. */
export async function startTask(
  { environmentId, remember }: { environmentId: string; remember: Remember },
  work: TaskWork,
  {
    services,
    more = {},
    payload,
    id = services.runtime.ids.next(ID_PREFIX.task),
  }: { services: Services; more?: object; payload?: string; id?: string },
): Promise<Answer> {
  const createdAt = services.runtime.clock.now();
  const task: Task = {
    id,
    environmentId,
    status: "running",
    work,
    progress: NO_PROGRESS,
    createdAt,
    updatedAt: createdAt,
  };
  const answer = jsonAnswer(202, { ...startedOut(task), ...more });
  await services.store.tasks.insert(task, { ...remember(answer), payload });
  return answer;
}

/** The task an id names; 404 when this environment has none. */
export async function findTask(
  { environmentId, params }: { environmentId: string; params: { task_id: string } },
  { store }: Services,
): Promise<Task> {
  const task = await store.tasks.find({ environmentId, id: params.task_id });
  if (task === null) throw new PosthasteError("not_found", "No background task has this id.");
  return task;
}
