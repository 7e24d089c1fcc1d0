import { expect, test } from "vitest";
import { HOUR_MS, MINUTE_MS } from "../domain/time.ts";
import { fakeRuntime } from "../runtime/testing/fake-runtime.ts";
import { DueClock } from "./due-clock.ts";

test("it is the wall clock, also when that is set ahead", async () => {
  const runtime = fakeRuntime();
  const due = new DueClock(runtime);
  await runtime.advance(MINUTE_MS);
  expect(due.now()).toBe(runtime.clock.now());
  runtime.stepWallClock(2 * HOUR_MS);
  expect(due.now()).toBe(runtime.clock.now());
});

test("set back, it goes on at half speed until the wall clock has caught up", async () => {
  const runtime = fakeRuntime();
  const due = new DueClock(runtime);
  const before = due.now();
  runtime.stepWallClock(-2 * HOUR_MS);
  expect(due.now()).toBe(before);
  await runtime.advance(MINUTE_MS);
  expect(due.now()).toBe(before + MINUTE_MS / 2);
  for (let minutes = 0; minutes < 240; minutes++) {
    await runtime.advance(MINUTE_MS);
    due.now();
  }
  expect(due.now()).toBe(runtime.clock.now());
});
