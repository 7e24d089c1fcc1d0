import type { Task } from "@posthaste/core/domain/task";
import type { Caller } from "../../caller.ts";
import { environmentRoute, type Services } from "../../route.ts";
import { allEventTypes } from "../event-type/all.ts";
import { openapiDocument } from "../event-type/openapi-write.ts";
import { BackgroundTaskOut, findTask, TaskPath, taskText } from "./schemas.ts";

export const getBackgroundTask = environmentRoute({
  method: "GET",
  path: "/api/v1/background-task/:task_id",
  operationId: "v1.background-task.get",
  tag: "Background Tasks",
  scope: "read:task",
  summary: "Get Background Task",
  description:
    "How far a background task has come, and what it found; 404 when there is none of that id. The data of an export of " +
    "event types (`sdk.generate`) has the document as `openapi`, for callers that may read event types.",
  params: TaskPath,
  answers: { 200: BackgroundTaskOut },
  async handle(call, services) {
    const task = await findTask(call, services);
    return { status: 200, text: taskText(task, await exportOf(task, call.caller, services)) };
  },
});

/** The document of a task that made one. */
async function exportOf({ work, status }: Task, caller: Caller, services: Services): Promise<object> {
  const isExport = work.kind === "sdk.generate" && status === "finished";
  if (!isExport || !caller.permissions.has("read:event-type")) return {};
  return { openapi: openapiDocument(await allEventTypes(caller.environmentId, services)) };
}
