import { afterEach, describe, expect, test } from "vitest";
import { type Connection, type Database, openDatabase } from "./database.ts";
import { statement } from "./statement.ts";
import { runSql } from "./testing/run-sql.ts";
import { makeDatabase, noPostgres } from "./testing/test-database.ts";

const addNode = statement("test.add_node", "INSERT INTO node (id, role) VALUES ($1, 'all')");

let database: Database | undefined;
afterEach(() => database?.close());

const WAYS: readonly { how: string; write: (connection: Connection) => Promise<unknown> }[] = [
  { how: "a statement", write: (connection) => connection.query(addNode, ["late"]) },
  {
    how: "plain SQL",
    write: (connection) => connection.execute("INSERT INTO node (id, role) VALUES ('late', 'all')"),
  },
];

describe.skipIf(noPostgres)("a transaction", () => {
  test.each(WAYS)("that failed stores nothing that is asked for after it: $how", async ({ write }) => {
    const url = await makeDatabase();
    database = openDatabase({
      url,
      onProblem: (error) => {
        throw error;
      },
    });
    let late: (() => Promise<unknown>) | undefined;
    const failed = database.dispatch.transaction(async (connection) => {
      late = () => write(connection);
      await connection.query(addNode, ["first"]);
      throw new Error("one of several failed");
    });
    await expect(failed).rejects.toThrow("one of several failed");
    await expect(late?.()).rejects.toThrow("the transaction is over");
    expect(await runSql(url, "SELECT id FROM node")).toEqual([]);
  });
});
