import { PosthasteError } from "@posthaste/core/domain/errors";
import { Type } from "typebox";
import { describe, expect, it } from "vitest";
import { nullable } from "./routes/fields.ts";
import { compile } from "./validation.ts";

function messages(schema: Parameters<typeof compile>[0], value: unknown): [string, string][] {
  try {
    compile(schema).check(value, ["body"]);
    return [];
  } catch (error) {
    if (!(error instanceof PosthasteError)) throw error;
    return error.fields.map(({ loc, msg }) => [loc.join("."), msg]);
  }
}

describe("a refusal", () => {
  it.each([
    [Type.Integer({ minimum: 1 }), 0.5, "Must be a whole number."],
    [Type.Integer({ minimum: 1 }), 0, "Must be at least 1."],
    [nullable(Type.Integer()), "1", "Must be a whole number or null."],
    [Type.String({ minLength: 2 }), "a", "Must have at least 2 characters."],
    [Type.Array(Type.String(), { maxItems: 1 }), ["a", "b"], "Must have at most 1 item."],
    [Type.Unsafe<string>({ type: "string", enum: ["a", "b"] }), "c", "Must be one of: a, b."],
    [
      Type.String({ format: "date-time" }),
      "2026-13-01",
      "Must be a time with its zone, such as 2026-03-14T09:26:53Z.",
    ],
    [Type.String({ pattern: "^x$" }), "y", "Must match ^x$."],
    [Type.Record(Type.String(), Type.String()), { a: 1 }, "Must be a string."],
  ])("of %j says what to change", (schema, value, message) => {
    expect(messages(schema, value).map(([, msg]) => msg)).toEqual([message]);
  });

  it("names each field once, at its place, whatever its name", () => {
    const schema = Type.Object({
      "a/b~c": Type.Integer({ minimum: 5 }),
      list: Type.Array(Type.Object({ x: Type.String() })),
    });
    expect(messages(schema, { "a/b~c": 0.5, list: [{ x: "" }, {}] })).toEqual([
      ["body.a/b~c", "Must be a whole number."],
      ["body.list.1.x", "This field is required."],
    ]);
  });

  it("names at most so many fields", () => {
    const value = Array.from({ length: 100 }, () => 1);
    expect(messages(Type.Array(Type.String()), value)).toHaveLength(8);
  });
});
