/**
 * Background tasks. A task is worked on by one process at a time: whoever claims it gets a new number (`version`), and
 * only a step under the last number is stored. A step and what it owes are one transaction, so a process that dies
 * at any instant leaves a task that goes on where it was, with nothing owed twice.
 */
import type { Task, TaskKind, TaskProgress, TaskStatus } from "../domain/task.ts";
import type { Telling } from "./port-accept.ts";
import type { Idempotent } from "./port-writes.ts";
import type { Page } from "./port-page.ts";

export interface TaskStore {
  /** `payload`: what it sends, JSON text as it was given. It is cleared when the task ends. */
  insert(task: Task, options: Idempotent & { readonly payload?: string | undefined }): Promise<void>;
  find(query: { environmentId: string; id: string }): Promise<Task | null>;
  list(query: {
    environmentId: string;
    page: Page;
    kind?: TaskKind | undefined;
    /** Any of these. */
    statuses?: readonly TaskStatus[] | undefined;
  }): Promise<Task[]>;
  /**
   * Takes the next running task that no other living process holds, behind `after` (by environment and id) or else from
   * the start. Null: there is none.
   */
  claim(request: { leaseId: string; after: TaskKey | null }): Promise<ClaimedTask | null>;
  /** Stores a step and owes messages; false: the task is somebody else's by now, or over: nothing was written. */
  step(step: TaskStep): Promise<boolean>;
  /** Ends a running task; false when there is none that runs. */
  cancel(request: { environmentId: string; id: string; now: number } & Telling): Promise<boolean>;
}

export interface TaskKey {
  readonly environmentId: string;
  readonly id: string;
}

export interface ClaimedTask {
  readonly task: Task;
  readonly version: number;
  /** What it sends; null for most. */
  readonly payload: string | null;
}

export interface TaskStep extends TaskKey, Telling {
  readonly version: number;
  readonly status: Exclude<TaskStatus, "canceled">;
  readonly progress: TaskProgress;
  readonly now: number;
  /**
   * Messages that are owed to an endpoint from the start again, due at once, as asked for by a person. One that is owed
   * already stays as it is; one whose payload is gone is passed over.
   */
  readonly owe: {
    readonly appId: string;
    readonly endpointId: string;
    readonly messageIds: readonly string[];
  } | null;
}
