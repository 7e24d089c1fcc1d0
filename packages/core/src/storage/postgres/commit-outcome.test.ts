import pg from "pg";
import { afterEach, describe, expect, test } from "vitest";
import { fakeRuntime } from "../../runtime/testing/fake-runtime.ts";
import type { Store } from "../port.ts";
import { Scene } from "../testing/scene.ts";
import { CommitOutcome, findTransaction, UndecidedCommit } from "./commit-outcome.ts";
import { SERVER_LIFE } from "./session.ts";
import { type Database, openDatabase } from "./database.ts";
import { migratePostgres } from "./migrate.ts";
import { type PostgresServer, startPostgres } from "./testing/postgres-server.ts";
import { noPostgres, openStore } from "./testing/test-database.ts";
import { runSql } from "./testing/run-sql.ts";

const servers: PostgresServer[] = [];
const databases: Database[] = [];
const stores: Store[] = [];
const clients: pg.Client[] = [];
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
  await Promise.all(databases.splice(0).map((database) => database.close()));
  for (const client of clients.splice(0)) await client.end().catch(() => undefined);
  for (const server of servers.splice(0)) await server.stop();
});

/** Ends one process of the server, after which it ends all others and recovers by itself. */
async function crashWithin(server: PostgresServer, url: string): Promise<void> {
  const [writer] = await runSql<{ pid: number }>(url, WAL_WRITER);
  const postmaster = server.pid();
  process.kill(writer!.pid, "SIGQUIT");
  await expect
    .poll(async () => runSql<{ pid: number }>(url, WAL_WRITER).catch(() => []), { timeout: 20_000 })
    .not.toEqual([{ pid: writer!.pid }]);
  await expect.poll(() => runSql(url, "SELECT 1").catch(() => []), { timeout: 20_000 }).toHaveLength(1);
  expect(server.pid()).toBe(postmaster);
}
const WAL_WRITER = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'";

describe.skipIf(noPostgres)("a transaction whose COMMIT was not answered", () => {
  test.each([
    ["that was started again", (server: PostgresServer) => server.crash().then(() => server.start())],
    ["that recovered by itself", crashWithin],
  ])("is not taken for the one that got its number from a server %s", async (_, crash) => {
    const server = await startPostgres();
    servers.push(server);
    const url = `${server.url}/postgres`;
    const client = new pg.Client({ connectionString: url });
    clients.push(client);
    client.on("error", () => undefined);
    await client.connect();
    await client.query("BEGIN");
    const marks = await client.query<{ xid: string; life: string }>(
      `SELECT pg_current_xact_id()::text AS xid, ${SERVER_LIFE} AS life`,
    );
    const [mark] = marks.rows;
    const database = openDatabase({ url, onProblem: () => undefined });
    databases.push(database);
    expect(await findTransaction(database.dispatch, mark!)).toBe("in progress");

    await crash(server, url);
    // None of it had reached the disk, so the number is given out again, and now it is a commit's.
    for (let given = ""; given !== mark!.xid;) {
      const [next] = await runSql<{ xid: string }>(url, "SELECT pg_current_xact_id()::text AS xid");
      given = next!.xid;
      expect(BigInt(given)).toBeLessThanOrEqual(BigInt(mark!.xid));
    }
    const [status] = await runSql(url, "SELECT pg_xact_status($1::xid8) AS status", [mark!.xid]);
    expect(status).toEqual({ status: "committed" });

    // What the crash left of the pool's connections fails once.
    await expect
      .poll(() => findTransaction(database.dispatch, mark!).catch(() => null), { timeout: 10_000 })
      .toBe("unknown");
    const found = new CommitOutcome(database.dispatch).find(mark!, {
      error: new Error("cut"),
      warning: undefined,
    });
    await expect(found).rejects.toBeInstanceOf(UndecidedCommit);
  });

  test("is found as it ended, while the server lives on", async () => {
    const server = await startPostgres();
    servers.push(server);
    const url = `${server.url}/postgres`;
    const database = openDatabase({ url, onProblem: () => undefined });
    databases.push(database);
    for (const [end, status] of [
      ["COMMIT", "committed"],
      ["ROLLBACK", "aborted"],
    ] as const) {
      const client = new pg.Client({ connectionString: url });
      clients.push(client);
      await client.connect();
      await client.query("BEGIN");
      const marks = await client.query<{ xid: string; life: string }>(
        `SELECT pg_current_xact_id()::text AS xid, ${SERVER_LIFE} AS life`,
      );
      await client.query(end);
      expect(await findTransaction(database.dispatch, marks.rows[0]!)).toBe(status);
    }
  });
});

describe.skipIf(noPostgres)("what nodes have heard of each other before a crash", () => {
  test("is not taken for what got the same numbers after it", async () => {
    const server = await startPostgres(["-c", "wal_writer_delay=10s"]);
    servers.push(server);
    const url = `${server.url}/postgres`;
    await migratePostgres({ url });
    const store = await openStore(url, { onProblem: () => undefined });
    stores.push(store);
    const scene = await Scene.make(store, fakeRuntime());
    const cluster = store.cluster!;
    await cluster.join({ id: "node_b", role: "all" });
    // Numbers of which nothing reaches the disk.
    await runSql(
      url,
      "DO $$ BEGIN FOR n IN 1..500 LOOP PERFORM pg_current_xact_id(); ROLLBACK; END LOOP; END $$",
    );
    const { cursor } = await cluster.findChanges({ after: null });

    await server.crash();
    await server.start();
    await expect.poll(() => store.health(), { timeout: 10_000 }).toEqual({ ok: true });
    const recall = await cluster.recall({ appId: scene.app.id });
    const [seen] = await runSql(url, "SELECT pg_visible_in_snapshot($1::xid8, $2::pg_snapshot) AS seen", [
      recall,
      cursor.split("|", 1)[0],
    ]);
    expect(seen).toEqual({ seen: true });
    const found = await cluster.findChanges({ after: cursor });
    expect(found).toMatchObject({ recalled: [], gap: true });
    // An answer that was on its way when the database crashed.
    await cluster.acknowledge({ id: "node_b", cursor });
    const isDone = (): Promise<boolean> => cluster.isRecalled({ recall, by: scene.leaseId });
    expect(await isDone()).toBe(false);
    await cluster.acknowledge({ id: "node_b", cursor: found.cursor });
    expect(await isDone()).toBe(true);
    expect((await cluster.findChanges({ after: found.cursor })).gap).toBe(false);
  });
});
