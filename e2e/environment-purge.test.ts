import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, describe, expect, test } from "vitest";
import { DAY_MS, HOUR_MS } from "../packages/core/src/domain/time.ts";
import { fakeRuntime } from "../packages/core/src/runtime/testing/fake-runtime.ts";
import type { Store } from "../packages/core/src/storage/port.ts";
import { runSql } from "../packages/core/src/storage/postgres/testing/run-sql.ts";
import {
  makeDatabase,
  noPostgres,
  openStore,
} from "../packages/core/src/storage/postgres/testing/test-database.ts";
import { openSqliteStore } from "../packages/core/src/storage/sqlite/open.ts";
import { Scene } from "../packages/core/src/storage/testing/scene.ts";
import { ServerProcess } from "./testing/server-process.ts";

const OPERATOR_KEY = `phop_${"k".repeat(32)}`;
/** So many that removing them takes far longer than a start. */
const MESSAGES = 3_000;
const KILLS = 4;
/** Removed between two kills, at least. */
const STEP_ROWS = 300;
const POLL_MS = 20;
/** Lists that the program fills a little later than the tables that they are of. */
const LISTS: readonly string[] = ["message_list", "attempt_list"];

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A database, looked at from outside. */
interface Ground {
  readonly flags: readonly string[];
  readonly data: string;
  openStore(): Promise<Store>;
  /** Tables with a column that says whose a row is. */
  tables(): Promise<readonly { readonly name: string; readonly column: string }[]>;
  rows<Row extends Record<string, unknown>>(sql: string): Promise<Row[]>;
}

/** How many rows each table has, of some environment and of all others. */
type Counts = Readonly<Record<string, { readonly own: number; readonly others: number }>>;

const list = (ids: readonly string[]): string => ids.map((id) => `'${id}'`).join(", ");

async function count(
  ground: Ground,
  { environmentId, appIds }: { environmentId: string; appIds: readonly string[] },
): Promise<Counts> {
  const parts = (await ground.tables()).map(({ name, column }) => {
    const isOwn = `${column} IN (${list(column === "app_id" ? appIds : [environmentId])})`;
    return `SELECT '${name}' AS name, sum(CASE WHEN ${isOwn} THEN 1 ELSE 0 END) AS own, count(*) AS whole FROM ${name}`;
  });
  const rows = await ground.rows<{ name: string; own: number | string | null; whole: number | string }>(
    parts.join(" UNION ALL "),
  );
  return Object.fromEntries(
    rows.map(({ name, own, whole }) => [
      name,
      { own: Number(own ?? 0), others: Number(whole) - Number(own ?? 0) },
    ]),
  );
}

const sumOf = (counts: Counts): number => Object.values(counts).reduce((sum, { own }) => sum + own, 0);

const othersOf = (counts: Counts): Record<string, number> =>
  Object.fromEntries(
    Object.entries(counts).flatMap(([name, { others }]) => (LISTS.includes(name) ? [] : [[name, others]])),
  );

/** An environment with two applications whose messages were sent, or wait until tomorrow. */
async function fill(store: Store, seed: number) {
  const scene = await Scene.make(store, fakeRuntime({ startMs: Date.now(), seed }));
  const first = scene.app;
  for (const app of [first, await scene.addApplication()]) {
    scene.app = app;
    if (app !== first) scene.endpoint = await scene.addEndpoint();
    const accepted = Array.from({ length: MESSAGES / 2 }, () => scene.accepted({ leased: true }));
    await scene.acceptAll(accepted);
    const tomorrow = { kind: "retry", at: scene.now + DAY_MS, attempts: 1 } as const;
    await scene.settle(
      ...accepted.map(({ message }, at) =>
        scene.settled(scene.delivery(message), at % 2 === 0 ? {} : { next: tomorrow }),
      ),
    );
  }
  await scene.leave(scene.leaseId);
  return { environmentId: scene.environment.id, appIds: [first.id, scene.app.id] };
}

/** kill -9 again and again while rows go; then whoever starts finishes it, and has taken nothing of anybody else. */
async function killWhilePurging(ground: Ground): Promise<void> {
  const store = await ground.openStore();
  const kept = await fill(store, 1);
  const gone = await fill(store, 2);
  await store.close();
  const server = new ServerProcess(["--log-level", "warn", ...ground.flags], {
    data: ground.data,
    env: { POSTHASTE_OPERATOR_KEY: OPERATOR_KEY },
    readyTimeoutMs: 60_000,
  });
  cleanUps.push(() => server.remove());
  await server.start();
  const before = await count(ground, gone);
  const keptBefore = await count(ground, kept);
  expect(before["message"]).toEqual({ own: MESSAGES, others: MESSAGES });
  expect(before["due"]).toEqual({ own: MESSAGES / 2, others: MESSAGES / 2 });
  const path = `/api/v1/management/environment/org_${gone.environmentId.slice("env_".length)}`;
  const headers = { authorization: `Bearer ${OPERATOR_KEY}` };
  expect((await fetch(server.url + path, { method: "DELETE", headers })).status).toBe(204);

  const left: number[] = [sumOf(before)];
  for (let kill = 0; kill < KILLS; kill++) {
    const goal = (left.at(-1) ?? 0) - STEP_ROWS;
    if (!server.running) await server.start();
    while (sumOf(await count(ground, gone)) > goal) await pause(POLL_MS);
    await server.end("SIGKILL");
    const counts = await count(ground, gone);
    expect(othersOf(counts), `after kill ${kill + 1}`).toEqual(othersOf(before));
    left.push(sumOf(counts));
    expect(counts["message"]?.own, "killed in the middle").toBeGreaterThan(0);
  }

  // Applications and the key stay for an hour, which is over now.
  await ground.rows(
    `UPDATE environment SET updated_at = updated_at - ${HOUR_MS} WHERE id = '${gone.environmentId}'`,
  );
  await server.start();
  while (sumOf(await count(ground, gone)) > 0) await pause(10 * POLL_MS);
  await server.end();
  const after = await count(ground, gone);
  expect(Object.entries(after).filter(([, { own }]) => own > 0)).toEqual([]);
  expect(othersOf(after)).toEqual(othersOf(before));
  for (const [name, { own }] of Object.entries(await count(ground, kept))) {
    if (LISTS.includes(name)) expect(own, name).toBe(MESSAGES);
    else expect(own, name).toBe(keptBefore[name]?.own);
  }
}

/** Whose a row is. */
function ownerColumn(table: string, columns: readonly string[]): string | undefined {
  if (table === "environment") return "id";
  return ["environment_id", "app_id"].find((column) => columns.includes(column));
}

describe("kill -9 while the rows of a deleted environment are removed", () => {
  test("on SQLite: none is left in the end, and no other environment has lost one", async () => {
    const data = mkdtempSync(join(tmpdir(), "posthaste-purge-"));
    cleanUps.push(() => rmSync(data, { recursive: true, force: true }));
    const query = <Row extends Record<string, unknown>>(sql: string): Row[] => {
      const db = new DatabaseSync(join(data, "posthaste.db"), { timeout: 5_000 });
      try {
        return db.prepare(sql).all() as Row[];
      } finally {
        db.close();
      }
    };
    await killWhilePurging({
      flags: [],
      data,
      openStore: () => openSqliteStore({ directory: data }),
      async tables() {
        return query<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'").flatMap(
          ({ name }) => {
            const columns = query<{ name: string }>(`SELECT name FROM pragma_table_info('${name}')`);
            const column = ownerColumn(
              name,
              columns.map((each) => each.name),
            );
            return column === undefined ? [] : [{ name, column }];
          },
        );
      },
      rows: async <Row extends Record<string, unknown>>(sql: string) => query<Row>(sql),
    });
  }, 120_000);

  test.skipIf(noPostgres)(
    "on PostgreSQL: none is left in the end, and no other environment has lost one",
    async () => {
      const url = await makeDatabase();
      await killWhilePurging({
        flags: ["--database", url],
        data: "",
        openStore: () => openStore(url),
        async tables() {
          const tables = await runSql<{ name: string; columns: string[] }>(
            url,
            `SELECT relname::text AS name, array_agg(attname::text) AS columns
             FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
             WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
               AND attnum > 0 AND NOT attisdropped AND relname NOT IN ('change', 'node')
             GROUP BY relname`,
          );
          return tables.flatMap(({ name, columns }) => {
            const column = ownerColumn(name, columns);
            return column === undefined ? [] : [{ name, column }];
          });
        },
        rows: <Row extends Record<string, unknown>>(sql: string) => runSql<Row>(url, sql),
      });
    },
    120_000,
  );
});
