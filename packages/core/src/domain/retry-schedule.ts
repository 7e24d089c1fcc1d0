import { RETRY_AFTER_MAX_MS, RETRY_JITTER } from "./limits.ts";
import { parseTime, SECOND_MS } from "./time.ts";

/**
 * The wait before the next attempt, or null when the schedule is used up.
 * `failedAttempts` counts those already made (1 after the first). Retry-After can only lengthen the wait.
 */
export function retryDelayMs(options: {
  scheduleMs: readonly number[];
  failedAttempts: number;
  retryAfterMs: number | null;
  /** Uniform in [0, 1). */
  random: number;
}): number | null {
  const base = options.scheduleMs[options.failedAttempts - 1];
  if (base === undefined) return null;
  const jittered = base * (1 - RETRY_JITTER + 2 * RETRY_JITTER * options.random);
  return Math.round(Math.max(jittered, Math.min(options.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS)));
}

/** Reads a Retry-After value: seconds (also fractions, rounded up) or an HTTP date; null when it is neither. */
export function parseRetryAfterMs(value: string, now: number): number | null {
  const text = value.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text)) * SECOND_MS;
  const at = parseTime(text);
  return at === null ? null : Math.max(0, at - now);
}
