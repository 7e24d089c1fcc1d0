import { COUNT_STEP_ROWS, COUNT_STEPS_MAX } from "@posthaste/core/domain/limits";
import type {
  AttemptCount,
  AttemptCountQuery,
  AttemptCountStep,
} from "@posthaste/core/storage/port-overview";
import type { Services } from "../../route.ts";

/** Counts an endpoint's attempts step by step; false: there were more than one request counts. */
export async function tallyAttempts(
  query: Omit<AttemptCountQuery, "cursor" | "limit">,
  { store }: Services,
  each: (count: AttemptCount) => void,
): Promise<boolean> {
  let cursor: string | null = null;
  for (let steps = 0; steps < COUNT_STEPS_MAX; steps++) {
    const step: AttemptCountStep = await store.overview.countAttempts({
      ...query,
      cursor,
      limit: COUNT_STEP_ROWS,
    });
    for (const count of step.counts) each(count);
    ({ cursor } = step);
    if (cursor === null) return true;
  }
  return false;
}
