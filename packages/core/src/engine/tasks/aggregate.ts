import { COUNT_STEP_ROWS, TASK_APPLICATIONS, TASK_READ_PAGE, TASK_RESULTS_MAX } from "../../domain/limits.ts";
import type { AggregateEventTypesWork, ApplicationStatsWork, TaskProgress } from "../../domain/task.ts";
import type { Store } from "../../storage/port.ts";
import type { AttemptCountStep } from "../../storage/port-overview.ts";
import { ended, goesOn, type StepResult, type TaskOf } from "./task-step.ts";

const TOO_MANY = `There are more than ${TASK_RESULTS_MAX} results.`;

/** Messages by event type: a page of one application, or several applications that have fewer. */
export async function eventTypesStep(
  { environmentId, work, progress }: TaskOf<AggregateEventTypesWork>,
  { store }: { store: Store },
): Promise<StepResult> {
  const counts = { ...progress.counts };
  let { after, within, looked } = progress;
  const applications = await listApplications(store, { environmentId, after });
  for (const { id: appId } of applications) {
    const messages = await store.history.listMessages({
      appId,
      page: { limit: TASK_READ_PAGE, after: within, order: "ascending" },
      before: work.until,
      withPayload: false,
    });
    for (const { eventType } of messages) counts[eventType] = (counts[eventType] ?? 0) + 1;
    looked += messages.length;
    const isFull = messages.length === TASK_READ_PAGE;
    within = isFull ? (messages.at(-1)?.id ?? null) : null;
    if (isFull) break;
    after = appId;
  }
  return counted({ ...progress, after, within, looked, counts }, applications.length);
}

/** Deliveries that ended, of some applications at a time. */
export async function applicationStatsStep(
  { environmentId, work, progress }: TaskOf<ApplicationStatsWork>,
  { store }: { store: Store },
): Promise<StepResult> {
  const counts = { ...progress.counts };
  let { after, looked } = progress;
  const { appIds } = work;
  const next =
    appIds === null
      ? (await listApplications(store, { environmentId, after })).map(({ id }) => id)
      : appIds.filter((id) => after === null || id > after).slice(0, TASK_APPLICATIONS);
  for (const appId of next) {
    counts[appId] = await countEnded(store, { appId, after: work.since, before: work.until });
    looked += counts[appId];
    after = appId;
  }
  return counted({ ...progress, after, looked, counts }, next.length);
}

function counted(progress: TaskProgress, applications: number): StepResult {
  if (applications === 0) return ended(progress);
  if (Object.keys(progress.counts).length > TASK_RESULTS_MAX)
    return ended({ ...progress, counts: {} }, TOO_MANY);
  return goesOn(progress);
}

function listApplications(
  store: Store,
  { environmentId, after }: { environmentId: string; after: string | null },
) {
  return store.applications.list({
    environmentId,
    page: { limit: TASK_APPLICATIONS, after, order: "ascending" },
  });
}

/** A delivery has ended when nothing is tried after its attempt. */
async function countEnded(
  store: Store,
  { appId, ...span }: { appId: string; after: number; before: number },
): Promise<number> {
  let sum = 0;
  for (const { id: endpointId } of await store.endpoints.listAll(appId)) {
    let cursor: string | null = null;
    do {
      const step: AttemptCountStep = await store.overview.countAttempts({
        appId,
        endpointId,
        ...span,
        cursor,
        limit: COUNT_STEP_ROWS,
        spanMs: null,
      });
      for (const { deliveryState, count } of step.counts) {
        if (deliveryState !== "pending" && deliveryState !== "paused") sum += count;
      }
      ({ cursor } = step);
    } while (cursor !== null);
  }
  return sum;
}
