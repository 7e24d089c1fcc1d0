import { ID_PREFIX } from "@posthaste/core/domain/ids";
import type { TaskStatus } from "@posthaste/core/domain/task";
import { Type } from "typebox";
import { listAnswer } from "../../paging.ts";
import { environmentRoute } from "../../route.ts";
import { listOf, orderField, pageFields } from "../fields.ts";
import {
  BackgroundTaskOut,
  BackgroundTaskStatus,
  BackgroundTaskType,
  isTaskKind,
  taskText,
} from "./schemas.ts";

const STATUSES = {
  running: ["running"],
  finished: ["finished"],
  failed: ["failed", "canceled"],
} as const satisfies Record<string, readonly TaskStatus[]>;

export const listBackgroundTasks = environmentRoute({
  method: "GET",
  path: "/api/v1/background-task",
  operationId: "v1.background-task.list",
  tag: "Background Tasks",
  scope: "read:task",
  summary: "List Background Tasks",
  description: "The background tasks of this environment, newest first.",
  query: Type.Object({
    ...pageFields(ID_PREFIX.task),
    ...orderField,
    status: Type.Optional(BackgroundTaskStatus),
    task: Type.Optional(BackgroundTaskType),
  }),
  answers: { 200: listOf(BackgroundTaskOut) },
  async handle({ environmentId, query }, { store }) {
    const { task: kind, status } = query;
    return listAnswer({
      query,
      defaultOrder: "descending",
      read: async (page) => {
        if (kind !== undefined && !isTaskKind(kind)) return [];
        const statuses = status === undefined ? undefined : STATUSES[status];
        return store.tasks.list({ environmentId, page, kind, statuses });
      },
      idOf: ({ id }) => id,
      toText: taskText,
    });
  },
});
