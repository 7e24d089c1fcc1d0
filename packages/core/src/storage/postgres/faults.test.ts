import pg from "pg";
import { afterEach, describe, expect, test } from "vitest";
import { fakeRuntime } from "../../runtime/testing/fake-runtime.ts";
import { CommitInDoubt, type Store, StoreUnavailable } from "../port.ts";
import { Scene } from "../testing/scene.ts";
import { migratePostgres } from "./migrate.ts";
import { type CuttingProxy, startCuttingProxy } from "./testing/cutting-proxy.ts";
import { type PostgresServer, startPostgres } from "./testing/postgres-server.ts";
import { runSql } from "./testing/run-sql.ts";
import { makeDatabase, noPostgres, openStore } from "./testing/test-database.ts";

const stores: Store[] = [];
const servers: PostgresServer[] = [];
const proxies: CuttingProxy[] = [];
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
  for (const proxy of proxies.splice(0)) await proxy.close();
  for (const server of servers.splice(0)) await server.stop();
});

/** Connections are cut here, so that is no problem. */
async function open(url: string, connections = { ingest: 4, dispatch: 4, lists: 2 }): Promise<Store> {
  const store = await openStore(url, { connections, onProblem: () => undefined });
  stores.push(store);
  return store;
}

const idsOf = async (url: string, sql: string): Promise<Set<string>> =>
  new Set((await runSql<{ id: string }>(url, sql)).map(({ id }) => id));

describe.skipIf(noPostgres)("when connections are cut", () => {
  test("every commit answers what is stored, whenever its connection goes", async () => {
    const url = await makeDatabase();
    const store = await open(url);
    const scene = await Scene.make(store, fakeRuntime());
    const stored = new Set<string>();
    const refused = new Set<string>();
    const doubted = new Set<string>();
    const state = { working: 4 };
    const commits = Array.from({ length: state.working }, async () => {
      for (let round = 0; round < 60; round++) {
        const accepted = Array.from({ length: 3 }, () => scene.accepted({ leased: true }));
        const ids = accepted.map(({ message }) => message.id);
        try {
          await store.deliveries.commit({ accepted, settled: [] });
          for (const id of ids) stored.add(id);
        } catch (error) {
          expect(error).toBeInstanceOf(StoreUnavailable);
          for (const id of ids) (error instanceof CommitInDoubt ? doubted : refused).add(id);
        }
      }
      state.working -= 1;
    });
    let cut = 0;
    const cutting = (async () => {
      while (state.working > 0) {
        const rows = await runSql(
          url,
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE application_name = 'posthaste' AND datname = current_database() AND state <> 'idle'`,
        );
        cut += rows.length;
      }
    })();
    await Promise.all([...commits, cutting]);
    const found = await idsOf(url, "SELECT id FROM message");
    expect([...stored].filter((id) => !found.has(id))).toEqual([]);
    expect([...refused].filter((id) => found.has(id))).toEqual([]);
    expect(doubted.size).toBe(0);
    expect(cut).toBeGreaterThan(10);
    expect(stored.size).toBeGreaterThan(0);
    expect(refused.size).toBeGreaterThan(0);
  });

  test("a claim whose connection goes leaves nothing leased that nobody knows of", async () => {
    const url = await makeDatabase();
    const store = await open(url);
    const scene = await Scene.make(store, fakeRuntime());
    for (let count = 0; count < 10; count++) {
      await scene.acceptAll(Array.from({ length: 20 }, () => scene.accepted()));
    }
    const claimed = new Set<string>();
    const state = { isDone: false };
    const cutting = (async () => {
      while (!state.isDone) {
        await runSql(
          url,
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE application_name = 'posthaste' AND datname = current_database() AND state <> 'idle'`,
        );
      }
    })();
    while (claimed.size < 200) {
      const rows = await scene.claimDue({ limit: 3 }).catch((error: unknown) => {
        expect(error).toBeInstanceOf(StoreUnavailable);
        return [];
      });
      for (const { delivery } of rows) claimed.add(delivery.messageId);
      const leased = await idsOf(url, "SELECT message_id AS id FROM due WHERE leased_by IS NOT NULL");
      expect([...leased].filter((id) => !claimed.has(id))).toEqual([]);
    }
    state.isDone = true;
    await cutting;
  });

  test("what arrives while all connections are busy is refused in time", async () => {
    const url = await makeDatabase();
    const store = await open(url, { ingest: 1, dispatch: 1, lists: 1 });
    const scene = await Scene.make(store, fakeRuntime());
    const holder = new pg.Client({ connectionString: url });
    await holder.connect();
    await holder.query("BEGIN");
    await holder.query("SELECT 1 FROM node FOR UPDATE");
    const first = scene.acceptAll([scene.accepted({ leased: true })]);
    const second = scene.acceptAll([scene.accepted({ leased: true })]);
    await expect(second).rejects.toMatchObject({ name: "StoreUnavailable" });
    // Beats and health have connections of their own.
    expect(await store.health()).toEqual({ ok: true });
    await holder.query("ROLLBACK");
    await holder.end();
    expect(await first).toEqual([{ kind: "accepted" }]);
  });
});

const behindProxy = async (): Promise<{ url: string; proxy: CuttingProxy; scene: Scene }> => {
  const url = await makeDatabase();
  const proxy = await startCuttingProxy(url);
  proxies.push(proxy);
  const scene = await Scene.make(await open(proxy.url), fakeRuntime());
  // The day's partitions are made in transactions of their own.
  await scene.deliver();
  return { url, proxy, scene };
};

const isStored = async (url: string, id: string): Promise<boolean> =>
  (await runSql(url, "SELECT 1 FROM message WHERE id = $1", [id])).length > 0;

describe.skipIf(noPostgres)("when the answer to a COMMIT does not come", () => {
  test("although it went through, the store finds out and answers as if it had come", async () => {
    const { url, proxy, scene } = await behindProxy();
    const accepted = scene.accepted({ leased: true, eventId: "evt_1" });
    proxy.cut = "after";
    expect(await scene.acceptAll([accepted])).toEqual([{ kind: "accepted" }]);
    expect(await isStored(url, accepted.message.id)).toBe(true);
    proxy.cut = "after";
    expect(await scene.settle(scene.settled(scene.delivery(accepted.message)))).toEqual([true]);
    const waiting = await scene.accept();
    proxy.cut = "after";
    expect(await scene.claimDue()).toMatchObject([{ delivery: { messageId: waiting.id } }]);
  });

  test("of a commit of one statement, it is stored; who holds its deliveries went with the answer, so they wait", async () => {
    const { url, proxy, scene } = await behindProxy();
    const accepted = scene.accepted({ leased: true });
    proxy.cut = "after";
    expect(await scene.acceptAll([accepted])).toEqual([{ kind: "accepted", unleased: true }]);
    expect(await isStored(url, accepted.message.id)).toBe(true);
    expect(await scene.store.deliveries.findDueLanes({ after: null, limit: 10 })).toHaveLength(1);
    expect(await scene.claimDue()).toMatchObject([{ delivery: { messageId: accepted.message.id } }]);
    const unowed = { ...scene.accepted(), deliveries: [] };
    proxy.cut = "after";
    expect(await scene.acceptAll([unowed])).toEqual([{ kind: "accepted" }]);
    expect(await isStored(url, unowed.message.id)).toBe(true);
  });

  test("of a commit of one statement, while its session works on, it is waited for", async () => {
    const { url, proxy, scene } = await behindProxy();
    const holder = new pg.Client({ connectionString: url });
    await holder.connect();
    await holder.query("BEGIN");
    await holder.query("LOCK TABLE message IN EXCLUSIVE MODE");
    const accepted = scene.accepted({ leased: true });
    proxy.cut = "after";
    const answer = scene.acceptAll([accepted]);
    const waits =
      "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    await expect.poll(() => runSql(url, waits)).toHaveLength(1);
    expect(await isStored(url, accepted.message.id)).toBe(false);
    await holder.query("COMMIT");
    await holder.end();
    expect(await answer).toEqual([{ kind: "accepted", unleased: true }]);
    expect(await isStored(url, accepted.message.id)).toBe(true);
  });

  test.each([
    ["a transaction", { eventId: "evt_1" }],
    ["one statement", {}],
  ])("because it never arrived, nothing is stored and the store says so: %s", async (_, options) => {
    const { url, proxy, scene } = await behindProxy();
    const accepted = scene.accepted({ leased: true, ...options });
    proxy.cut = "before";
    const refused = await scene.acceptAll([accepted]).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StoreUnavailable);
    expect(refused).not.toBeInstanceOf(CommitInDoubt);
    expect(await isStored(url, accepted.message.id)).toBe(false);
    proxy.cut = "nothing";
    expect(await scene.acceptAll([accepted])).toEqual([{ kind: "accepted" }]);
  });

  test("and nobody can be asked, the commit is in doubt; what it leased is found once the database is back", async () => {
    const { proxy, scene } = await behindProxy();
    const accepted = scene.accepted({ leased: true });
    const settled = scene.settled(scene.delivery(await scene.accept({ leased: true })));
    proxy.cut = "after, for good";
    const batch = { accepted: [accepted], settled: [settled] };
    await expect(scene.store.deliveries.commit(batch)).rejects.toBeInstanceOf(CommitInDoubt);
    proxy.cut = "nothing";
    // The same settle again: its attempt is there once, and its delivery has ended.
    expect(await scene.settle(settled)).toEqual([false]);
    const { appId, messageId, id: attemptId } = settled.attempt!;
    expect(await scene.store.history.findAttempt({ appId, messageId, attemptId })).toEqual(settled.attempt);
    expect(await scene.due(accepted.message)).toMatchObject({ state: "sending" });
    expect(await scene.store.deliveries.findDueLanes({ after: null, limit: 10 })).toHaveLength(1);
    expect(await scene.claimDue()).toMatchObject([{ delivery: { messageId: accepted.message.id } }]);
  });
});

describe.skipIf(noPostgres)("when settles are tried again after a commit in doubt", () => {
  test("what came to them meanwhile is not taken for stored because they were", async () => {
    const { url, proxy, scene } = await behindProxy();
    const [first, second] = [await scene.accept({ leased: true }), await scene.accept({ leased: true })];
    const [again, fresh] = [scene.settled(scene.delivery(first)), scene.settled(scene.delivery(second))];
    proxy.cut = "after, for good";
    await expect(scene.settle(again)).rejects.toBeInstanceOf(CommitInDoubt);
    expect(await idsOf(url, "SELECT id FROM attempt")).toContain(again.attempt!.id);

    proxy.cut = "before";
    const batch = { accepted: [], settled: [again, fresh] };
    const refused = await scene.store.deliveries.commit(batch).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StoreUnavailable);
    proxy.cut = "nothing";
    expect((await scene.store.deliveries.commit(batch)).settled).toEqual([false, true]);
    expect(await idsOf(url, "SELECT id FROM attempt")).toContain(fresh.attempt!.id);
    expect(await scene.due(second)).toBeUndefined();
  });
});

describe.skipIf(noPostgres)("when the database goes", () => {
  test("the store is unavailable and says so, and works again once it is back", async () => {
    const server = await startPostgres();
    servers.push(server);
    const url = `${server.url}/postgres`;
    await migratePostgres({ url });
    const store = await open(url);
    const scene = await Scene.make(store, fakeRuntime());
    const before = await scene.accept({ leased: true });
    await server.crash();
    expect(await store.health()).toMatchObject({ ok: false });
    await expect(scene.acceptAll([scene.accepted()])).rejects.toMatchObject({ name: "StoreUnavailable" });
    await expect(scene.claimDue()).rejects.toMatchObject({ name: "StoreUnavailable" });
    await expect(store.cluster?.beat(scene.leaseId)).rejects.toMatchObject({ name: "StoreUnavailable" });
    await server.start();
    await expect.poll(() => store.health(), { timeout: 10_000 }).toEqual({ ok: true });
    expect(await scene.due(before)).toMatchObject({ state: "sending" });
    expect(await scene.settle(scene.settled(scene.delivery(before)))).toEqual([true]);
    expect(await store.cluster?.beat(scene.leaseId)).toMatchObject({ alive: true });
    await scene.accept();
    expect(await scene.claimDue()).toHaveLength(1);
  });

  test("one that only reads is not healthy, and refuses commits as unavailable", async () => {
    const url = await makeDatabase();
    const store = await open(url);
    const scene = await Scene.make(store, fakeRuntime());
    const name = new URL(url).pathname.slice(1);
    await runSql(url, `ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    // New connections only: the old ones go.
    await runSql(
      url,
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'posthaste' AND datname = current_database()",
    );
    await expect.poll(() => store.health()).toEqual({ ok: false, reason: "The database only reads." });
    await expect(scene.acceptAll([scene.accepted()])).rejects.toMatchObject({ name: "StoreUnavailable" });
  });

  test("a commit whose standby was not waited for to the end is not taken for one", async () => {
    const server = await startPostgres();
    servers.push(server);
    const url = `${server.url}/postgres`;
    await migratePostgres({ url });
    const store = await open(url);
    const scene = await Scene.make(store, fakeRuntime());
    // Its day's partition is made here.
    await scene.deliver();
    await runSql(url, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    await runSql(url, "SELECT pg_reload_conf()");
    await expect
      .poll(() => runSql(url, "SHOW synchronous_standby_names"))
      .toEqual([{ synchronous_standby_names: "nobody" }]);
    const commit = scene.acceptAll([scene.accepted({ leased: true })]);
    const cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    const caught = expect(commit).rejects.toBeInstanceOf(CommitInDoubt);
    await expect.poll(() => runSql(url, cancel)).toHaveLength(1);
    await caught;
    await runSql(url, "ALTER SYSTEM RESET synchronous_standby_names");
    await runSql(url, "SELECT pg_reload_conf()");
    await expect.poll(() => store.deliveries.findDueLanes({ after: null, limit: 10 })).toHaveLength(1);
  });
});
