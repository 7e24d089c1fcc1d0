import { TASK_READ_PAGE } from "../../domain/limits.ts";
import type { PurgeWork } from "../../domain/task.ts";
import type { Store } from "../../storage/port.ts";
import { ended, goesOn, type StepResult, type TaskOf } from "./task-step.ts";

/** One page of payloads. Clearing one twice, after a crash between it and the step, changes nothing. */
export async function purgeStep(
  { work, progress }: TaskOf<PurgeWork>,
  options: { store: Store; expunge: (request: { appId: string; ids: readonly string[] }) => Promise<void> },
): Promise<StepResult> {
  const { appId, until } = work;
  const messages = await options.store.history.listMessages({
    appId,
    page: { limit: TASK_READ_PAGE, after: progress.after, order: "ascending" },
    before: until,
    withPayload: false,
  });
  const ids = messages.map(({ id }) => id);
  const last = ids.at(-1);
  if (last === undefined) return ended(progress);
  await options.expunge({ appId, ids });
  return goesOn({
    ...progress,
    after: last,
    looked: progress.looked + ids.length,
    done: progress.done + ids.length,
  });
}
