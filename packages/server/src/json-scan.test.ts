import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scanElements, scanMember, TooDeep } from "./json-scan.ts";

const DEPTH = 64;

/** JSON text with random white space between tokens, escaped keys and members that appear twice. */
const jsonText = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(
      "null",
      "true",
      "false",
      "0",
      "-1.50e+3",
      "12345678901234567890123",
      '""',
      '"\\\\"',
      '"\\""',
      "1E400",
    ),
    fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
    fc
      .array(fc.tuple(space(), tie("value"), space()))
      .map((items) => `[${items.map((parts) => parts.join("")).join(",")}${items.length === 0 ? " " : ""}]`),
    fc
      .array(fc.tuple(space(), key(), space(), space(), tie("value"), space()))
      .map(
        (members) => `{${members.map(([a, name, b, c, v, d]) => `${a}${name}${b}:${c}${v}${d}`).join(",")}}`,
      ),
  ),
})).value;

function space(): fc.Arbitrary<string> {
  return fc.constantFrom("", "", "", " ", "\n", "\t\r\n ");
}

function key(): fc.Arbitrary<string> {
  return fc.oneof(
    fc.constantFrom(
      '"payload"',
      '"p\\u0061yload"',
      '"payloa\\u0064"',
      '"payloads"',
      '"__proto__"',
      '"payloae"',
      '"\\\\payload"',
    ),
    fc.string().map((text) => JSON.stringify(text)),
  );
}

const objectText = fc
  .array(fc.tuple(space(), key(), space(), space(), jsonText, space()))
  .map(
    (members) => ` {${members.map(([a, name, b, c, v, d]) => `${a}${name}${b}:${c}${v}${d}`).join(",")}} `,
  );

describe("the text of a member", () => {
  it("parses to what JSON.parse finds under that name, for any JSON text", () => {
    fc.assert(
      fc.property(objectText, (text) => {
        const whole = JSON.parse(text) as Record<string, unknown>;
        const span = scanMember(text, "payload", { from: 0, depthMax: DEPTH });
        expect(span !== null).toBe(Object.hasOwn(whole, "payload"));
        if (span === null) return;
        const slice = text.slice(span.start, span.end);
        expect(slice).toBe(slice.trim());
        expect(JSON.parse(slice)).toEqual(whole["payload"]);
      }),
      { numRuns: 2_000 },
    );
  });

  it("keeps every digit, the order of keys and the white space", () => {
    const payload = '{ "b":12345678901234567890.10,\n"2":1,"1":[ 1E400 ] }';
    const text = `{"eventType":"a","payload":${payload},"tags":null}`;
    const span = scanMember(text, "payload", { from: 0, depthMax: DEPTH })!;
    expect(text.slice(span.start, span.end)).toBe(payload);
  });

  it("is the last one when the name comes twice, as JSON.parse has it", () => {
    const text = '{"payload":{"a":1},"payl\\u006fad":{"a":2}}';
    const span = scanMember(text, "payload", { from: 0, depthMax: DEPTH })!;
    expect(text.slice(span.start, span.end)).toBe('{"a":2}');
  });

  it("is looked for at the top only", () => {
    const text = '{"application":{"payload":{"a":1}},"x":["payload",{"payload":2}]}';
    expect(scanMember(text, "payload", { from: 0, depthMax: DEPTH })).toBeNull();
  });

  it("does not exist when the value is no object", () => {
    fc.assert(
      fc.property(fc.constantFrom("[]", "1", '"payload"', "null", ' [ {"payload":1} ] '), (text) => {
        expect(scanMember(text, "payload", { from: 0, depthMax: DEPTH })).toBeNull();
      }),
    );
  });
});

const nested = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;

describe("the depth", () => {
  it("is counted from the whole value and refused beyond the bound, with its place", () => {
    const fits = `{"x":${nested(DEPTH - 1)}}`;
    expect(scanMember(fits, "payload", { from: 0, depthMax: DEPTH })).toBeNull();
    const tooDeep = `{"x":${nested(DEPTH)}}`;
    const scan = (): unknown => scanMember(tooDeep, "payload", { from: 0, depthMax: DEPTH });
    expect(scan).toThrow(TooDeep);
    expect(scan).toThrow(expect.objectContaining({ offset: 5 + DEPTH - 1 }));
  });

  it("counts alike whether the value is an object or not", () => {
    expect(() => scanMember(nested(DEPTH), "a", { from: 0, depthMax: DEPTH })).not.toThrow();
    expect(() => scanMember(nested(DEPTH + 1), "a", { from: 0, depthMax: DEPTH })).toThrow(TooDeep);
  });

  it("ignores brackets inside strings", () => {
    const text = JSON.stringify({ x: "[".repeat(500), y: '\\"[{' });
    expect(() => scanMember(text, "a", { from: 0, depthMax: 2 })).not.toThrow();
  });

  it("of a hundred thousand levels is refused without running out of stack", () => {
    expect(() => scanMember(nested(100_000), "a", { from: 0, depthMax: DEPTH })).toThrow(TooDeep);
  });
});

describe("the elements of an array", () => {
  it("are as many as JSON.parse finds and parse to the same values", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(space(), jsonText, space())), (items) => {
        const text = `[${items.map((parts) => parts.join("")).join(",")}]`;
        const spans = scanElements(text, { from: 0, depthMax: DEPTH });
        expect(spans.map(({ start, end }) => JSON.parse(text.slice(start, end)))).toEqual(JSON.parse(text));
      }),
      { numRuns: 1_000 },
    );
  });

  it("of something else are none", () => {
    expect(scanElements('{"a":[1]}', { from: 0, depthMax: DEPTH })).toEqual([]);
  });
});
