import { expect, test } from "vitest";
import { KeyIndex, PART_ROWS } from "./key-index.ts";

/** Rows that may have the key, newest part first. */
function candidates(index: KeyIndex, key: string): number[] {
  const rows: number[] = [];
  index.find(key, (row) => {
    rows.push(row);
    return null;
  });
  return rows;
}

test("every key is found again, across parts, with few wrong candidates", () => {
  const index = new KeyIndex();
  const count = PART_ROWS + 5_000;
  for (let row = 1; row <= count; row++) index.add(`key-${row}`, { row, at: row });
  expect(index.parts).toHaveLength(2);
  let wrong = 0;
  for (let row = 1; row <= count; row += 7) {
    const found = candidates(index, `key-${row}`);
    expect(found).toContain(row);
    wrong += found.length - 1;
  }
  expect(wrong).toBeLessThan(count / 7 / 100);
});

test("keys that were never added have next to no candidates", () => {
  const index = new KeyIndex();
  for (let row = 1; row <= PART_ROWS; row++) index.add(`key-${row}`, { row, at: 0 });
  let wrong = 0;
  for (let key = 0; key < 10_000; key++) wrong += candidates(index, `other-${key}`).length;
  expect(wrong).toBeLessThan(100);
});

test("a search stops at the first row that is right", () => {
  const index = new KeyIndex();
  index.add("k", { row: 1, at: 0 });
  index.add("k", { row: 2, at: 0 });
  expect(index.find("k", (row) => row)).toBe(1);
  expect(index.find("k", (row) => (row === 2 ? "second" : null))).toBe("second");
});

test("old parts are dropped as a whole, the newest stays", () => {
  const index = new KeyIndex();
  index.add("old", { row: 1, at: 10 });
  index.add("new", { row: 1 + PART_ROWS, at: 20 });
  expect(index.dropOlder(9)).toEqual([]);
  expect(index.dropOlder(20).map(({ first }) => first)).toEqual([1]);
  expect(candidates(index, "old")).toEqual([]);
  expect(candidates(index, "new")).toEqual([1 + PART_ROWS]);
});
