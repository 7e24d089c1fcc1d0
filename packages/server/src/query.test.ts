import { Type } from "typebox";
import { describe, expect, it } from "vitest";
import { queryReader } from "./query.ts";

const read = queryReader(
  Type.Object({
    limit: Type.Optional(Type.Integer()),
    flag: Type.Optional(Type.Boolean()),
    names: Type.Optional(Type.Array(Type.String())),
    text: Type.Optional(Type.String()),
  }),
);

describe("a query", () => {
  it.each([
    [
      { limit: "10", flag: "true", names: "a,b", text: "5" },
      { limit: 10, flag: true, names: ["a", "b"], text: "5" },
    ],
    [
      { names: ["a", "b,c"], flag: "false" },
      { names: ["a", "b", "c"], flag: false },
    ],
    [{ other: "1" }, {}],
    // What does not look right is left for the schema to refuse.
    [
      { limit: "1e3", flag: "1" },
      { limit: "1e3", flag: "1" },
    ],
    [{ limit: ["1", "2"] }, { limit: ["1", "2"] }],
    [{ limit: "99999999999999999999" }, { limit: "99999999999999999999" }],
  ])("%j is read as %j", (query, expected) => {
    expect(read(query)).toEqual(expected);
  });
});
