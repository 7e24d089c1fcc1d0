import pg from "pg";
import { afterEach, describe, expect, test } from "vitest";
import { DAY_MS } from "../../domain/time.ts";
import { fakeRuntime } from "../../runtime/testing/fake-runtime.ts";
import { Scene } from "../testing/scene.ts";
import { type Database, openDatabase } from "./database.ts";
import { dayOf, ensureDays, listDays, partitionName } from "./partitions.ts";
import { runSql } from "./testing/run-sql.ts";
import { makeDatabase, noPostgres, openStore } from "./testing/test-database.ts";

const START = 1_790_000_000_000;
const TODAY = dayOf(START);

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

const databaseOf = (url: string): Database => {
  const database = openDatabase({ url, onProblem: () => undefined });
  open.push(database);
  return database;
};

const sceneOn = async (url: string): Promise<Scene> => {
  const store = await openStore(url);
  open.push(store);
  return Scene.make(store, fakeRuntime({ startMs: START }));
};

describe.skipIf(noPostgres)("partitions by day", () => {
  test("a message and its attempt lie in the partition of their day, whatever the day is", async () => {
    const url = await makeDatabase();
    const scene = await sceneOn(url);
    for (const days of [0, 0, 1, 40, 400]) {
      await scene.runtime.advance(days * DAY_MS);
      const [message, attempt] = await scene.deliver();
      const day = dayOf(scene.now);
      for (const [table, id] of [
        [partitionName("message", day), message.id],
        [partitionName("attempt", day), attempt.id],
      ]) {
        expect(await runSql(url, `SELECT id FROM ${table} WHERE id = $1`, [id])).toEqual([{ id }]);
      }
    }
    const old = scene.newMessage({ id: scene.id("msg_").replace(/^msg_./, "msg_0") });
    expect(await scene.acceptAll([scene.accepted(old)])).toEqual([{ kind: "accepted" }]);
  });

  test("an id at the edge of a day is in the day that its bounds say", async () => {
    const url = await makeDatabase();
    const scene = await sceneOn(url);
    for (const offset of [-4, -1, 0, 1, 3]) {
      scene.runtime.stepWallClock(TODAY + 3 * DAY_MS + offset - scene.now);
      await scene.deliver();
    }
  });

  test("nodes that make the same days at the same moment all go on", async () => {
    const url = await makeDatabase();
    const databases = Array.from({ length: 4 }, () => databaseOf(url));
    const days = [5, 6, 7, 8].map((count) => TODAY + count * DAY_MS);
    await Promise.all(databases.map(({ dispatch }, index) => ensureDays(dispatch, days.slice(index % 2))));
    for (const table of ["message", "attempt"] as const) {
      expect(await listDays(databases[0]!.lists, table)).toEqual(expect.arrayContaining(days));
    }
  });

  test("a day is made while commits and reads are in the middle of their transactions", async () => {
    const url = await makeDatabase();
    const scene = await sceneOn(url);
    const message = await scene.accept();
    const writer = new pg.Client({ connectionString: url });
    await writer.connect();
    await writer.query("BEGIN");
    await writer.query(
      "INSERT INTO message SELECT app_id, id || '~', event_type, NULL, NULL, NULL, NULL, 0, NULL FROM message",
    );
    await ensureDays(databaseOf(url).dispatch, [TODAY + 9 * DAY_MS]);
    await writer.query("COMMIT");
    await writer.end();
    expect(
      await runSql(url, "SELECT count(*)::integer AS count FROM message WHERE app_id = $1", [message.appId]),
    ).toEqual([{ count: 2 }]);
  });

  test("a day that was dropped under a node that knew it is made again", async () => {
    const url = await makeDatabase();
    const scene = await sceneOn(url);
    await scene.deliver();
    const name = partitionName("attempt", TODAY);
    await runSql(url, `ALTER TABLE attempt DETACH PARTITION ${name}; DROP TABLE ${name}`);
    const [, attempt] = await scene.deliver();
    expect(await runSql(url, `SELECT id FROM ${name}`)).toEqual([{ id: attempt.id }]);
  });

  test("a new partition has the keys and indexes of its table", async () => {
    const url = await makeDatabase();
    const count = async (table: string): Promise<number> =>
      (await runSql(url, "SELECT 1 FROM pg_index WHERE indrelid = $1::regclass", [table])).length;
    await ensureDays(databaseOf(url).dispatch, [TODAY]);
    for (const table of ["message", "attempt"] as const) {
      expect(await count(partitionName(table, TODAY))).toBe(await count(table));
    }
  });
});

describe.skipIf(noPostgres)("one operation that cannot be written", () => {
  test("is kept from the others of its batch and told about", async () => {
    const problems: Error[] = [];
    const url = await makeDatabase();
    const store = await openStore(url, { onProblem: (error) => problems.push(error) });
    open.push(store);
    const scene = await Scene.make(store, fakeRuntime({ startMs: START }));
    const leased = await scene.accept({ leased: true });
    const bad = scene.accepted({ id: "no id of ours" });
    const unstorable = scene.settled(scene.delivery(leased, { messageId: "x" }), {
      attempt: scene.newAttempt(scene.delivery(leased), { statusCode: 1_000_000 }),
    });
    const result = await store.deliveries.commit({
      accepted: [scene.accepted(), bad, scene.accepted()],
      settled: [unstorable, scene.settled(scene.delivery(leased))],
    });
    expect(result.accepted.map(({ kind }) => kind)).toEqual(["accepted", "unavailable", "accepted"]);
    expect(result.settled).toEqual([false, true]);
    expect(problems).toHaveLength(2);
  });
});
