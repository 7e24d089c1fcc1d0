import { describe, expect, test } from "vitest";
import { DAY_MS } from "../../../domain/time.ts";
import { fakeRuntime } from "../../../runtime/testing/fake-runtime.ts";
import type { Endpoint } from "../../../domain/endpoint.ts";
import type { Message } from "../../../domain/message.ts";
import type { Store } from "../../port.ts";
import { FIRST_PAGE, Scene } from "../../testing/scene.ts";
import pg from "pg";
import { runSql } from "../testing/run-sql.ts";
import { makeDatabase, noPostgres, openStore } from "../testing/test-database.ts";

const NODES = 3;

async function setup(): Promise<{ scene: Scene; nodes: Store[]; url: string } & AsyncDisposable> {
  const url = await makeDatabase();
  const nodes: Store[] = [];
  for (let count = 0; count < NODES; count++) nodes.push(await openStore(url));
  return {
    scene: await Scene.make(nodes[0]!, fakeRuntime()),
    nodes,
    url,
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node.close()));
    },
  };
}

const dropDays = (scene: Scene, store = scene.store) =>
  store.history.dropDays({ before: scene.now - DAY_MS, now: scene.now });

const prune = (scene: Scene, over: Partial<Parameters<Store["history"]["prune"]>[0]> = {}) =>
  scene.store.history.prune({
    environmentId: scene.environment.id,
    before: scene.now - DAY_MS,
    now: scene.now,
    limit: 100,
    ...over,
  });

const isThere = async (scene: Scene, message: Message) =>
  (await scene.store.history.findMessage({ appId: message.appId, ref: message.id })) !== null;

const attemptsOf = (scene: Scene, message: Message) =>
  scene.store.history.listAttempts({
    appId: message.appId,
    messageId: message.id,
    page: FIRST_PAGE,
    withBody: false,
    withMessage: false,
  });

/** Accepts a message that the endpoint, which is disabled, is owed. */
async function pause(scene: Scene, endpoints: readonly [Endpoint, ...Endpoint[]]): Promise<Message> {
  const message = await scene.accept({ endpoints, leased: true });
  const [{ id: endpointId }] = endpoints;
  const next = { kind: "paused", attempts: 0 } as const;
  await scene.settle(scene.settled(scene.delivery(message, { endpointId }), { attempt: null, next }));
  return message;
}

const disable = (scene: Scene) =>
  scene.store.endpoints.update({ ...scene.endpoint, disabled: true, disabledReason: "manual" }, {});

/** Deliveries whose message is gone: there never is one. */
const orphaned = (url: string) =>
  runSql(
    url,
    `SELECT 1 FROM due WHERE NOT EXISTS (
       SELECT 1 FROM message WHERE message.app_id = due.app_id AND message.id = due.message_id)`,
  );

/** Partitions of the days that may go. */
const oldPartitions = async (scene: Scene, url: string): Promise<number> => {
  const kept = new Date(scene.now - DAY_MS).toISOString().slice(0, 10).replaceAll("-", "");
  const names = await runSql<{ name: string }>(
    url,
    `SELECT inhrelid::regclass::text AS name FROM pg_inherits
     WHERE inhparent IN ('message'::regclass, 'attempt'::regclass)`,
  );
  return names.filter(({ name }) => name.slice(-8) < kept).length;
};

describe.skipIf(noPostgres)("dropping days", () => {
  test("a day that is over goes whole, its event ids are free again, and younger days stay", async () => {
    await using cluster = await setup();
    const { scene, url } = cluster;
    const [old] = await scene.deliver({ eventId: "evt" });
    const [also] = await scene.deliver({ eventId: "other" });
    await scene.runtime.advance(3 * DAY_MS);
    const [young, attempt] = await scene.deliver({ eventId: "young" });
    // Each with its messages and its attempts.
    const days = (await oldPartitions(scene, url)) / 2;
    expect(days).toBeGreaterThan(0);
    expect(await dropDays(scene)).toBe(days);
    expect(await dropDays(scene)).toBe(0);
    expect(await oldPartitions(scene, url)).toBe(0);
    for (const message of [old, also]) {
      expect(await isThere(scene, message)).toBe(false);
      expect(await attemptsOf(scene, message)).toEqual([]);
    }
    expect(await attemptsOf(scene, young)).toMatchObject([{ attempt: { id: attempt.id } }]);
    await scene.accept({ eventId: "evt" });
    const again = scene.accepted({ eventId: "young" });
    expect(await scene.acceptAll([again])).toEqual([{ kind: "conflict", reason: "event_id" }]);
    expect(await runSql(url, "SELECT 1 FROM message_event")).toHaveLength(2);
  });

  test("a day is not dropped before all of it is old enough", async () => {
    await using cluster = await setup();
    const { scene } = cluster;
    const [message] = await scene.deliver();
    const endOfDay = (Math.floor(scene.now / DAY_MS) + 1) * DAY_MS;
    const { history } = scene.store;
    await history.dropDays({ before: endOfDay - 1, now: scene.now });
    expect(await isThere(scene, message)).toBe(true);
    await history.dropDays({ before: endOfDay, now: scene.now });
    expect(await isThere(scene, message)).toBe(false);
  });

  test("what is still owed keeps its day, with its attempts, until it has ended", async () => {
    await using cluster = await setup();
    const { scene } = cluster;
    const fifo = await scene.addEndpoint({ fifo: true });
    const [delivered] = await scene.deliver();
    const owed = await scene.accept({ endpoints: [fifo] });
    await scene.runtime.advance(3 * DAY_MS);
    await dropDays(scene);
    expect(await isThere(scene, owed)).toBe(true);
    expect(await attemptsOf(scene, delivered)).toHaveLength(1);
    const [claimed] = await scene.claimDue({ endpoints: [fifo], fifo: true });
    // A delivery that is being sent is owed as well.
    await dropDays(scene);
    expect(await isThere(scene, owed)).toBe(true);
    await scene.settle(scene.settled(claimed!.delivery));
    expect(await dropDays(scene)).toBeGreaterThan(0);
    expect(await isThere(scene, owed)).toBe(false);
    expect(await attemptsOf(scene, delivered)).toEqual([]);
  });

  test("what disabled endpoints were owed ends with its day, and only then", async () => {
    await using cluster = await setup();
    const { scene } = cluster;
    const other = await scene.addEndpoint();
    await disable(scene);
    const paused = await pause(scene, [scene.endpoint]);
    const owed = await scene.accept({ endpoints: [other] });
    await scene.runtime.advance(3 * DAY_MS);
    await dropDays(scene);
    expect(await scene.due(paused)).toMatchObject({ state: "paused" });
    const [claimed] = await scene.claimDue({ endpoints: [other] });
    await scene.settle(scene.settled(claimed!.delivery));
    expect(await dropDays(scene)).toBeGreaterThan(0);
    expect(await scene.due(paused)).toBeUndefined();
    expect(await isThere(scene, paused)).toBe(false);
    expect(await isThere(scene, owed)).toBe(false);
    expect(await scene.store.stats()).toMatchObject({ dueDeliveries: 0 });
  });

  test("what a disabled endpoint was owed when it was enabled again is kept", async () => {
    await using cluster = await setup();
    const { scene } = cluster;
    await disable(scene);
    const paused = await pause(scene, [scene.endpoint]);
    await scene.store.endpoints.update(scene.endpoint, {});
    await scene.runtime.advance(3 * DAY_MS);
    await dropDays(scene);
    expect(await isThere(scene, paused)).toBe(true);
  });

  test("of several nodes that drop days at the same moment each day is dropped once", async () => {
    await using cluster = await setup();
    const { scene, nodes, url } = cluster;
    for (let day = 0; day < 4; day++) {
      await scene.deliver({ eventId: `e${day}` });
      await scene.runtime.advance(DAY_MS);
    }
    await scene.runtime.advance(DAY_MS);
    await scene.deliver();
    const days = (await oldPartitions(scene, url)) / 2;
    let dropped = 0;
    for (let last = 1; last > 0;) {
      const counts = await Promise.all(nodes.map((node) => dropDays(scene, node)));
      last = counts.reduce((sum: number, count) => sum + count!, 0);
      dropped += last;
    }
    expect(days).toBeGreaterThanOrEqual(4);
    expect(dropped).toBe(days);
    expect(await oldPartitions(scene, url)).toBe(0);
  });

  test("a day that somebody reads is left for the next time, and nobody waits for it", async () => {
    await using cluster = await setup();
    const { scene, url } = cluster;
    const [message] = await scene.deliver();
    await scene.runtime.advance(3 * DAY_MS);
    const reader = new pg.Client({ connectionString: url });
    await reader.connect();
    await reader.query("BEGIN");
    await reader.query("SELECT count(*) FROM message");
    const dropping = dropDays(scene);
    // Traffic while the drop waits for the reader: it goes through, then or right after.
    const [young] = await scene.deliver();
    await dropping;
    expect(await isThere(scene, message)).toBe(true);
    expect(await isThere(scene, young)).toBe(true);
    await reader.query("COMMIT");
    await reader.end();
    expect(await dropDays(scene)).toBeGreaterThan(0);
    expect(await isThere(scene, message)).toBe(false);
  });

  test("live traffic goes on while days are dropped", async () => {
    await using cluster = await setup();
    const { scene, nodes } = cluster;
    for (let day = 0; day < 5; day++) {
      await scene.deliver();
      await scene.runtime.advance(DAY_MS);
    }
    await scene.runtime.advance(2 * DAY_MS);
    const done = new AbortController();
    const traffic = (async () => {
      const made = [];
      while (!done.signal.aborted) made.push((await scene.deliver())[0]);
      return made;
    })();
    let dropped = 0;
    for (let tries = 0; dropped < 5 && tries < 20; tries++) dropped += (await dropDays(scene, nodes[1]))!;
    done.abort();
    const made = await traffic;
    expect(dropped).toBeGreaterThanOrEqual(5);
    for (const message of made) expect(await isThere(scene, message)).toBe(true);
  });

  test("a message that is resent while its day is dropped is either kept and owed, or gone", async () => {
    await using cluster = await setup();
    const { scene, nodes, url } = cluster;
    for (let round = 0; round < 10; round++) {
      const [message] = await scene.deliver();
      await scene.runtime.advance(3 * DAY_MS);
      const [, resent] = await Promise.allSettled([
        dropDays(scene, nodes[1]),
        nodes[2]!.deliveries.resend({ ...scene.delivery(message), now: scene.now }),
      ]);
      expect(await isThere(scene, message)).toBe(resent.status === "fulfilled");
      expect(await orphaned(url)).toEqual([]);
      const claimed = await scene.claimDue();
      expect(claimed).toHaveLength(resent.status === "fulfilled" ? 1 : 0);
      await scene.settle(...claimed.map(({ delivery }) => scene.settled(delivery)));
    }
  });

  test("deleted endpoints and applications go with the days, where nothing else is asked of pruning", async () => {
    await using cluster = await setup();
    const { scene, url } = cluster;
    await scene.deliver();
    await scene.store.applications.delete({ environmentId: scene.environment.id, id: scene.app.id });
    const step = async () => {
      await scene.store.history.cancelOrphans({ now: scene.now, attemptIds: ["atmpt_1"] });
      await dropDays(scene);
      await prune(scene, { before: 0 });
    };
    await step();
    for (let day = 0; day < 3; day++) {
      await scene.runtime.advance(DAY_MS);
      await step();
    }
    expect(await runSql(url, "SELECT id FROM endpoint UNION ALL SELECT id FROM application")).toEqual([]);
  });
});

describe.skipIf(noPostgres)("pruning rows", () => {
  test("another environment's messages of the same age stay", async () => {
    await using cluster = await setup();
    const { scene } = cluster;
    const other = await Scene.make(scene.store, scene.runtime);
    const [mine] = await scene.deliver({ eventId: "e" });
    const [theirs] = await other.deliver({ eventId: "e" });
    await scene.runtime.advance(3 * DAY_MS);
    expect(await prune(scene)).toBe(1);
    expect(await isThere(scene, mine)).toBe(false);
    expect(await isThere(other, theirs)).toBe(true);
    expect(await attemptsOf(other, theirs)).toHaveLength(1);
    const found = await scene.store.history.findMessage({ appId: theirs.appId, ref: "e" });
    expect(found).toEqual(theirs);
  });

  test("attempts go with their message on whichever day they were made", async () => {
    await using cluster = await setup();
    const { scene, url } = cluster;
    const [message] = await scene.deliver();
    await scene.runtime.advance(5 * DAY_MS);
    await scene.store.deliveries.resend({ ...scene.delivery(message), now: scene.now });
    const [claimed] = await scene.claimDue();
    await scene.settle(scene.settled(claimed!.delivery));
    expect(await prune(scene)).toBe(1);
    expect(await runSql(url, "SELECT 1 FROM attempt")).toEqual([]);
  });

  test("what a FIFO endpoint is owed is kept, and what lies behind it goes", async () => {
    await using cluster = await setup();
    const { scene } = cluster;
    const fifo = await scene.addEndpoint({ fifo: true });
    const owed = [];
    for (let count = 0; count < 10; count++) owed.push(await scene.accept({ endpoints: [fifo] }));
    for (let count = 0; count < 5; count++) await scene.deliver();
    await scene.runtime.advance(3 * DAY_MS);
    const gone = [];
    // Fewer at a time than are owed in front.
    for (let count = await prune(scene, { limit: 3 }); count > 0; count = await prune(scene, { limit: 3 })) {
      gone.push(count);
    }
    expect(gone.reduce((sum, count) => sum + count, 0)).toBe(5);
    for (const message of owed) expect(await isThere(scene, message)).toBe(true);
  });

  test("of several nodes that prune at the same moment each message goes once", async () => {
    await using cluster = await setup();
    const { scene, nodes } = cluster;
    const second = await scene.addApplication();
    for (let count = 0; count < 60; count++) {
      await scene.deliver();
      await scene.accept({ appId: second.id, endpoints: [scene.endpoint] });
    }
    await disable(scene);
    await scene.runtime.advance(3 * DAY_MS);
    const request = { environmentId: scene.environment.id, before: scene.now - DAY_MS, now: scene.now };
    let gone = 0;
    for (let round = 0; round < 20; round++) {
      const counts = await Promise.all(nodes.map((node) => node.history.prune({ ...request, limit: 10 })));
      gone += counts.reduce((sum, count) => sum + count, 0);
    }
    // Those of the second application are owed.
    expect(gone).toBe(60);
  });

  test("a message that is resent while it is pruned is either kept and owed, or gone", async () => {
    await using cluster = await setup();
    const { scene, nodes, url } = cluster;
    for (let round = 0; round < 20; round++) {
      const [message] = await scene.deliver();
      await scene.runtime.advance(2 * DAY_MS);
      const [pruned, resent] = await Promise.allSettled([
        prune(scene),
        nodes[1]!.deliveries.resend({ ...scene.delivery(message), now: scene.now }),
      ]);
      expect(pruned).toEqual({ status: "fulfilled", value: resent.status === "fulfilled" ? 0 : 1 });
      expect(await isThere(scene, message)).toBe(resent.status === "fulfilled");
      expect(await orphaned(url)).toEqual([]);
      const claimed = await scene.claimDue();
      await scene.settle(...claimed.map(({ delivery }) => scene.settled(delivery)));
      await prune(scene);
    }
  });

  test("of several nodes that end what was owed to deleted endpoints each delivery ends once", async () => {
    await using cluster = await setup();
    const { scene, nodes, url } = cluster;
    const other = await scene.addEndpoint();
    const messages = [];
    for (let count = 0; count < 40; count++) {
      messages.push(await scene.accept({ endpoints: [scene.endpoint, other] }));
    }
    await scene.store.applications.delete({ environmentId: scene.environment.id, id: scene.app.id });
    let ended = 0;
    for (let last = 1; last > 0;) {
      const counts = await Promise.all(
        nodes.map((node) =>
          node.history.cancelOrphans({
            now: scene.now,
            attemptIds: Array.from({ length: 7 }, () => scene.id("atmpt_")),
          }),
        ),
      );
      last = counts.reduce((sum, count) => sum + count, 0);
      ended += last;
    }
    expect(ended).toBe(80);
    const perDelivery = await runSql(
      url,
      "SELECT count(*)::int AS attempts FROM attempt GROUP BY endpoint_id, message_id",
    );
    expect(perDelivery).toEqual(Array.from({ length: 80 }, () => ({ attempts: 1 })));
  });
});
