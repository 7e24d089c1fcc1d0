import fc from "fast-check";
import { expect, test } from "vitest";
import { payloadTexts, searchProbe, searchWords, wordMatcher } from "./search.ts";

const isFound = (text: string, payload: string): boolean => wordMatcher(searchWords(text))(payload);

test("words are what stands between white space, without what is around them, each once", () => {
  expect(searchWords('  "Ada  <ada@Example.com>, ADA ord_7/Qx! … ')).toEqual([
    "ada",
    "ada@example.com",
    "ord_7/qx",
  ]);
  expect(searchWords(" - @ ")).toEqual([]);
});

test("the texts of a payload are its strings and numbers, with every digit", () => {
  expect(
    payloadTexts('{"a":"X y","b":[1.50,-2e9,true,null],"c":{"d" : "e\\"f"},"g":12345678901234567890}'),
  ).toEqual(["x y", "1.50", "-2e9", 'e"f', "12345678901234567890"]);
  expect(payloadTexts("no JSON: {")).toEqual(["no json: {"]);
});

test("a word is found between other words only, in any script", () => {
  expect(isFound("example.com", '{"a":"ada@example.com"}')).toBe(true);
  expect(isFound("ord_7", '{"a":"ord_7q"}')).toBe(false);
  expect(isFound("να", '{"a":"ένα"}')).toBe(false);
  expect(isFound("cafe", '{"a":"cafe\u0301"}')).toBe(false);
  expect(isFound("CAF\u00c9", '{"a":"cafe\u0301"}')).toBe(true);
  expect(isFound("\u0130", '{"a":"\u0130"}')).toBe(true);
});

test("a long text full of quotes and slashes is looked into in linear time", () => {
  const text = '\\"'.repeat(200_000);
  expect(isFound("needle", JSON.stringify({ a: text, b: "needle" }))).toBe(true);
});

test("every string of a payload is found by its own words, and the probe is in what matches", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" })), (strings) => {
      const payload = JSON.stringify(strings);
      for (const text of strings) {
        const words = searchWords(text);
        if (words.length === 0) continue;
        expect(wordMatcher(words)(payload)).toBe(true);
        const probe = searchProbe(words);
        if (probe !== null) expect(payload.toLowerCase()).toContain(probe);
      }
    }),
  );
});
