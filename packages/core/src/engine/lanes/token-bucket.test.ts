import { expect, test } from "vitest";
import { TokenBucket } from "./token-bucket.ts";

/** How many starts a bucket allows in `seconds`, taking every token as soon as it is there. */
function startsIn(seconds: number, ratePerS: number): number {
  const bucket = new TokenBucket(ratePerS, 0);
  let starts = 0;
  for (let now = 0; now < seconds * 1_000;) {
    const waitMs = bucket.waitMs(now);
    if (waitMs > 0) now += waitMs + 1e-9;
    else {
      bucket.take();
      starts += 1;
    }
  }
  return starts;
}

test.each([1, 5, 50, 1_000])("a rate of %i a second is not exceeded by more than a twentieth", (rate) => {
  expect(startsIn(10, rate)).toBeLessThanOrEqual(10 * rate + Math.max(1, rate * 0.05) + 1);
  expect(startsIn(10, rate)).toBeGreaterThanOrEqual(10 * rate);
});

test("an idle time saves up no more than the burst", () => {
  const bucket = new TokenBucket(10, 0);
  expect(bucket.waitMs(3_600_000)).toBe(0);
  bucket.take();
  expect(bucket.waitMs(3_600_000)).toBeGreaterThan(0);
});

test("what is taken beyond what is there is owed: the next waits for it", () => {
  const bucket = new TokenBucket(10, 0, 2);
  expect(bucket.waitMs(0)).toBe(0);
  bucket.take(50);
  expect(bucket.waitMs(0)).toBe(3_100);
  expect(bucket.waitMs(3_100)).toBe(0);
});
