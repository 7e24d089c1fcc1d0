import type { TaskStore } from "../../port-task.ts";
import { toClaimedTask, toTask, toTaskRow } from "../rows/task.ts";
import type { Threads } from "./deliveries.ts";

export function taskStore({ writer, reader }: Threads): TaskStore {
  return {
    insert: (task, { idempotency: answer }) => writer.call("insertTask", { row: toTaskRow(task), answer }),
    async find(query) {
      const row = await reader.call("findTask", query);
      return row === null ? null : toTask(row);
    },
    list: async (query) => (await reader.call("listTasks", query)).map(toTask),
    async claim(request) {
      const row = await writer.call("claimTask", request);
      return row === null ? null : toClaimedTask(row);
    },
    step: (step) => writer.call("stepTask", step),
    cancel: (request) => writer.call("cancelTask", request),
  };
}
