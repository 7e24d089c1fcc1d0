import pg from "pg";
import { describe, expect, test } from "vitest";
import { fakeRuntime } from "../../../runtime/testing/fake-runtime.ts";
import { Scene } from "../../testing/scene.ts";
import { prepareSession } from "../session.ts";
import { allStatements } from "../statement.ts";
import { makeDatabase, noPostgres, openStore } from "../testing/test-database.ts";
import { runSql } from "../testing/run-sql.ts";

/** They name each delivery by its whole key, or by its place. */
const WAYS: Readonly<Record<string, string>> = {
  "claim.lock_picked": "Scan using due_pkey on due",
  "claim.lease": "Tid Scan on due",
  "due.end": "Scan using due_pkey on due",
  "due.end_again": "Scan using due_pkey on due",
  "due.move": "Scan using due_pkey on due",
};
const ROWS = 3_000;

/** How the plan for any parameters, on a connection as ours are, finds its rows in the table of due deliveries. */
async function waysIn(url: string, name: string): Promise<string[]> {
  return (await planOf(url, name)).flatMap((line) => /(Tid )?Scan.* on due\b/.exec(line)?.[0] ?? []);
}

async function planOf(url: string, name: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await prepareSession(client, "fixed");
    const found = allStatements().find((statement) => statement.name === name);
    const { rows } = await client.query<{ "QUERY PLAN": string }>(
      `EXPLAIN (GENERIC_PLAN, COSTS OFF) ${found!.text}`,
    );
    return rows.map((row) => row["QUERY PLAN"]);
  } finally {
    await client.end();
  }
}

async function expectKeys(url: string, when: string): Promise<void> {
  for (const [name, way] of Object.entries(WAYS)) {
    expect(await waysIn(url, name), `${name}, ${when}`).toEqual([way]);
  }
}

describe.skipIf(noPostgres)("plans", () => {
  test("whatever is known of the table, a delivery is found by its key or place, not by going through its lane", async () => {
    const url = await makeDatabase();
    const store = await openStore(url);
    try {
      const scene = await Scene.make(store, fakeRuntime());
      await expectKeys(url, "never looked at");
      for (const round of [1, 2]) {
        await scene.acceptAll(Array.from({ length: ROWS }, () => scene.accepted({ leased: false })));
        await expectKeys(url, `full, round ${round}`);
        await runSql(url, "VACUUM due");
        await expectKeys(url, `full and vacuumed, round ${round}`);
        await runSql(url, "ANALYZE due");
        await expectKeys(url, `full and analyzed, round ${round}`);
        await runSql(url, "DELETE FROM due");
        await runSql(url, "VACUUM ANALYZE due");
        await expectKeys(url, `empty, round ${round}`);
      }
    } finally {
      await store.close();
    }
  });

  test("a cancellation goes to its messages by the key, not through all that the lane holds", async () => {
    const url = await makeDatabase();
    const store = await openStore(url);
    try {
      const scene = await Scene.make(store, fakeRuntime());
      await scene.acceptAll(Array.from({ length: ROWS }, () => scene.accepted({ leased: false })));
      await runSql(url, "VACUUM ANALYZE due");
      const plan = (await planOf(url, "due.cancel")).map((line) => line.trim());
      const unordered = plan.findIndex((line) => line.startsWith("CTE unordered"));
      const condition = plan.slice(unordered).find((line) => line.startsWith("Index Cond"));
      expect(condition).toContain("ord = 0");
      expect(condition).toContain("message_id >=");
      expect(condition).toContain("message_id <=");
    } finally {
      await store.close();
    }
  });
});
