import { expect, test } from "vitest";
import { LANE_CONCURRENCY, LANE_CONCURRENCY_START } from "../../domain/limits.ts";
import { Breaker } from "./breaker.ts";

const calm = { minPauseMs: 0, jitter: 0.5 };

function broken(): Breaker {
  const breaker = new Breaker();
  for (let count = 0; count < 5; count++) breaker.failed(0, calm);
  return breaker;
}

test("a new lane starts narrow and earns its full width by successes", () => {
  const breaker = new Breaker();
  expect(breaker.width).toBe(LANE_CONCURRENCY_START);
  for (let count = 0; count < 50; count++) breaker.succeeded(0);
  expect(breaker.width).toBe(LANE_CONCURRENCY);
});

test("five failures in a row leave one attempt at a time, after a pause", () => {
  const breaker = broken();
  expect(breaker.broken).toBe(true);
  expect(breaker.width).toBe(1);
  expect(breaker.heldUntil).toBeGreaterThan(0);
});

test("a success in between starts the count again", () => {
  const breaker = new Breaker();
  for (let count = 0; count < 20; count++) {
    breaker.failed(0, calm);
    breaker.succeeded(0);
  }
  expect(breaker.broken).toBe(false);
});

test("the pauses between probes grow to a bound, and to more when many lanes are broken", () => {
  const breaker = broken();
  let pauseMs = 0;
  for (let count = 0; count < 20; count++) {
    const now = breaker.heldUntil;
    breaker.failed(now, calm);
    pauseMs = breaker.heldUntil - now;
  }
  expect(pauseMs).toBe(1_000);
  const now = breaker.heldUntil;
  breaker.failed(now, { minPauseMs: 40_000, jitter: 0.5 });
  expect(breaker.heldUntil - now).toBe(40_000);
});

test("after an outage the width doubles once a second: no spike meets the receiver", () => {
  const breaker = broken();
  const widths: number[] = [];
  for (let now = 10_000; now <= 15_000; now += 100) {
    breaker.succeeded(now);
    if (now % 1_000 === 0) widths.push(breaker.width);
  }
  expect(widths).toEqual([1, 2, 4, 8, 16, 16]);
});

test("Retry-After holds the whole lane, at most a minute", () => {
  const breaker = new Breaker();
  breaker.slowDown(0, { retryAfterMs: 20_000, ...calm });
  expect(breaker.heldUntil).toBe(20_000);
  breaker.slowDown(0, { retryAfterMs: 86_400_000, ...calm });
  expect(breaker.heldUntil).toBe(60_000);
});
