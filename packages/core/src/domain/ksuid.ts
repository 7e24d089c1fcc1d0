/**
 * KSUID with milliseconds, as Svix makes them: 5 bytes of time (seconds since 2014-05-13 and 1/256 s) and
 * 15 random bytes, written as 27 base-62 characters, so that ids sort by time as plain text.
 */
export const KSUID_LENGTH = 27;
/** One step of the time part: 1/256 s. */
export const KSUID_TICK_MS = 1000 / 256;

const EPOCH_MS = 1_400_000_000_000;
/** Digits in the order of their character codes. */
export const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE = 62;
const BASE_SQUARED = BASE * BASE;
const RANDOM_BYTES = 15;
const TICKS_MAX = 2 ** 40 - 1;
/** Filled anew for each id: an array that grows would cost three times as much as the rest. */
const codes = Array.from({ length: KSUID_LENGTH }, () => 0);
const CHAR_CODES = Uint8Array.from(BASE62, (char) => char.charCodeAt(0));

/** The time part for a wall time; times before 2014 count as the first tick. */
export function ksuidTicks(timeMs: number): number {
  return Math.min(TICKS_MAX, Math.max(0, Math.floor((timeMs - EPOCH_MS) / KSUID_TICK_MS)));
}

/** Base-62 digits (values 0–61, most significant first) of a time part and 15 random bytes. */
export function ksuidDigits(ticks: number, random: Uint8Array): Uint8Array {
  // Sixteen bits at a time, two digits a division: everything fits into 31 bits.
  const parts = new Uint16Array(10);
  parts[0] = Math.floor(ticks / 2 ** 24);
  parts[1] = Math.floor(ticks / 2 ** 8) % 2 ** 16;
  parts[2] = ((ticks % 2 ** 8) << 8) | (random[0] ?? 0);
  for (let at = 3; at < parts.length; at++) {
    parts[at] = ((random[2 * at - 5] ?? 0) << 8) | (random[2 * at - 4] ?? 0);
  }
  const digits = new Uint8Array(KSUID_LENGTH);
  let first = 0;
  for (let at = KSUID_LENGTH - 1; at >= 0; at -= 2) {
    while (parts[first] === 0) first++;
    let remainder = 0;
    for (let index = first; index < parts.length; index++) {
      const value = (remainder << 16) | (parts[index] ?? 0);
      const quotient = (value / BASE_SQUARED) | 0;
      parts[index] = quotient;
      remainder = value - quotient * BASE_SQUARED;
    }
    digits[at] = remainder % BASE;
    if (at > 0) digits[at - 1] = (remainder / BASE) | 0;
  }
  return digits;
}

/** Adds `step` (below 2^31) to the digits in place. Overflow past the first digit wraps: 2^160 is not reached. */
export function addToDigits(digits: Uint8Array, step: number): void {
  let carry = step;
  for (let at = KSUID_LENGTH - 1; at >= 0 && carry > 0; at--) {
    const value = (digits[at] ?? 0) + carry;
    digits[at] = value % BASE;
    carry = Math.floor(value / BASE);
  }
}

/** The 27 characters of the digits. */
export function digitsToText(digits: Uint8Array): string {
  for (let at = 0; at < KSUID_LENGTH; at++) codes[at] = CHAR_CODES[digits[at] ?? 0] ?? 0;
  return String.fromCharCode(...codes);
}

/** The smallest id of that time: `id >= ksuidFloor(prefix, t)` is "made at t or later". */
export function ksuidFloor(prefix: string, timeMs: number): string {
  return prefix + digitsToText(ksuidDigits(ksuidTicks(timeMs), new Uint8Array(RANDOM_BYTES)));
}

/** When an id was made, to the tick below; null for what is not an id with that prefix. */
export function ksuidTime(prefix: string, id: string): number | null {
  if (!id.startsWith(prefix) || id.length !== prefix.length + KSUID_LENGTH) return null;
  let number = 0n;
  for (let at = prefix.length; at < id.length; at++) {
    const digit = BASE62.indexOf(id.charAt(at));
    if (digit === -1) return null;
    number = number * BigInt(BASE) + BigInt(digit);
  }
  const ticks = Number(number >> BigInt(8 * RANDOM_BYTES));
  return ticks > TICKS_MAX ? null : Math.floor(EPOCH_MS + ticks * KSUID_TICK_MS);
}

/** How many random bytes a KSUID takes. */
export const KSUID_RANDOM_BYTES = RANDOM_BYTES;
