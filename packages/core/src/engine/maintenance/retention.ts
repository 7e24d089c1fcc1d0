import { INSTALLATION } from "../../domain/environment.ts";
import { PRUNE_BATCH, RETENTION_INTERVAL_MS } from "../../domain/limits.ts";
import { ID_PREFIX } from "../../domain/ids.ts";
import { DAY_MS } from "../../domain/time.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Store } from "../../storage/port.ts";

/** Rarely is there anything to end, and each row takes an id that is made before. */
const ORPHANS_FIRST = 20;
/** Between two batches, so that pruning never takes more than a small part of the writer's time. */
const BATCH_PAUSE_MS = 50;

/**
 * Retention: deletes what is older than each environment keeps, in small batches beside live traffic, and
 * ends what deleted endpoints and applications still owed.
 */
export async function runRetention(
  { store, runtime }: { store: Store; runtime: Runtime },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await retentionOnce({ store, runtime }, signal);
    } catch (error) {
      runtime.log.error({ error }, "retention failed; it tries again");
    }
    await runtime.timers.sleep(RETENTION_INTERVAL_MS, signal);
  }
}

/** One pass over every environment; returns how many rows went. */
export async function retentionOnce(
  { store, runtime }: { store: Store; runtime: Runtime },
  signal: AbortSignal,
): Promise<number> {
  let total = 0;
  const repeat = async (batch: () => Promise<number>): Promise<void> => {
    for (let removed = 1; removed > 0 && !signal.aborted;) {
      removed = await batch();
      total += removed;
      if (removed > 0) await runtime.timers.sleep(BATCH_PAUSE_MS, signal);
    }
  };
  await repeat(() =>
    store.history.cancelOrphans({
      now: runtime.clock.now(),
      attemptIds: Array.from({ length: total === 0 ? ORPHANS_FIRST : PRUNE_BATCH }, () =>
        runtime.ids.next(ID_PREFIX.attempt),
      ),
    }),
  );
  const environments = await store.environments.list();
  await forgetOperatorsKeys({ store, runtime });
  const longestDays = Math.max(0, ...environments.map(({ retentionDays }) => retentionDays));
  const dropped = await dropOldDays({ store, runtime }, longestDays * DAY_MS);
  total += dropped ?? 0;
  for (const { id: environmentId, retentionDays } of environments) {
    // Whole days go in one step, so their rows need not go one by one before.
    const byDays = dropped !== null && retentionDays === longestDays;
    await repeat(() => {
      const now = runtime.clock.now();
      return store.history.prune({
        environmentId,
        before: byDays ? 0 : now - retentionDays * DAY_MS,
        now,
        limit: PRUNE_BATCH,
      });
    });
    await repeat(() =>
      store.polling.prune({
        environmentId,
        before: runtime.clock.now() - retentionDays * DAY_MS,
        limit: PRUNE_BATCH,
      }),
    );
  }
  return total;
}

function dropOldDays(
  { store, runtime }: { store: Store; runtime: Runtime },
  ageMs: number,
): Promise<number | null> {
  const now = runtime.clock.now();
  return store.history.dropDays({ before: now - ageMs, now });
}

/** What the operator's requests are remembered by is of no environment, so the passes over those leave it. */
async function forgetOperatorsKeys({ store, runtime }: { store: Store; runtime: Runtime }): Promise<void> {
  const now = runtime.clock.now();
  await store.history.prune({ environmentId: INSTALLATION, before: now, now, limit: PRUNE_BATCH });
}
