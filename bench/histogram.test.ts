import { expect, test } from "vitest";
import { Histogram } from "./histogram.ts";

test("a quantile is at most 1.6 % above the exact one, at every size", () => {
  for (let value = 1; value < 1e9; value = value * 3 + 1) {
    const histogram = new Histogram();
    histogram.record(value - 1);
    histogram.record(value);
    histogram.record(value * 10);
    const middle = histogram.quantile(0.5);
    expect(middle).toBeGreaterThanOrEqual(value);
    expect(middle).toBeLessThanOrEqual(value * 1.016 + 1);
  }
});

test("the 99th of a hundred values is not the largest", () => {
  const histogram = new Histogram();
  for (let value = 1; value <= 100; value += 1) histogram.record(value);
  expect(histogram.quantile(0.5)).toBe(50);
  expect(histogram.quantile(0.99)).toBe(99);
  expect(histogram.quantiles().max).toBe(0.1);
});

test("nothing recorded is zero", () => {
  expect(new Histogram().quantiles()).toEqual({ p50: 0, p99: 0, max: 0 });
});
