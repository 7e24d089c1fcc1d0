import { environmentRoute } from "../../route.ts";
import { BackgroundTaskOut, findTask, TaskPath, taskText } from "./schemas.ts";

export const cancelBackgroundTask = environmentRoute({
  method: "POST",
  path: "/api/v1/background-task/:task_id/cancel",
  operationId: "v1.background-task.cancel",
  tag: "Background Tasks",
  scope: "write:task",
  summary: "Cancel Background Task",
  description:
    "Stops a background task between two steps; what it did stays, and deliveries that it owed are sent. One that has " +
    "ended stays as it is. An addition to Svix's contract.",
  params: TaskPath,
  answers: { 200: BackgroundTaskOut },
  async handle(call, services) {
    const { store, runtime, engine } = services;
    const task = await findTask(call, services);
    const { environmentId, id } = task;
    await engine.operational.tellingOfTask({ ...task, status: "canceled" }, (tells) =>
      store.tasks.cancel({ environmentId, id, now: runtime.clock.now(), tells }),
    );
    return { status: 200, text: taskText(await findTask(call, services)) };
  },
});
