/**
 * What every statement and index keeps, so that the tables can be distributed by application and environment, and
 * so that no statement gets slow when a table grows: https://docs.citusdata.com, "Query migration". The parser is
 * PostgreSQL's own.
 */
import { parse } from "libpg-query";
import { describe, expect, inject, test } from "vitest";
import { openPostgresStore } from "./open.ts";
import { allStatements } from "./statement.ts";
import { runSql } from "./testing/run-sql.ts";
import { noPostgres } from "./testing/test-database.ts";

/** The columns of which one leads every key and lookup. The other tables are small and the same everywhere. */
const LEADS: Readonly<Record<string, readonly string[]>> = {
  message: ["app_id"],
  message_event: ["app_id"],
  attempt: ["app_id"],
  due: ["app_id"],
  endpoint: ["app_id"],
  application: ["environment_id", "id"],
  event_type: ["environment_id"],
  idempotency: ["environment_id"],
  polling_endpoint: ["app_id"],
  polling_consumer: ["app_id"],
  polling_entry: ["app_id"],
  polling_head: ["environment_id", "app_id"],
  background_task: ["environment_id"],
  wipe: ["environment_id"],
};

/** Statements that go over all applications, and why. */
const OVER_ALL: Readonly<Record<string, string>> = {
  "stats.read": "counts what is owed, up to a bound",
  "due.release_held": "pages through all that is owed, by the primary key",
  "due.release_others": "pages through all that is owed, by the primary key",
  "due.find_lanes": "hops from lane to lane, by an index that leads with the application",
  "due.find_paused_lanes": "hops from lane to lane, by an index that leads with the application",
  "drop_days.any_owed": "maintenance: one day of all applications",
  "drop_days.any_due": "maintenance: one day of all applications",
  "drop_days.end_paused": "maintenance: one day of all applications",
  "drop_days.free_events": "maintenance: one day of all applications",
  "drop_days.delete_endpoints": "maintenance: what was deleted, of all applications",
  "drop_days.delete_applications": "maintenance: what was deleted, of all applications",
  "orphan.stamp": "maintenance: what was deleted, by a partial index that is nearly empty",
  "orphan.cancel": "maintenance: what was deleted, by a partial index that is nearly empty",
  "task.claim": "takes what runs, by a partial index that is nearly empty",
  "orphan.drain": "maintenance: what was deleted, by a partial index that is nearly empty",
};

type Tree = { readonly [name: string]: unknown };

const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null;

/** Every node of a kind below a tree, but not inside nodes of the kinds to stop at. */
function findAll(tree: unknown, kind: string, stopAt: readonly string[] = []): Tree[] {
  if (!isTree(tree)) return [];
  return Object.entries(tree).flatMap(([name, value]) => {
    const found = name === kind && isTree(value) ? [value] : [];
    return stopAt.includes(name) ? found : [...found, ...findAll(value, kind, stopAt)];
  });
}

const NESTED = ["SelectStmt", "RangeSubselect", "SubLink", "CommonTableExpr"];

const namesOf = (column: unknown): string[] =>
  findAll(column, "ColumnRef", ["ColumnRef"]).length === 1
    ? findAll(column, "String").map(({ sval }) => String(sval))
    : [];

/** Tables in a FROM that no condition holds to one application or environment. */
function findLoose(scope: Tree, ctes: ReadonlySet<string>): string[] {
  const from = [scope["fromClause"], scope["relation"], scope["usingClause"]];
  const tables = from.flatMap((each) => [
    ...(isTree(each) && "relname" in each ? [each] : []),
    ...findAll(each, "RangeVar", NESTED),
  ]);
  const quals = [
    scope["whereClause"],
    ...from.flatMap((each) => findAll(each, "JoinExpr", NESTED).map((join) => join["quals"])),
  ];
  const conditions = quals.flatMap((each) => findAll(each, "A_Expr", NESTED));
  return tables.flatMap((table) => {
    const name = String(table["relname"]);
    const leads = LEADS[name];
    if (leads === undefined || ctes.has(name)) return [];
    const alias = isTree(table["alias"]) ? String(table["alias"]["aliasname"]) : name;
    const holds = conditions.some((condition) => {
      const [operator] = findAll(condition["name"], "String").map(({ sval }) => sval);
      const sides = [condition["lexpr"], condition["rexpr"]].map(namesOf);
      return (
        operator === "=" &&
        sides.some((side) => {
          const column = side.at(-1) ?? "";
          return leads.includes(column) && (side.length === 1 || side[0] === alias);
        })
      );
    });
    return holds ? [] : [alias];
  });
}

async function looseTablesOf(text: string): Promise<string[]> {
  const tree: unknown = await parse(text);
  const ctes = new Set(findAll(tree, "CommonTableExpr").map(({ ctename }) => String(ctename)));
  return ["SelectStmt", "UpdateStmt", "DeleteStmt"].flatMap((kind) =>
    findAll(tree, kind).flatMap((scope) => findLoose(scope, ctes)),
  );
}

async function calledWhileWriting(text: string): Promise<string[]> {
  const tree: unknown = await parse(text);
  const places = [
    ...findAll(tree, "UpdateStmt").flatMap((update) => [update["targetList"], update["whereClause"]]),
    ...findAll(tree, "returningClause"),
  ];
  return places.flatMap((place) => [
    ...findAll(place, "FuncCall").map(({ funcname }) => String(findAll(funcname, "String").at(-1)?.["sval"])),
    ...findAll(place, "SQLValueFunction").map(() => "current_timestamp"),
  ]);
}

const template = (): string => `${inject("postgres")!.url}/${inject("postgres")!.template}`;

describe.skipIf(noPostgres)("the SQL of the PostgreSQL store", () => {
  test.each([
    "SELECT * FROM due WHERE message_id = $1",
    "UPDATE due AS d SET ord = 1 FROM message AS m WHERE d.app_id = $1 AND m.id = d.message_id",
    "SELECT 1 FROM endpoint AS e WHERE e.app_id = $1 AND EXISTS (SELECT 1 FROM due WHERE due.endpoint_id = e.id)",
    "DELETE FROM due USING unnest($1::text[]) AS s (id) WHERE due.message_id = s.id",
  ])("the rule finds %s", async (text) => {
    expect(await looseTablesOf(text)).toHaveLength(1);
  });

  test("every statement holds each table to one application or environment", async () => {
    // Its modules are all there are.
    expect(openPostgresStore).toBeDefined();
    const loose: string[] = [];
    for (const { name, text } of allStatements()) {
      const tables = await looseTablesOf(text);
      if (tables.length > 0 !== name in OVER_ALL) loose.push(`${name}: ${tables.join(", ")}`);
    }
    expect(loose).toEqual([]);
    const names = new Set(allStatements().map(({ name }) => name));
    expect(Object.keys(OVER_ALL).filter((name) => !names.has(name))).toEqual([]);
  });

  test("no write calls a function whose result could be another one the next time", async () => {
    const rows = await runSql<{ name: string }>(
      template(),
      `SELECT proname::text AS name FROM pg_proc GROUP BY proname HAVING bool_or(provolatile <> 'i')
       UNION SELECT 'current_timestamp'`,
    );
    const changing = new Set(rows.map(({ name }) => name));
    const called: string[] = [];
    for (const { name, text } of allStatements()) {
      called.push(
        ...(await calledWhileWriting(text))
          .filter((each) => changing.has(each))
          .map((each) => `${name}: ${each}`),
      );
    }
    expect(called).toEqual([]);
    expect(
      await calledWhileWriting("UPDATE due SET ord = now() RETURNING random(), CURRENT_TIMESTAMP"),
    ).toEqual(["now", "random", "current_timestamp"]);
  });

  test("every index and key leads with the application or the environment", async () => {
    const indexes = await runSql<{ table: string; index: string; lead: string }>(
      template(),
      `SELECT t.relname::text AS table, i.relname::text AS index, a.attname::text AS lead
       FROM pg_index AS x
       JOIN pg_class AS t ON t.oid = x.indrelid
       JOIN pg_class AS i ON i.oid = x.indexrelid
       JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
       WHERE t.relnamespace = 'public'::regnamespace AND NOT t.relispartition ORDER BY 1, 2`,
    );
    const ours = indexes.filter(({ table }) => table in LEADS);
    expect(ours.length).toBeGreaterThan(12);
    expect(ours.filter(({ table, lead }) => !LEADS[table]!.includes(lead))).toEqual([]);
  });
});
