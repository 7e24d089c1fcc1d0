import { expect, test } from "vitest";
import fc from "fast-check";
import { addToDigits, digitsToText, ksuidDigits, ksuidFloor, ksuidTicks } from "./ksuid.ts";

const text = (timeMs: number, random: Uint8Array): string =>
  digitsToText(ksuidDigits(ksuidTicks(timeMs), random));

test("an id has 27 base-62 characters, whatever the time and the random bytes", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4_000_000_000_000 }),
      fc.uint8Array({ minLength: 15, maxLength: 15 }),
      (timeMs, random) => {
        expect(text(timeMs, random)).toMatch(/^[0-9A-Za-z]{27}$/);
      },
    ),
  );
});

test("ids sort by time as plain text", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1_400_000_000_000, max: 3_000_000_000_000 }),
      fc.integer({ min: 4, max: 1_000_000_000 }),
      fc.uint8Array({ minLength: 15, maxLength: 15 }),
      fc.uint8Array({ minLength: 15, maxLength: 15 }),
      (timeMs, later, first, second) => {
        expect(text(timeMs, first) < text(timeMs + later, second)).toBe(true);
      },
    ),
  );
});

test("the floor of a time is at or below every id of that time and above every earlier one", () => {
  const random = new Uint8Array(15).fill(255);
  const timeMs = 1_790_000_000_000;
  expect(ksuidFloor("", timeMs) <= text(timeMs, new Uint8Array(15))).toBe(true);
  expect(text(timeMs - 4, random) < ksuidFloor("", timeMs)).toBe(true);
});

test("a step carries over digits and keeps the order", () => {
  const digits = ksuidDigits(ksuidTicks(1_790_000_000_000), new Uint8Array(15).fill(200));
  for (let round = 0; round < 1_000; round++) {
    const before = digitsToText(digits);
    addToDigits(digits, 1 + ((round * 7_919) % 2 ** 30));
    expect(digitsToText(digits) > before).toBe(true);
  }
});

test("the digits agree with the same number written by BigInt", () => {
  const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 40 - 1 }),
      fc.uint8Array({ minLength: 15, maxLength: 15 }),
      (ticks, random) => {
        let value = BigInt(`0x${ticks.toString(16).padStart(10, "0")}${Buffer.from(random).toString("hex")}`);
        let expected = "";
        for (; expected.length < 27; value /= 62n) expected = alphabet[Number(value % 62n)] + expected;
        expect(digitsToText(ksuidDigits(ticks, random))).toBe(expected);
      },
    ),
  );
});
