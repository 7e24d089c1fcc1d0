import type { TaskStore } from "../../port-task.ts";
import { encodeTells } from "../batch.ts";
import { toClaimedTask, toTask, toTaskRow } from "../rows/task.ts";
import type { Threads } from "./deliveries.ts";

export function taskStore({ writer, reader }: Threads): TaskStore {
  return {
    insert: (task, { idempotency: answer, payload = null }) =>
      writer.call("insertTask", { row: toTaskRow(task), payload, answer }),
    async find(query) {
      const row = await reader.call("findTask", query);
      return row === null ? null : toTask(row);
    },
    list: async (query) => (await reader.call("listTasks", query)).map(toTask),
    async claim(request) {
      const row = await writer.call("claimTask", request);
      return row === null ? null : toClaimedTask(row);
    },
    step: ({ tells, ...step }) => writer.call("stepTask", { ...step, tells: encodeTells(tells) }),
    cancel: ({ tells, ...key }) => writer.call("cancelTask", { ...key, tells: encodeTells(tells) }),
  };
}
