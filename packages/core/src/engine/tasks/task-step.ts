import type { Task, TaskProgress } from "../../domain/task.ts";
import type { TaskStep as StoredStep } from "../../storage/port-task.ts";

/** What one step of a task comes to; stored as a whole, or not at all. */
export interface StepMade {
  readonly status: "running" | "finished" | "failed";
  readonly progress: TaskProgress;
  readonly owe: StoredStep["owe"];
}

/** `wait`: what the task acts on is busy; it is asked again later. */
export type StepResult = StepMade | "wait";

export type TaskOf<Work extends Task["work"]> = Omit<Task, "work"> & { readonly work: Work };

/** The step after which nothing is left, or from which the task cannot go on. */
export function ended(progress: TaskProgress, error: string | null = null): StepMade {
  return { status: error === null ? "finished" : "failed", progress: { ...progress, error }, owe: null };
}

export function goesOn(progress: TaskProgress, owe: StoredStep["owe"] = null): StepMade {
  return { status: "running", progress, owe };
}
