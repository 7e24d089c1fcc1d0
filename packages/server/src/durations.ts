/** Durations as people write them: `5s`, `30m`, `2h`. */
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "@posthaste/core/domain/time";

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND_MS,
  m: MINUTE_MS,
  h: HOUR_MS,
  d: DAY_MS,
};

/** A whole number with ms, s, m, h or d, in milliseconds; NaN for anything else. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  return Number(match?.[1]) * (UNIT_MS[match?.[2] ?? ""] ?? Number.NaN);
}

/** `5s,5m,30m`: each in the largest unit that it is a whole number of. */
export function formatDurations(durationsMs: readonly number[]): string {
  return durationsMs.map((durationMs) => formatDuration(durationMs)).join(",");
}

function formatDuration(durationMs: number): string {
  for (const [unit, unitMs] of Object.entries(UNIT_MS).toReversed()) {
    if (durationMs >= unitMs && durationMs % unitMs === 0) return `${durationMs / unitMs}${unit}`;
  }
  return `${durationMs}ms`;
}
