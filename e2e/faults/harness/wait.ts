/** Conditions are waited for; only a stop without any progress is an error. */
const POLL_MS = 20;

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Nothing moved for too long: what was waited for will not come. */
export class Stalled extends Error {}

/**
 * Resolves when `done` says so. As long as `progress` changes it goes on waiting; it gives up after `stallMs`
 * of no change.
 */
export async function until(
  what: string,
  done: () => boolean | Promise<boolean>,
  options: { stallMs: number; progress?: () => number | string | Promise<number | string> },
): Promise<void> {
  let last = await options.progress?.();
  let movedAt = performance.now();
  while (!(await done())) {
    await sleep(POLL_MS);
    const now = await options.progress?.();
    if (now !== last) {
      last = now;
      movedAt = performance.now();
    }
    if (performance.now() - movedAt > options.stallMs) {
      throw new Stalled(`waited in vain for ${what}: nothing moved for ${options.stallMs / 1_000} s`);
    }
  }
}
