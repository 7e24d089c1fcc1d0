/**
 * The way past one database that docs/guides/scaling.md shows: what it distributes by has to fit the schema as it is.
 * A distributed table's unique keys must hold the column it is distributed by (Citus documentation, "Creating and
 * Modifying Distributed Objects").
 */
import { readFileSync } from "node:fs";
import { Client } from "pg";
import { describe, expect, test } from "vitest";
import { makeDatabase, noPostgres } from "./testing/test-database.ts";

const GUIDE = readFileSync(new URL("../../../../../docs/guides/scaling.md", import.meta.url), "utf8");

const distributed = new Map(
  [...GUIDE.matchAll(/create_distributed_table\('(\w+)', '(\w+)'/g)].map(([, table = "", column = ""]) => [
    table,
    column,
  ]),
);
const reference = new Set(
  [...GUIDE.matchAll(/create_reference_table\('(\w+)'/g)].map(([, table = ""]) => table),
);
/** Named by the guide as what has to change on Citus. */
const EXCEPTIONS = new Set(["application_uid"]);
const LOCAL = new Set(["node", "change", "schema_version"]);

async function rows<Row>(sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: await makeDatabase() });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe.skipIf(noPostgres)("the tables as scaling.md distributes them", () => {
  test("every table is distributed, the same everywhere, or named as local", async () => {
    const tables = await rows<{ name: string }>(
      `SELECT relname AS name FROM pg_class
       WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`,
    );
    const placed = [...distributed.keys(), ...reference, ...LOCAL];
    expect(tables.map(({ name }) => name).toSorted()).toEqual(placed.toSorted());
    for (const name of LOCAL) expect(GUIDE).toContain(name);
  });

  test("every unique key holds the column its table is distributed by, but for the one that the guide names", async () => {
    const indexes = await rows<{ name: string; table: string; columns: string[] }>(
      `SELECT index.relname AS name, parent.relname AS table, array_agg(attname::text ORDER BY ord) AS columns
       FROM pg_index
       JOIN pg_class AS index ON index.oid = indexrelid JOIN pg_class AS parent ON parent.oid = indrelid
       CROSS JOIN unnest(indkey) WITH ORDINALITY AS key (attnum, ord)
       JOIN pg_attribute ON attrelid = indrelid AND pg_attribute.attnum = key.attnum
       WHERE indisunique AND NOT parent.relispartition AND parent.relnamespace = 'public'::regnamespace
       GROUP BY index.relname, parent.relname`,
    );
    const without = indexes.filter(({ table, columns }) => {
      const column = distributed.get(table);
      return column !== undefined && !columns.includes(column);
    });
    expect(new Set(without.map(({ name }) => name))).toEqual(EXCEPTIONS);
    for (const name of EXCEPTIONS) expect(GUIDE).toContain(`\`${name}\``);
  });

  test("tables that are read together are distributed by the application", () => {
    for (const table of ["endpoint", "message", "message_event", "attempt", "due"]) {
      expect(distributed.get(table), table).toBe("app_id");
      expect(GUIDE).toMatch(new RegExp(`'${table}', 'app_id', colocate_with => 'application'`));
    }
  });
});
