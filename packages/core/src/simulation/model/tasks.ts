import type { Task } from "../../domain/task.ts";
import type { TaskKey, TaskStore } from "../../storage/port-task.ts";
import { tell } from "./commit.ts";
import { pageOf } from "./control-plane.ts";
import { compare, type ModelState } from "./state.ts";
import type { Sync } from "./sync.ts";

/** Background tasks of the model store. */
export function modelTasks(state: ModelState): Sync<TaskStore> {
  const running = (key: TaskKey) => {
    const kept = state.tasks.get(key.id);
    return kept?.task.environmentId === key.environmentId && kept.task.status === "running" ? kept : null;
  };
  return {
    insert(task, { idempotency, payload = null }) {
      state.assertUnanswered(idempotency);
      state.tasks.set(task.id, { task, heldBy: null, version: 0, payload });
      state.rememberAnswer(idempotency);
    },
    find({ environmentId, id }) {
      const task = state.tasks.get(id)?.task;
      return task?.environmentId === environmentId ? task : null;
    },
    list({ environmentId, page, kind, statuses }) {
      const found = [...state.tasks.values()]
        .map(({ task }) => task)
        .filter((task) => task.environmentId === environmentId)
        .filter(
          ({ work, status }) => (kind ?? work.kind) === work.kind && statuses?.includes(status) !== false,
        );
      return pageOf(found, page, ({ id }) => id);
    },
    claim({ leaseId, after }) {
      if (!state.lives(leaseId)) return null;
      const free = [...state.tasks.values()]
        .filter(({ task, heldBy }) => {
          const taken = state.clustered && heldBy !== null && heldBy !== leaseId && state.lives(heldBy);
          return task.status === "running" && !taken;
        })
        .toSorted((a, b) => compareTasks(a.task, b.task));
      const next = free.find(({ task }) => after === null || compareTasks(task, after) > 0) ?? free[0];
      if (next === undefined) return null;
      next.heldBy = leaseId;
      next.version += 1;
      return { task: next.task, version: next.version, payload: next.payload };
    },
    step({ version, status, progress, now, owe, tells, ...key }) {
      const kept = running(key);
      if (kept === null || kept.version !== version) return false;
      kept.task = { ...kept.task, status, progress, updatedAt: now };
      if (status !== "running") kept.payload = null;
      tell(state, tells);
      for (const messageId of owe?.messageIds ?? []) {
        if (owe === null) break;
        const delivery = { appId: owe.appId, endpointId: owe.endpointId, messageId };
        const payload = state.findMessage(owe.appId, messageId)?.payload ?? null;
        if (payload === null || state.dueRow(delivery) !== undefined) continue;
        const fresh = { order: 0, once: false, attempts: 0, manual: true, nextAttemptAt: 0, leasedBy: null };
        state.addDue({ ...delivery, ...fresh });
      }
      return true;
    },
    cancel({ now, tells, ...key }) {
      const kept = running(key);
      if (kept === null) return false;
      kept.task = { ...kept.task, status: "canceled", updatedAt: now };
      kept.payload = null;
      tell(state, tells);
      return true;
    },
  };
}

function compareTasks(a: Pick<Task, "environmentId" | "id">, b: Pick<Task, "environmentId" | "id">): number {
  return compare(a.environmentId, b.environmentId) || compare(a.id, b.id);
}
