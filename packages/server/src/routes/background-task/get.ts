import { environmentRoute } from "../../route.ts";
import { BackgroundTaskOut, findTask, TaskPath, taskText } from "./schemas.ts";

export const getBackgroundTask = environmentRoute({
  method: "GET",
  path: "/api/v1/background-task/:task_id",
  operationId: "v1.background-task.get",
  tag: "Background Tasks",
  scope: "read:task",
  summary: "Get Background Task",
  description: "How far a background task has come, and what it found; 404 when there is none of that id.",
  params: TaskPath,
  answers: { 200: BackgroundTaskOut },
  async handle(call, services) {
    return { status: 200, text: taskText(await findTask(call, services)) };
  },
});
