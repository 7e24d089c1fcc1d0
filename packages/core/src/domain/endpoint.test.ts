import { expect, test } from "vitest";
import { rotateSecret, signingKeys } from "./endpoint.ts";

const NOW = 1_790_000_000_000;

test("after a rotation the new key signs first and the old one until its grace is over", () => {
  const secrets = rotateSecret([{ key: "old", expiresAt: null }], {
    newKey: "new",
    graceMs: 1_000,
    now: NOW,
  });
  expect(signingKeys(secrets, NOW)).toEqual(["new", "old"]);
  expect(signingKeys(secrets, NOW + 1_000)).toEqual(["new"]);
});

test("a rotation without grace drops the old key at once", () => {
  const secrets = rotateSecret([{ key: "old", expiresAt: null }], { newKey: "new", graceMs: 0, now: NOW });
  expect(secrets).toEqual([{ key: "new", expiresAt: null }]);
});

test("rotating back to a key that still overlaps lists it once", () => {
  const first = rotateSecret([{ key: "a", expiresAt: null }], { newKey: "b", graceMs: 9_000, now: NOW });
  const second = rotateSecret(first, { newKey: "a", graceMs: 9_000, now: NOW + 1 });
  expect(signingKeys(second, NOW + 2)).toEqual(["a", "b"]);
});
