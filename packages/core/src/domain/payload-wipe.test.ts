import { expect, test } from "vitest";
import { WIPE_LOOK_AGAIN_MAX_MS, WIPE_LOOK_AGAIN_MIN_MS } from "./limits.ts";
import { nextWipeLook, wipeVerdict } from "./payload-wipe.ts";
import { HOUR_MS } from "./time.ts";

const DELIVERED = { hasPayload: true, isOwed: false, isPolled: false, lastStates: ["succeeded"] } as const;

test.each([
  ["now", {}],
  ["now", { lastStates: ["succeeded", "canceled"] }],
  ["later", { isOwed: true }],
  ["later", { isOwed: true, lastStates: ["succeeded", "pending"] }],
  ["later", { isPolled: true }],
  ["never", { lastStates: ["succeeded", "failed"] }],
  ["never", { lastStates: ["succeeded", "failed"], isOwed: true }],
  ["never", { hasPayload: false, lastStates: [] }],
] as const)("a payload goes %s: %o", (verdict, over) => {
  expect(wipeVerdict({ ...DELIVERED, ...over })).toBe(verdict);
});

/** How long after an age the next look comes. */
const again = (age: number): number => nextWipeLook({ createdAt: 1_000, now: 1_000 + age }) - 1_000 - age;

test("what may not go yet is looked at again once it is twice as old, within bounds", () => {
  expect(again(0)).toBe(WIPE_LOOK_AGAIN_MIN_MS);
  // A clock that was set back.
  expect(again(-HOUR_MS)).toBe(WIPE_LOOK_AGAIN_MIN_MS);
  expect(again(HOUR_MS)).toBe(HOUR_MS);
  expect(again(10 * WIPE_LOOK_AGAIN_MAX_MS)).toBe(WIPE_LOOK_AGAIN_MAX_MS);
});
