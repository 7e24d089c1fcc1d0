import { PosthasteError } from "../../domain/errors.ts";
import { ID_PREFIX } from "../../domain/ids.ts";
import { ksuidFloor } from "../../domain/ksuid.ts";
import { BROADCAST_STEP_CHARS, TASK_APPLICATIONS } from "../../domain/limits.ts";
import type { BroadcastWork } from "../../domain/task.ts";
import type { Store } from "../../storage/port.ts";
import type { AcceptOutcome, AcceptRequest, NewMessage, RoutedApplication } from "../engine.ts";
import { ended, goesOn, type StepResult, type TaskOf } from "./task-step.ts";

interface Parts {
  readonly store: Store;
  readonly findApplication: (appId: string) => Promise<RoutedApplication | null>;
  readonly accept: (request: AcceptRequest) => Promise<AcceptOutcome[]>;
  readonly onBroadcast: (appId: string) => void;
}

/**
 * One page of applications. Each message is accepted like any other, under the broadcast's event id: a step that is done
 * again, after a crash or by a node that does not know it lost the task, finds those that are there and adds none.
 */
export async function broadcastStep(
  task: TaskOf<BroadcastWork> & { readonly payload: string | null },
  parts: Parts,
): Promise<StepResult> {
  const { environmentId, work, progress, payload } = task;
  if (payload === null) return ended(progress, "The payload is gone.");
  const perStep = Math.floor(BROADCAST_STEP_CHARS / Math.max(1, payload.length));
  const listed = await parts.store.applications.list({
    environmentId,
    page: {
      limit: Math.min(TASK_APPLICATIONS, Math.max(1, perStep)),
      after: progress.after,
      order: "ascending",
    },
  });
  const end = ksuidFloor(ID_PREFIX.application, work.until);
  const appIds = listed.map(({ id }) => id).filter((id) => id < end);
  const last = appIds.at(-1);
  if (last === undefined) return ended(progress);
  const { eventType, eventId, channels, payloadExpiresAt } = work;
  const message = { eventType, eventId, channels, tags: null, payload, payloadExpiresAt, deliverAt: null };
  // All of them, also beside one that fails: what is still under way must not meet the next try.
  const sent = await Promise.allSettled(appIds.map((appId) => sendTo(appId, { task, message, parts })));
  const failed = sent.find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") {
    if (isPassing(failed.reason)) return "wait";
    throw failed.reason;
  }
  const done = sent.filter((one) => one.status === "fulfilled" && one.value).length;
  return goesOn({
    ...progress,
    after: last,
    looked: progress.looked + appIds.length,
    done: progress.done + done,
  });
}

/** Whether the application has the broadcast's message now; one that is gone, or used the event id before, has not. */
async function sendTo(
  appId: string,
  {
    task,
    message,
    parts,
  }: { task: TaskOf<BroadcastWork>; message: NewMessage & { eventId: string }; parts: Parts },
): Promise<boolean> {
  const application = await parts.findApplication(appId);
  if (application === null) return false;
  const { environmentId, createdAt } = task;
  const [outcome] = await parts.accept({
    environmentId,
    application,
    messages: [message],
    idempotency: null,
  });
  if (outcome?.kind !== "conflict") {
    parts.onBroadcast(appId);
    return true;
  }
  const known = await parts.store.history.findMessage({ appId, ref: message.eventId });
  return known !== null && known.createdAt >= createdAt && known.eventType === message.eventType;
}

/** The disk is full, or this process stops: it is tried again. */
function isPassing(error: unknown): boolean {
  return error instanceof PosthasteError && error.code === "unavailable";
}
