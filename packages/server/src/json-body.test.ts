import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readJsonBody } from "./json-body.ts";
import { findJsonFault } from "./json-fault.ts";

const read = (body: string | Buffer): unknown =>
  readJsonBody(typeof body === "string" ? Buffer.from(body) : body, {
    member: "payload",
    verbatimOnly: true,
    depthMax: 64,
  });

describe("a body that is not JSON", () => {
  it.each([
    ["", "The body is empty"],
    ["  \n", "The body is empty"],
    ['{"a":1', "it ends too early, at line 1, column 7 (offset 6)"],
    ['{"a":1,}', "unexpected character at line 1, column 8 (offset 7)"],
    ['{\n  "a": tru }', "line 2, column 11 (offset 12)"],
    ["{'a':1}", "line 1, column 2 (offset 1)"],
    ['{"a":01}', "line 1, column 7 (offset 6)"],
    ['{"a":"b\nc"}', "line 1, column 8 (offset 7)"],
    ['{"a":"\\x"}', "line 1, column 8 (offset 7)"],
    ["\uFEFF{}", "line 1, column 1 (offset 0)"],
    ["[1]]", "line 1, column 4 (offset 3)"],
    ["NaN", "line 1, column 1 (offset 0)"],
  ])("%j is refused with the place of the fault", (body, place) => {
    expect(() => read(body)).toThrow(
      expect.objectContaining({ code: "invalid_json", message: expect.stringContaining(place) }),
    );
  });

  it("is found to be at fault exactly when JSON.parse refuses it", () => {
    const token = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"',
      '"a"',
      "1",
      "-",
      ".",
      "e",
      "0",
      "true",
      "nul",
      " ",
      "\n",
      "\\",
      "\\u00e9",
      "x",
    );
    const mutated = fc
      .tuple(fc.json(), fc.nat(), fc.array(token, { maxLength: 2 }), fc.nat({ max: 2 }))
      .map(([json, place, tokens, cut]) => {
        const at = place % (json.length + 1);
        return json.slice(0, at) + tokens.join("") + json.slice(at + cut);
      });
    fc.assert(
      fc.property(
        fc.oneof(
          mutated,
          fc.array(token).map((tokens) => tokens.join("")),
        ),
        (text) => {
          const fault = findJsonFault(text);
          let parses = true;
          try {
            JSON.parse(text);
          } catch {
            parses = false;
          }
          expect(fault === null).toBe(parses);
          if (fault === null) return;
          // What comes before the fault can still become JSON, so nothing earlier is to blame.
          expect(fault.offset).toBeLessThanOrEqual(text.length);
          const again = findJsonFault(text.slice(0, fault.offset));
          if (again !== null) expect(again.offset).toBe(fault.offset);
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it("of any depth or length is refused without running out of stack", () => {
    expect(() => read("[".repeat(500_000))).toThrow(expect.objectContaining({ code: "invalid_json" }));
    const endless = `{"a":"${"x".repeat(16_000_000)}`;
    expect(() => read(endless)).toThrow(`offset ${endless.length}`);
    expect(() => read("[".repeat(65) + "]".repeat(65))).toThrow(/deeper than 64 levels.*offset 64/);
  });
});

describe("a body that is not UTF-8", () => {
  it("is refused with the byte at which it breaks, wherever that is", () => {
    const character = fc.constantFrom("a", "é", "€", "😀", " ");
    fc.assert(
      fc.property(
        fc.array(character, { maxLength: 60 }),
        fc.constantFrom([0xff], [0xc3, 0x28], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x98]),
        fc.array(fc.constantFrom("a", "b"), { maxLength: 60 }),
        (before, broken, after) => {
          const head = Buffer.from(before.join(""));
          const body = Buffer.concat([head, Buffer.from(broken), Buffer.from(after.join(""))]);
          expect(() => read(body)).toThrow(`byte ${head.length} is broken`);
        },
      ),
    );
  });
});
