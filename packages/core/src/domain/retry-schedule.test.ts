import { expect, test } from "vitest";
import { RETRY_SCHEDULE_MS } from "./limits.ts";
import { parseRetryAfterMs, retryDelayMs } from "./retry-schedule.ts";

const delay = (failedAttempts: number, random = 0.5, retryAfterMs: number | null = null): number | null =>
  retryDelayMs({ scheduleMs: RETRY_SCHEDULE_MS, failedAttempts, retryAfterMs, random });

test("eight attempts in all: at once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h", () => {
  const waits = Array.from({ length: 8 }, (_, index) => delay(index + 1));
  expect(waits).toEqual([5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 36_000_000, null]);
});

test("a wait is spread over plus and minus a fifth", () => {
  expect(delay(2, 0)).toBe(240_000);
  expect(delay(2, 0.999_999)).toBeGreaterThan(359_990);
  expect(delay(2, 0.999_999)).toBeLessThanOrEqual(360_000);
});

test("Retry-After lengthens a wait, never shortens it, and is clamped to a day", () => {
  expect(delay(1, 0.5, 60_000)).toBe(60_000);
  expect(delay(3, 0.5, 1_000)).toBe(1_800_000);
  expect(delay(1, 0.5, 10 ** 12)).toBe(86_400_000);
});

test("Retry-After after the last attempt starts no new one", () => {
  expect(delay(8, 0.5, 60_000)).toBeNull();
});

test("Retry-After is read as seconds, fractions of seconds or an HTTP date, and junk is ignored", () => {
  const now = Date.UTC(2026, 10, 23, 12, 0, 0);
  expect(parseRetryAfterMs("120", now)).toBe(120_000);
  expect(parseRetryAfterMs("120.1", now)).toBe(121_000);
  expect(parseRetryAfterMs("Mon, 23 Nov 2026 12:01:00 GMT", now)).toBe(60_000);
  expect(parseRetryAfterMs("Mon, 23 Nov 2026 11:00:00 GMT", now)).toBe(0);
  expect(parseRetryAfterMs("soon", now)).toBeNull();
  expect(parseRetryAfterMs("-5", now) ?? 0).toBe(0);
});
