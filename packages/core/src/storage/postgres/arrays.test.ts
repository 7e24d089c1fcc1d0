import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { bigintArray, booleanArray, byteaArray, intArray, smallintArray, textArray } from "./arrays.ts";
import { noPostgres } from "./testing/test-database.ts";

const orNull = <Value>(values: fc.Arbitrary<Value>) => fc.array(fc.option(values), { maxLength: 40 });

describe.skipIf(noPostgres)("arrays as the server reads them", () => {
  let client: pg.Client;
  beforeAll(async () => {
    client = new pg.Client({ connectionString: `${inject("postgres")!.url}/postgres` });
    await client.connect();
  });
  afterAll(() => client.end());

  const readBack = async (array: Buffer, type: string): Promise<unknown[]> =>
    (
      await client.query<{ value: unknown }>(
        `SELECT value FROM unnest($1::${type}[]) WITH ORDINALITY AS a (value, n) ORDER BY n`,
        [array],
      )
    ).rows.map(({ value }) => value);

  test.each<[string, fc.Arbitrary<unknown[]>, (values: never) => Buffer, (value: never) => unknown]>([
    [
      "text",
      // PostgreSQL has no NUL in a text; a half of a surrogate pair has no UTF-8.
      orNull(fc.string({ unit: "grapheme", maxLength: 600 }).filter((text) => !text.includes("\0"))),
      textArray,
      (value) => value,
    ],
    [
      "bigint",
      orNull(fc.maxSafeInteger()),
      bigintArray,
      (value: number | null) => (value === null ? null : String(value)),
    ],
    ["integer", orNull(fc.integer()), intArray, (value) => value],
    ["smallint", orNull(fc.integer({ min: -32_768, max: 32_767 })), smallintArray, (value) => value],
    ["boolean", fc.array(fc.boolean()), booleanArray, (value) => value],
    [
      "bytea",
      orNull(fc.uint8Array({ maxLength: 300 })),
      byteaArray,
      (value: Uint8Array | null) => value && Buffer.from(value),
    ],
  ])("%s", async (type, values, encode, expected) => {
    await fc.assert(
      fc.asyncProperty(values, async (given) => {
        const wanted = given.map((value) => expected(value as never));
        expect(await readBack(encode(given as never), type)).toEqual(wanted);
      }),
      { numRuns: 60 },
    );
  });
});
