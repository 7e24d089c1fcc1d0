import { expect, test } from "vitest";
import type { ClusterNode, ClusterStore } from "../port.ts";
import type { Scene } from "./scene.ts";
import { type MakeStore, setupWithOwnStore } from "./setup.ts";

const clusterOf = (scene: Scene): ClusterStore => {
  if (scene.store.cluster === null) throw new Error("this store has no cluster");
  return scene.store.cluster;
};

const nodeOf = async (scene: Scene, id: string): Promise<ClusterNode | undefined> =>
  (await clusterOf(scene).beat(scene.leaseId)).nodes.find((node) => node.id === id);

/** What a store that several processes share guarantees beside the rest. */
export function clusterSuite(makeStore: MakeStore): void {
  const setup = setupWithOwnStore(makeStore);

  test("every node sees the others, their roles and that they beat", async () => {
    const scene = await setup();
    const cluster = clusterOf(scene);
    await cluster.join({ id: "node_b", role: "worker" });
    const before = await nodeOf(scene, "node_b");
    expect(before).toMatchObject({ id: "node_b", role: "worker", dead: false });
    expect(await cluster.beat("node_b")).toMatchObject({ alive: true });
    expect((await nodeOf(scene, "node_b"))?.beats).toBe((before?.beats ?? 0) + 1);
    expect(await nodeOf(scene, scene.leaseId)).toMatchObject({ role: "all", dead: false });
  });

  test("a node is declared dead only where its count stood still, and once declared stays dead", async () => {
    const scene = await setup();
    const cluster = clusterOf(scene);
    await cluster.join({ id: "node_b", role: "all" });
    const seen = await nodeOf(scene, "node_b");
    await cluster.beat("node_b");
    expect(await cluster.declareDead({ id: "node_b", beats: seen!.beats })).toBe(false);
    const now = await nodeOf(scene, "node_b");
    expect(await cluster.declareDead({ id: "node_b", beats: now!.beats })).toBe(true);
    expect(await cluster.declareDead({ id: "node_b", beats: now!.beats })).toBe(true);
    expect(await cluster.beat("node_b")).toMatchObject({ alive: false });
    expect(await nodeOf(scene, "node_b")).toMatchObject({ dead: true });
    await cluster.remove("node_b");
    expect(await nodeOf(scene, "node_b")).toBeUndefined();
    expect(await cluster.beat("node_b")).toMatchObject({ alive: false });
  });

  test("what a dead node accepts is stored without a lease, and what it claims is nothing", async () => {
    const scene = await setup();
    const cluster = clusterOf(scene);
    await cluster.join({ id: "node_b", role: "all" });
    const { beats } = (await nodeOf(scene, "node_b"))!;
    await cluster.declareDead({ id: "node_b", beats });
    const accepted = scene.accepted({ leased: true, leaseId: "node_b" });
    expect(await scene.acceptAll([accepted])).toEqual([{ kind: "accepted", unleased: true }]);
    expect(await scene.due(accepted.message)).toMatchObject({ state: "pending" });
    expect(await scene.claimDue({ leaseId: "node_b" })).toEqual([]);
    expect(await scene.claimDue()).toHaveLength(1);
  });

  test("a node taken for dead still settles what nobody has taken over, and only records the rest", async () => {
    const scene = await setup();
    const cluster = clusterOf(scene);
    await cluster.join({ id: "node_b", role: "all" });
    const kept = await scene.accept({ leased: true, leaseId: "node_b" });
    const taken = await scene.accept({ leased: true, leaseId: "node_b" });
    const { beats } = (await nodeOf(scene, "node_b"))!;
    await cluster.declareDead({ id: "node_b", beats });
    expect(await scene.settle(scene.settled(scene.delivery(kept), { leaseId: "node_b" }))).toEqual([true]);
    await scene.store.deliveries.releaseLeases({ heldBy: "node_b", now: 0, after: null, limit: 100 });
    const [claimed] = await scene.claimDue();
    expect(claimed?.delivery.messageId).toBe(taken.id);
    expect(await scene.settle(scene.settled(scene.delivery(taken), { leaseId: "node_b" }))).toEqual([false]);
    expect(await scene.settle(scene.settled(claimed!.delivery))).toEqual([true]);
  });

  test("a takeover leaves the leases of nodes that live alone", async () => {
    const scene = await setup();
    await scene.join("node_b");
    const theirs = await scene.accept({ leased: true, leaseId: "node_b" });
    const request = { notHeldBy: scene.leaseId, now: 0, after: null, limit: 100 };
    expect(await scene.store.deliveries.releaseLeases(request)).toMatchObject({ released: 0 });
    expect(await scene.due(theirs)).toMatchObject({ state: "sending" });
    await scene.leave("node_b");
    expect(await scene.store.deliveries.releaseLeases(request)).toMatchObject({ released: 1 });
  });

  test("a FIFO endpoint is served in the order of acceptance, whatever the ids of several nodes say", async () => {
    const scene = await setup();
    const fifo = await scene.addEndpoint({ fifo: true });
    const first = scene.newMessage();
    const second = scene.newMessage();
    // Accepted the other way round: the node that made the larger id was faster.
    for (const message of [second, first]) await scene.accept({ ...message, endpoints: [fifo] });
    const claimed = await scene.claimDue({ endpoints: [fifo], fifo: true });
    expect(claimed.map(({ delivery }) => delivery.messageId)).toEqual([second.id, first.id]);
    expect(claimed[0]!.delivery.order).toBeLessThan(claimed[1]!.delivery.order);
    expect(await scene.settle(...claimed.map(({ delivery }) => scene.settled(delivery)))).toEqual([
      true,
      true,
    ]);
  });

  test("of many claims for one FIFO endpoint at the same moment one gets something", async () => {
    const scene = await setup();
    const fifo = await scene.addEndpoint({ fifo: true });
    for (let count = 0; count < 5; count++) await scene.accept({ endpoints: [fifo] });
    const claims = await Promise.all(
      Array.from({ length: 8 }, () => scene.claimDue({ endpoints: [fifo], fifo: true, limit: 2 })),
    );
    expect(claims.filter((claimed) => claimed.length > 0)).toHaveLength(1);
    expect(claims.flat()).toHaveLength(2);
  });

  test("claims at the same moment share what is due without overlap", async () => {
    const scene = await setup();
    for (let count = 0; count < 40; count++) await scene.accept();
    const claims = await Promise.all(Array.from({ length: 8 }, () => scene.claimDue({ limit: 10 })));
    const ids = claims.flat().map(({ delivery }) => delivery.messageId);
    expect(new Set(ids).size).toBe(ids.length);
    let rest = await scene.claimDue();
    while (rest.length > 0) {
      ids.push(...rest.map(({ delivery }) => delivery.messageId));
      rest = await scene.claimDue();
    }
    expect(new Set(ids).size).toBe(40);
  });

  test("one key used by many nodes at the same moment is one message", async () => {
    const scene = await setup();
    const idempotency = scene.claim("race");
    const results = await Promise.all(
      Array.from({ length: 16 }, () => scene.acceptAll([scene.accepted({ idempotency })])),
    );
    const kinds = results.flat().map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "accepted")).toHaveLength(1);
    expect(kinds.filter((kind) => kind === "replayed")).toHaveLength(15);
    const replayed = results
      .flat()
      .flatMap((result) => (result.kind === "replayed" ? [result.message.id] : []));
    expect(new Set(replayed).size).toBe(1);
  });

  test("batches that meet each other's keys and event ids in any order all come through", async () => {
    const scene = await setup();
    const batch = (names: string[]) =>
      scene.acceptAll(
        names.map((name) => scene.accepted({ idempotency: scene.claim(name), eventId: `e-${name}` })),
      );
    const names = Array.from({ length: 30 }, (_, index) => `n${index}`);
    const rounds = await Promise.all(
      Array.from({ length: 6 }, (_, round) => batch(round % 2 === 0 ? names : names.toReversed())),
    );
    expect(rounds.flat().filter(({ kind }) => kind === "accepted")).toHaveLength(30);
    expect(rounds.flat().filter(({ kind }) => kind === "replayed")).toHaveLength(150);
  });

  test("a control-plane request that another node answered first writes nothing and says so", async () => {
    const scene = await setup();
    const idempotency = scene.answer("create");
    await scene.store.applications.insert(scene.newApplication(), { idempotency });
    const second = scene.newApplication();
    const insert = scene.store.applications.insert(second, { idempotency });
    await expect(insert).rejects.toMatchObject({ name: "AlreadyAnswered" });
    expect(
      await scene.store.applications.find({ environmentId: scene.environment.id, ref: second.id }),
    ).toBeNull();
  });

  test("changes of applications, endpoints and event types, by people and by deliveries, are told to the others", async () => {
    const scene = await setup();
    const cluster = clusterOf(scene);
    const stranger = await scene.addApplication();
    let { cursor } = await cluster.findChanges({ after: null });
    const changed = async (): Promise<string[]> => {
      const found = await cluster.findChanges({ after: cursor });
      cursor = found.cursor;
      return [...new Set(found.ids)];
    };
    const told = async (write: () => Promise<unknown>): Promise<void> => {
      await write();
      expect(await changed()).toContain(scene.app.id);
    };
    await told(() => scene.store.applications.update({ ...scene.app, throttleRate: 5 }));
    await told(() => scene.addEndpoint());
    await told(() => scene.store.endpoints.update({ ...scene.endpoint, url: "https://new.example/" }, {}));
    const failing = async (at: number | null): Promise<void> => {
      const delivery = scene.delivery(await scene.accept({ leased: true }));
      await scene.settle(scene.settled(delivery, { endpoint: { kind: "failing_since", at } }));
    };
    await told(() => failing(1_000));
    await told(() => failing(null));
    const delivery = scene.delivery(await scene.accept({ leased: true }));
    const endpoint = { kind: "disable", reason: "gone", at: scene.now } as const;
    await told(() => scene.settle(scene.settled(delivery, { endpoint })));
    await told(() => scene.store.endpoints.delete({ appId: scene.app.id, id: scene.endpoint.id }));
    await told(() =>
      scene.store.applications.delete({ environmentId: scene.environment.id, id: scene.app.id }),
    );
    expect(await changed()).not.toContain(stranger.id);
    const eventType = scene.newEventType();
    const { environmentId, name } = eventType;
    await scene.store.eventTypes.insert(eventType, {});
    await scene.store.eventTypes.update({ ...eventType, retryScheduleMs: [1_000] });
    expect(await changed()).toEqual([environmentId]);
    await scene.store.eventTypes.delete({ environmentId, name });
    expect(await changed()).toEqual([environmentId]);
  });

  test("a recall is done once every other node that lives and sends has said so", async () => {
    const scene = await setup();
    const cluster = clusterOf(scene);
    await cluster.join({ id: "node_b", role: "worker" });
    await cluster.join({ id: "node_api", role: "api" });
    const start = await cluster.findChanges({ after: null });
    await cluster.acknowledge({ id: "node_b", cursor: start.cursor });
    const recall = await cluster.recall({ appId: scene.app.id });
    const isDone = (): Promise<boolean> => cluster.isRecalled({ recall, by: scene.leaseId });
    expect(await isDone()).toBe(false);
    await scene.store.endpoints.update({ ...scene.endpoint, url: "https://new.example/" }, {});
    const found = await cluster.findChanges({ after: start.cursor });
    expect([found.ids, found.recalled]).toEqual([[scene.app.id], [scene.app.id]]);
    await cluster.acknowledge({ id: "node_b", cursor: found.cursor });
    expect(await isDone()).toBe(true);
    // One that has just joined may hold something from before it began to read.
    await cluster.join({ id: "node_c", role: "all" });
    expect(await cluster.isRecalled({ recall: await cluster.recall({ appId: "app_x" }), by: "node_b" })).toBe(
      false,
    );
    const { beats } = (await nodeOf(scene, "node_c"))!;
    await cluster.declareDead({ id: "node_c", beats });
    expect(await isDone()).toBe(true);
    const next = await cluster.findChanges({ after: found.cursor });
    expect(next.recalled).toEqual(["app_x"]);
    expect((await cluster.findChanges({ after: next.cursor })).recalled).toEqual([]);
  });
}
