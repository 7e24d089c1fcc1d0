import fc from "fast-check";
import { expect, test } from "vitest";
import { readLines, TransferError, writeLines } from "./file.ts";
import { TRANSFER_TABLES, type ColumnKind, type TransferRow } from "./tables.ts";

async function* from<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const VALUES: Record<ColumnKind, fc.Arbitrary<TransferRow["values"][number]>> = {
  text: fc.string({ unit: "grapheme" }),
  json: fc.json(),
  integer: fc.maxSafeInteger(),
  boolean: fc.boolean(),
  list: fc.array(fc.string()),
  body: fc.oneof(
    fc.string(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  ),
};

const row: fc.Arbitrary<TransferRow> = fc
  .constantFrom(...TRANSFER_TABLES)
  .chain(({ name, columns }) =>
    fc
      .tuple(...columns.map(([, kind]) => fc.option(VALUES[kind])))
      .map((values) => ({ table: name, values })),
  );

test("what is written is read back, value for value, whatever it holds", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row), async (rows) => {
      const lines = await all(writeLines(from(rows)));
      expect(lines.every((line) => line.endsWith("\n") && line.indexOf("\n") === line.length - 1)).toBe(true);
      expect(await all(readLines(from(lines)))).toEqual(rows);
    }),
  );
});

test("a file with any line missing is refused", async () => {
  const rows: TransferRow[] = ["a", "b"].map((hash) => ({
    table: "api_key",
    values: [hash, "key_1", "env_1", 1],
  }));
  const lines = await all(writeLines(from(rows)));
  for (let missing = 0; missing < lines.length; missing++) {
    const rest = lines.filter((_, index) => index !== missing);
    await expect(all(readLines(from(rest))), `without line ${missing + 1}`).rejects.toThrow(TransferError);
  }
});

test.each([
  ['{"posthaste":"export","version":99}', "has version 99"],
  ['{"some":"json"}', "not a file of posthaste export"],
  ["no json", "Line 1 is not JSON"],
])("%s is refused with a sentence", async (first, message) => {
  await expect(all(readLines(from([first])))).rejects.toThrow(message);
});

test("rows of an older program, which knew fewer columns, are taken in", async () => {
  const rows: TransferRow[] = [
    { table: "message", values: ["app_1", "msg_1", "order.completed", null, null, null, null, 1, "{}"] },
    {
      table: "background_task",
      values: ["env_1", "qtask_1", "endpoint.recover", "running", "{}", "{}", 1, 2],
    },
  ];
  const read = await all(readLines(from(await all(writeLines(from(rows))))));
  expect(read).toEqual(rows.map(({ table, values }) => ({ table, values: [...values, null] })));
});

test.each([
  ['["secrets","x"]', 'there is no table "secrets"'],
  ['["api_key","x"]', "api_key has 12 columns, not 1"],
  ['["api_key","x","y","z","late"]', "created_at of api_key is no integer"],
])("the row %s is refused with its place", async (line, message) => {
  const header = '{"posthaste":"export","version":1}';
  await expect(all(readLines(from([header, line])))).rejects.toThrow(`Line 2: ${message}`);
});
