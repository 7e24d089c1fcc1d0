import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readJsonBody } from "./json-body.ts";
import { findMember } from "./json-envelope.ts";
import { scanMember } from "./json-scan.ts";

const DEPTH = 8;
const FRAGMENTS = [
  ..."{ } [ ] , : / - + . e E 0 1 2 9 x".split(" "),
  ...' |\n|\t|\r|\u0000|\u001f|"|\\'.split("|"),
  '"payload"',
  '"p\\u0061yload"',
  '{"payload":{}}',
  ":{",
  "{}",
  "true",
  "nul",
  "-0",
  "1.5e+3",
  "01",
  "1.",
  '"\\u00e9"',
  '"\\ud83d"',
  '"\\x"',
  '"\\u12g4"',
  '"é€😀"',
  "\u00a0",
  "\uFEFF",
  "\u2028",
];

/** Valid bodies, and the same with something cut out and something else put in its place. */
const object = fc.oneof(
  fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })).map((value) => JSON.stringify(value, null, 1)),
  fc
    .dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }))
    .map((value) => JSON.stringify(value)),
  fc.nat({ max: DEPTH + 2 }).map((levels) => `{"a":${"[".repeat(levels)}${"]".repeat(levels)}}`),
);
const anything = fc.oneof(fc.json({ maxDepth: 4 }), object);
const member = fc.tuple(fc.constantFrom("eventType", "payloads", "tags", "payload", "a\\u0062"), anything);
const body = fc
  .tuple(
    fc.constantFrom("", " ", "\r\n\t"),
    fc.array(member, { maxLength: 3 }),
    fc.oneof({ weight: 4, arbitrary: object }, anything),
  )
  .map(([space, members, last]) => {
    const all = [...members, ["payload", last] as const];
    return `${space}{${space}${all.map(([name, value]) => `"${name}"${space}:${space}${value}${space}`).join(",")}}${space}`;
  });
const text = fc.oneof(
  body,
  fc
    .tuple(body, fc.nat(), fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 3 }), fc.nat({ max: 3 }))
    .map(([json, place, fragments, cut]) => {
      const at = place % (json.length + 1);
      return json.slice(0, at) + fragments.join("") + json.slice(at + cut);
    }),
  fc.array(fc.constantFrom(...FRAGMENTS)).map((fragments) => fragments.join("")),
);

type Outcome = { readonly value: unknown; readonly verbatim: string | null } | { readonly refused: string };

function read(bytes: Buffer, verbatimOnly: boolean): Outcome {
  try {
    return readJsonBody(bytes, { member: "payload", verbatimOnly, depthMax: DEPTH });
  } catch (error) {
    return { refused: String(error) };
  }
}

describe("the quick way to a member", () => {
  it("takes only what JSON.parse takes, and finds what the thorough way finds", () => {
    let found = 0;
    fc.assert(
      fc.property(text, (json) => {
        const bytes = Buffer.from(json);
        const place = findMember(bytes, { name: "payload", depthMax: DEPTH });
        if (place === null) return;
        found++;
        const whole = JSON.parse(bytes.toString()) as Record<string, unknown>;
        const slice = bytes.toString("utf8", place.start, place.end);
        expect(JSON.parse(slice)).toEqual(whole["payload"]);
        const span = scanMember(bytes.toString(), "payload", { from: 0, depthMax: DEPTH });
        expect(slice).toBe(span && bytes.toString().slice(span.start, span.end));
      }),
      { numRuns: 8_000 },
    );
    expect(found).toBeGreaterThan(1_000);
  });

  it("changes no answer: neither what is read, nor what is refused and why", () => {
    fc.assert(
      fc.property(text, (json) => {
        const bytes = Buffer.from(json);
        const quick = read(bytes, true);
        const thorough = read(bytes, false);
        if ("refused" in quick || "refused" in thorough) {
          expect(quick).toEqual(thorough);
          return;
        }
        expect(quick.verbatim).toBe(thorough.verbatim);
        expect(withoutPayload(quick.value)).toEqual(withoutPayload(thorough.value));
        expect(kindOf(payloadOf(quick.value))).toBe(kindOf(payloadOf(thorough.value)));
      }),
      { numRuns: 5_000 },
    );
  });

  it("is taken by an ordinary body, with any payload that fits", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ maxDepth: 4 })), (value) => {
        const json = JSON.stringify({ eventType: "a", payload: value, tags: ["x"], eventId: null }, null, 2);
        const bytes = Buffer.from(json);
        const place = findMember(bytes, { name: "payload", depthMax: DEPTH });
        expect(place && JSON.parse(bytes.toString("utf8", place.start, place.end))).toEqual(
          JSON.parse(JSON.stringify(value)),
        );
      }),
      { numRuns: 1_000 },
    );
  });

  it("knows every number and word that JSON has, and no other", () => {
    const token = fc.oneof(
      fc.stringMatching(/^[-+.eE0-9]{1,7}$/),
      fc.constantFrom("true", "false", "null", "tru", "nulls", "False", "NaN", "Infinity", "-", "undefined"),
      fc.double().map(String),
    );
    fc.assert(
      fc.property(token, (value) => {
        const bytes = Buffer.from(`{"payload":{"a":${value}}}`);
        let parses = true;
        try {
          JSON.parse(bytes.toString());
        } catch {
          parses = false;
        }
        expect(findMember(bytes, { name: "payload", depthMax: DEPTH }) !== null).toBe(parses);
      }),
      { numRuns: 5_000 },
    );
  });

  it("knows every escape and every character that a string may hold, and no other", () => {
    const inside = fc.oneof(
      fc.nat({ max: 0x7f }).map((code) => String.fromCharCode(code)),
      fc.nat({ max: 0x7f }).map((code) => `\\${String.fromCharCode(code)}`),
      fc.stringMatching(/^\\u[0-9a-gA-G]{0,5}$/),
      fc.string({ unit: "binary" }),
    );
    fc.assert(
      fc.property(fc.array(inside, { maxLength: 3 }), (parts) => {
        const bytes = Buffer.from(`{"payload":{"a":"${parts.join("")}"}}`);
        let parses = true;
        try {
          const value = JSON.parse(bytes.toString()) as { payload: object };
          // A quote of the generator's can end the string: then it is another body, told apart above.
          parses = Object.keys(value).length === 1;
        } catch {
          parses = false;
        }
        expect(findMember(bytes, { name: "payload", depthMax: DEPTH }) !== null).toBe(parses);
      }),
      { numRuns: 5_000 },
    );
  });
});

function payloadOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && "payload" in value ? value.payload : undefined;
}

function withoutPayload(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return { ...value, payload: undefined };
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
}
