import { expect, test } from "vitest";
import { fakeRuntime } from "./testing/fake-runtime.ts";

test("ids of one process are unique and sort by the order of the calls, also within a millisecond", () => {
  const { ids } = fakeRuntime();
  const made = Array.from({ length: 20_000 }, () => ids.next("msg_"));
  expect(new Set(made).size).toBe(made.length);
  expect(made.toSorted()).toEqual(made);
});

test("a clock that steps back does not put later ids before earlier ones", () => {
  const runtime = fakeRuntime();
  const before = runtime.ids.next("msg_");
  runtime.stepWallClock(-3_600_000);
  expect(runtime.ids.next("msg_") > before).toBe(true);
});

test("an id is its prefix and 27 characters, as the contract's pattern asks", () => {
  expect(fakeRuntime().ids.next("atmpt_")).toMatch(/^atmpt_[A-Za-z0-9]{27}$/);
});
