import {
  TASK_PACE_MS,
  TASK_POLL_MS,
  TASK_STEPS_IN_A_TURN,
  TASK_WAIT_MS,
  TASK_YIELD,
} from "../../domain/limits.ts";
import type { Task, TaskWork } from "../../domain/task.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { type Store, StoreUnavailable, type Telling } from "../../storage/port.ts";
import type { ClaimedTask, TaskKey } from "../../storage/port-task.ts";
import type { AcceptOutcome, AcceptRequest, OperationalWebhooks, RoutedApplication } from "../engine.ts";
import type { NodeIdentity } from "../node-identity.ts";
import { applicationStatsStep, eventTypesStep } from "./aggregate.ts";
import { broadcastStep } from "./broadcast.ts";
import { purgeStep } from "./purge.ts";
import { replayStep } from "./replay.ts";
import { ended, type StepMade, type StepResult, type TaskOf } from "./task-step.ts";

export interface TaskRunnerOptions {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly operational: Pick<OperationalWebhooks, "tellingOfTask">;
  readonly node: Pick<NodeIdentity, "leaseId" | "active">;
  readonly findApplication: (appId: string) => Promise<RoutedApplication | null>;
  /** Stores a message with what it owes; also while this process takes nothing from outside. */
  readonly accept: (request: AcceptRequest) => Promise<AcceptOutcome[]>;
  /** An application got its message of a broadcast just now. */
  readonly onBroadcast: (appId: string) => void;
  readonly expunge: (request: { appId: string; ids: readonly string[] }) => Promise<void>;
  /** Runs a write that owes messages to an endpoint; nothing new of a FIFO endpoint may get past them meanwhile. */
  readonly owing: <Result>(
    owe: { appId: string; endpointId: string },
    write: () => Promise<Result>,
  ) => Promise<Result>;
}

/**
 * Works on background tasks, one step at a time, each in its turn: a long one holds up no other. Between steps it rests,
 * so that all tasks together take a small part of what the process can do.
 */
export class TaskRunner {
  readonly #options: TaskRunnerOptions;

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { store, runtime, node } = this.#options;
    let after: TaskKey | null = null;
    while (!signal.aborted) {
      const claimed: ClaimedTask | null = node.active
        ? await store.tasks.claim({ leaseId: node.leaseId, after })
        : null;
      if (claimed === null) {
        await runtime.timers.sleep(TASK_POLL_MS, signal);
        continue;
      }
      after = { environmentId: claimed.task.environmentId, id: claimed.task.id };
      await this.#turn(claimed, signal);
    }
  }

  /** Some steps of one task, until it ends or another one's turn has come. */
  async #turn({ task, version, payload }: ClaimedTask, signal: AbortSignal): Promise<void> {
    const { clock, timers } = this.#options.runtime;
    let current = task;
    for (let steps = 0; steps < TASK_STEPS_IN_A_TURN && !signal.aborted; steps++) {
      const startedAt = clock.monotonic();
      const made = await this.#make(current, payload);
      if (made === "wait") {
        // Others may have something to do meanwhile.
        await timers.sleep(TASK_WAIT_MS, signal);
        return;
      }
      if (!(await this.#store(current, version, made)) || made.status !== "running") return;
      current = { ...current, progress: made.progress };
      const tookMs = clock.monotonic() - startedAt;
      await timers.sleep(Math.max(TASK_PACE_MS, TASK_YIELD * tookMs), signal);
    }
  }

  #store(task: Task, version: number, made: StepMade): Promise<boolean> {
    const { environmentId, id } = task;
    const { store, runtime, owing, operational } = this.#options;
    const write = (tells?: Telling["tells"]) =>
      store.tasks.step({ environmentId, id, version, ...made, tells, now: runtime.clock.now() });
    if (made.owe !== null) return owing(made.owe, write);
    if (made.status === "running") return write();
    const { status, progress } = made;
    return operational.tellingOfTask({ ...task, status, progress }, write);
  }

  /** A task that cannot be done must not be tried forever; a store that is away is waited for. */
  async #make(task: Task, payload: string | null): Promise<StepResult> {
    try {
      return await this.#step(task, payload);
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error;
      this.#options.runtime.log.error(
        { error, taskId: task.id, kind: task.work.kind },
        "background task failed",
      );
      return ended(task.progress, "Something went wrong on our side. It has been logged.");
    }
  }

  async #step(task: Task, payload: string | null): Promise<StepResult> {
    const { work } = task;
    const { store, runtime, findApplication, expunge } = this.#options;
    if (work.kind === "application.purge_content") return purgeStep(of(task, work), { store, expunge });
    if (work.kind === "event-type.aggregate") return eventTypesStep(of(task, work), { store });
    if (work.kind === "sdk.generate") return ended(task.progress);
    if (work.kind === "application.stats") return applicationStatsStep(of(task, work), { store });
    if (work.kind === "message.broadcast")
      return broadcastStep({ ...of(task, work), payload }, this.#options);
    const routed = await findApplication(work.appId);
    return replayStep(of(task, work), { store, runtime, routed });
  }
}

function of<Work extends TaskWork>(task: Task, work: Work): TaskOf<Work> {
  return { ...task, work };
}
