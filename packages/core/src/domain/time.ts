/** The one place of the domain that knows the calendar. Times are milliseconds since the Unix epoch. */
export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** `2026-03-14T09:26:53.589Z`: RFC 3339 in UTC with milliseconds, as every API answer carries it. */
export function toIso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/** `Sat, 14 Mar 2026 09:26:53 GMT`: as HTTP has it (RFC 9110, 5.6.7). */
export function toHttpDate(timeMs: number): string {
  return new Date(timeMs).toUTCString();
}

/** Parses an RFC 3339 or HTTP date; null when it is neither. */
export function parseTime(text: string): number | null {
  const timeMs = Date.parse(text);
  return Number.isNaN(timeMs) ? null : timeMs;
}
