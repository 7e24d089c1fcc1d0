import { afterEach, expect, test } from "vitest";
import type { Endpoint } from "../../domain/endpoint.ts";
import { DAY_MS } from "../../domain/time.ts";
import { CommitInDoubt, StoreUnavailable } from "../../storage/port.ts";
import {
  cleanUpCluster,
  clusterHarness,
  type ClusterHarness,
  type ClusterPost,
  type SharedBackend,
  type TestNode,
} from "./cluster-harness.ts";
import { newEventType, START_MS } from "./new-entities.ts";
import { hanging } from "./receiver.ts";

const NEVER = new Promise<number>(() => {});
const from =
  (name: string) =>
  ({ node }: ClusterPost): boolean =>
    node === name;
const away = (): void => {
  throw new StoreUnavailable("away");
};
const idsOf = (posts: readonly ClusterPost[]): Set<string> =>
  new Set(posts.map(({ messageId }) => messageId));

const ALL = { from: "", through: "msg_~" };

/** What an engine guarantees as one of many nodes on a store. */
export function clusterEngineSuite(makeBackend: () => Promise<SharedBackend>): void {
  const setup = (options = {}): Promise<ClusterHarness> => clusterHarness(makeBackend, options);

  afterEach(cleanUpCluster);

  // ------------------------------------------------------------ nodes that die

  test("what a dead node was to send is sent by the others within ten seconds", async () => {
    const harness = await setup();
    await harness.addEndpoint();
    const a = await harness.addNode("a");
    await harness.addNode("b");
    harness.answer = ({ node }) => (node === "a" ? NEVER : 204);
    const sent = await Promise.all(Array.from({ length: 20 }, () => a.send()));
    await harness.until(() => harness.posts.length > 0);
    a.kill();
    await harness.pass(10_000);
    expect(idsOf(harness.posts.filter(from("b")))).toEqual(new Set(sent.map(({ id }) => id)));
    expect(await harness.nodes()).toHaveLength(1);
  });

  test("a takeover whose own node dies midway is finished by another one", async () => {
    const harness = await setup();
    await harness.addEndpoint();
    const nodes = new Map<string, TestNode>();
    for (const name of ["a", "b", "c"]) nodes.set(name, await harness.addNode(name));
    harness.answer = ({ node }) => (node === "a" ? NEVER : 204);
    const a = nodes.get("a")!;
    const sent = await Promise.all(Array.from({ length: 20 }, () => a.send()));
    const killed: string[] = [];
    for (const { name, fault } of nodes.values()) {
      fault.before = (operation) => {
        if (operation !== "releaseLeases" || killed.length > 0) return;
        killed.push(name);
        fault.kill();
      };
    }
    a.kill();
    await harness.pass(20_000);
    expect(killed).toHaveLength(1);
    const rest = killed[0] === "b" ? "c" : "b";
    expect(idsOf(harness.posts.filter(from(rest)))).toEqual(new Set(sent.map(({ id }) => id)));
    expect(await harness.nodes()).toHaveLength(1);
  });

  test("a node that stood still and wakes sends nothing of what was taken over and overwrites nothing", async () => {
    const harness = await setup();
    const endpoint = await harness.addEndpoint();
    const a = await harness.addNode("a");
    await harness.addNode("b");
    const asked = hanging(harness);
    const { answer } = harness;
    harness.answer = (post) => (post.node === "b" ? 204 : answer(post));
    const sent = await Promise.all(Array.from({ length: 20 }, () => a.send()));
    await harness.until(() => harness.posts.length >= 4);
    a.fault.freeze();
    const before = harness.posts.filter(from("a")).length;
    await harness.pass(9_000);
    expect(idsOf(harness.posts.filter(from("b"))).size).toBe(20);
    // It wakes: all its timers are late, all its answers are there, and nothing has told it yet.
    a.runtime.jump(9_000);
    a.fault.thaw();
    for (const { resolve } of asked) resolve(500);
    harness.answer = () => 204;
    // Accepted before it knows: stored without a lease, sent once by whoever claims it.
    const woken = await a.send();
    await harness.pass(3_000);
    await harness.until(async () => (await harness.attempts(endpoint)).length === 21 + before);
    const byA = harness.posts.filter(from("a")).filter(({ messageId }) => messageId !== woken.id);
    expect(byA).toHaveLength(before);
    expect(harness.posts.filter(({ messageId }) => messageId === woken.id)).toHaveLength(1);
    for (const { id: messageId, appId } of sent) {
      expect(await harness.store.deliveries.listDue({ appId, messageId })).toEqual([]);
    }
    expect(a.leasesReplaced).toBe(1);
    // It is a node like the others again.
    const late = await a.send();
    await harness.until(() => harness.posts.some(({ messageId }) => messageId === late.id));
    expect((await harness.nodes()).filter(({ dead }) => !dead)).toHaveLength(2);
  });

  test("of three nodes one that stands still again and again costs the others nothing and loses nothing", async () => {
    const harness = await setup();
    const endpoint = await harness.addEndpoint();
    const [a, b, c] = [await harness.addNode("a"), await harness.addNode("b"), await harness.addNode("c")];
    const sent: string[] = [];
    for (let round = 0; round < 3; round++) {
      for (const node of [a, b, c]) for (let count = 0; count < 5; count++) sent.push((await node.send()).id);
      c.fault.freeze();
      for (const node of [a, b]) sent.push((await node.send()).id);
      await harness.pass(8_000);
      c.runtime.jump(8_000);
      c.fault.thaw();
      await harness.pass(2_000);
    }
    await harness.until(() => idsOf(harness.posts).size === sent.length);
    await harness.until(async () => (await harness.attempts(endpoint)).length >= sent.length);
    expect([a.leasesReplaced, b.leasesReplaced]).toEqual([0, 0]);
    expect((await harness.nodes()).filter(({ dead }) => !dead)).toHaveLength(3);
  });

  test("while the database is away nobody is taken for dead, nothing is sent, health says so, and all go on after it", async () => {
    const harness = await setup();
    await harness.addEndpoint();
    const nodes = [await harness.addNode("a"), await harness.addNode("b")];
    await harness.pass(3_000);
    // Each has seen the last beat of the one that loses it first.
    for (const { fault } of nodes.toReversed()) {
      fault.before = away;
      await harness.pass(1_500);
    }
    await harness.pass(12_000);
    for (const { engine } of nodes) expect(await engine.health()).toMatchObject({ ok: false });
    await expect(nodes[0]!.send()).rejects.toThrow();
    for (const { fault } of nodes) fault.before = () => {};
    await harness.pass(8_000);
    for (const { engine } of nodes) expect(await engine.health()).toEqual({ ok: true });
    for (const node of nodes) await node.send();
    await harness.until(() => harness.posts.length === 2);
    expect(nodes.map(({ leasesReplaced }) => leasesReplaced)).toEqual([0, 0]);
  });

  test("a node whose beats do not come through starts nothing, and goes on with the same lease if nobody minded", async () => {
    const harness = await setup();
    await harness.addEndpoint();
    const a = await harness.addNode("a");
    a.fault.before = (operation) => {
      if (operation === "beat") throw new StoreUnavailable("away");
    };
    await harness.pass(6_000);
    await a.send();
    await harness.pass(2_000);
    expect(harness.posts).toEqual([]);
    a.fault.before = () => {};
    await harness.pass(2_000);
    expect(harness.posts).toHaveLength(1);
    expect(a.leasesReplaced).toBe(0);
  });

  // ------------------------------------------------------------ commits in doubt

  /** A message is on its way to a receiver that answers when it is told to. */
  const sending = async () => {
    const harness = await setup();
    const endpoint = await harness.addEndpoint();
    const a = await harness.addNode("a");
    const answer = Promise.withResolvers<number>();
    harness.answer = () => answer.promise;
    await a.send();
    await harness.until(() => harness.posts.length === 1);
    return { harness, endpoint, a, answer };
  };

  test("a commit in doubt that was written is sent soon, and the client is told to repeat", async () => {
    const harness = await setup();
    const endpoint = await harness.addEndpoint();
    const a = await harness.addNode("a");
    let doubts = 1;
    a.fault.after = (operation) => {
      if (operation === "commit" && doubts-- > 0) throw new CommitInDoubt("the connection was lost");
    };
    await expect(a.accept([{}], "key-1")).rejects.toMatchObject({ code: "unavailable" });
    await harness.pass(5_000);
    expect(harness.posts).toHaveLength(1);
    const again = await a.accept([{}], "key-1");
    expect(again).toMatchObject([{ kind: "replayed", message: { id: harness.posts[0]?.messageId } }]);
    await harness.pass(2_000);
    expect(await harness.attempts(endpoint)).toHaveLength(1);
    expect(a.leasesReplaced).toBe(1);
    expect(await harness.nodes()).toHaveLength(1);
  });

  test("what was sent under a lease in doubt is recorded before that lease is released", async () => {
    const { harness, endpoint, a, answer } = await sending();
    let doubts = 1;
    a.fault.before = (operation) => {
      if (operation === "commit" && doubts-- > 0) throw new CommitInDoubt("the connection was lost");
    };
    const accepted = a.accept([{}]);
    answer.resolve(204);
    await expect(accepted).rejects.toMatchObject({ code: "unavailable" });
    await harness.pass(5_000);
    expect(harness.posts).toHaveLength(1);
    expect(await harness.attempts(endpoint)).toMatchObject([{ status: "success" }]);
  });

  test("what was sent under a lease in doubt is recorded before that, however long what it tells takes to read", async () => {
    const { harness, endpoint, a, answer } = await sending();
    let [doubts, failures] = [1, 4];
    a.fault.before = (operation) => {
      if (operation === "commit" && doubts-- > 0) throw new CommitInDoubt("the connection was lost");
      // Asked again every quarter of a second: whether the environment has operational endpoints.
      if (operation === "findById" && failures-- > 0) throw new StoreUnavailable("away");
    };
    const accepted = a.accept([{}]);
    answer.resolve(204);
    await expect(accepted).rejects.toMatchObject({ code: "unavailable" });
    await harness.pass(5_000);
    expect(failures).toBeLessThan(1);
    expect(harness.posts).toHaveLength(1);
    expect(await harness.attempts(endpoint)).toMatchObject([{ status: "success" }]);
  });

  test("what was given back in doubt, and has come again since, is sent once", async () => {
    const harness = await setup();
    const endpoint = await harness.addEndpoint({ throttleRate: 4 });
    const a = await harness.addNode("a");
    const sent = await Promise.all(Array.from({ length: 40 }, () => a.send()));
    await harness.until(() => harness.posts.length > 0 && a.engine.snapshot().queuedDeliveries > 0);
    await harness.until(async () => (await harness.attempts(endpoint)).length === harness.posts.length);
    let doubts = 1;
    a.fault.after = (operation) => {
      if (operation === "commit" && doubts-- > 0) throw new CommitInDoubt("the connection was lost");
    };
    // Calls nothing off; what waits in memory goes back to the store all the same.
    const { appId } = endpoint;
    await a.engine.cancel({ appId, endpoints: [endpoint], from: "msg_~", through: "msg_~" });
    await harness.pass(20_000);
    expect(doubts).toBeLessThan(1);
    const posted = harness.posts.map(({ messageId }) => messageId);
    expect(posted.toSorted()).toEqual(sent.map(({ id }) => id).toSorted());
  });

  test("a claim in doubt is released and made anew", async () => {
    const harness = await setup({ retryScheduleMs: [1_000, 1_000] });
    await harness.addEndpoint();
    const a = await harness.addNode("a");
    harness.answer = () => 500;
    await a.send();
    await harness.until(() => harness.posts.length === 1);
    harness.answer = () => 204;
    let doubts = 1;
    a.fault.after = (operation) => {
      if (operation === "claimDue" && doubts-- > 0) throw new CommitInDoubt("the connection was lost");
    };
    await harness.pass(6_000);
    expect(harness.posts).toHaveLength(2);
    expect(doubts).toBeLessThan(1);
  });

  // ------------------------------------------------------------ lanes that one node serves

  test("two nodes that accept for a throttled endpoint send no more than its rate together", async () => {
    const harness = await setup();
    await harness.addEndpoint({ throttleRate: 10 });
    const [a, b] = [await harness.addNode("a"), await harness.addNode("b")];
    await harness.pass(3_000);
    for (const node of [a, b]) await node.accept(Array.from({ length: 100 }, () => ({})));
    await harness.pass(5_000, 20);
    expect(harness.posts.length).toBeGreaterThanOrEqual(35);
    expect(harness.posts.length).toBeLessThanOrEqual(53);
    expect(new Set(harness.posts.map(({ node }) => node)).size).toBe(1);
  });

  test("a throttled application's rate is shared by all its endpoints on all nodes", async () => {
    const harness = await setup();
    await harness.updateApplication({ throttleRate: 10 });
    for (let count = 0; count < 5; count++) await harness.addEndpoint();
    const [a, b] = [await harness.addNode("a"), await harness.addNode("b")];
    await harness.pass(3_000);
    for (const node of [a, b]) await node.accept(Array.from({ length: 20 }, () => ({})));
    await harness.pass(5_000, 20);
    expect(harness.posts.length).toBeGreaterThanOrEqual(35);
    expect(harness.posts.length).toBeLessThanOrEqual(53);
  });

  test("a rate set on one node holds on all of them, also for what they had queued", async () => {
    const harness = await setup();
    const endpoint = await harness.addEndpoint();
    const [a, b] = [await harness.addNode("a"), await harness.addNode("b")];
    await harness.pass(3_000);
    const held = Promise.withResolvers<number>();
    harness.answer = () => held.promise;
    for (const node of [a, b]) await node.accept(Array.from({ length: 60 }, () => ({})));
    await harness.until(() => new Set(harness.posts.map(({ node }) => node)).size === 2);
    await a.updateEndpoint({ ...endpoint, throttleRate: 5 });
    await harness.pass(1_000);
    const before = harness.posts.length;
    harness.answer = () => 204;
    held.resolve(204);
    await harness.pass(4_000, 20);
    expect(harness.posts.length - before).toBeLessThanOrEqual(23);
    expect(harness.posts.length - before).toBeGreaterThanOrEqual(12);
  });

  test("every rate holds while nodes come and go, and no lane stays behind", async () => {
    const harness = await setup();
    const urls = Array.from({ length: 12 }, (_, index) => `https://example.com/${index}`);
    for (const url of urls) await harness.addEndpoint({ throttleRate: 5, url });
    const a = await harness.addNode("a");
    await a.accept(Array.from({ length: 150 }, () => ({})));
    await harness.pass(2_000, 50);
    for (const name of ["b", "c"]) {
      await harness.addNode(name);
      await harness.pass(4_000, 50);
    }
    const before = harness.posts.length;
    a.kill();
    await harness.pass(10_000, 50);
    const after = harness.posts.slice(before);
    for (const url of urls) {
      const times = harness.posts.filter((post) => post.url === url).map(({ at }) => at);
      times.sort((one, other) => one - other);
      for (const [index, at] of times.entries()) {
        const within = times.slice(index).filter((time) => time < at + 1_000).length;
        expect(within).toBeLessThanOrEqual(7);
      }
      expect(after.some((post) => post.url === url)).toBe(true);
    }
    expect(new Set(after.map(({ node }) => node))).toEqual(new Set(["b", "c"]));
  });

  test("a FIFO endpoint gets its messages in order, whichever node accepts them and whatever becomes of its owner", async () => {
    const harness = await setup({ retryScheduleMs: Array.from({ length: 20 }, () => 1_000) });
    await harness.addEndpoint({ fifo: true });
    const nodes = [await harness.addNode("a"), await harness.addNode("b"), await harness.addNode("c")];
    let answers = 0;
    const delivered = new Set<string>();
    harness.answer = ({ messageId }) => {
      if (++answers % 5 === 0) return 500;
      delivered.add(messageId);
      return 204;
    };
    const sent: string[] = [];
    for (let round = 0; round < 60; round++) {
      const alive = nodes.filter(({ fault }) => !fault.dead && !fault.frozen);
      sent.push((await alive[round % alive.length]!.send()).id);
      await harness.pass(100, 50);
      if (round === 20) nodes[1]!.kill();
      if (round === 30) nodes.push(await harness.addNode("d"));
      if (round === 40) await nodes[0]!.stop();
      if (round === 45) nodes[2]!.fault.freeze();
    }
    nodes[2]!.runtime.jump(1_500);
    nodes[2]!.fault.thaw();
    for (let round = 0; round < 400 && delivered.size < sent.length; round++) await harness.pass(200, 50);
    await harness.until(() => delivered.size === sent.length);
    const places = harness.posts.map(({ messageId }) => sent.indexOf(messageId));
    expect(places).toEqual(places.toSorted((one, other) => one - other));
    expect(new Set(places).size).toBe(sent.length);
  });

  test("a failing message of a FIFO endpoint holds back those that other nodes accept", async () => {
    const harness = await setup({ retryScheduleMs: [2_000, 2_000, 2_000] });
    await harness.addEndpoint({ fifo: true });
    const [a, b] = [await harness.addNode("a"), await harness.addNode("b")];
    await harness.pass(3_000);
    let failures = 2;
    harness.answer = () => (failures-- > 0 ? 500 : 204);
    const sent: string[] = [];
    for (const node of [a, b, a, b, a, b]) sent.push((await node.send()).id);
    await harness.pass(10_000);
    await harness.until(() => harness.posts.length === 8);
    expect(harness.posts.map(({ messageId }) => messageId)).toEqual([sent[0], sent[0], ...sent]);
  });

  // ------------------------------------------------------------ what others write

  test("a change made on one node is followed by the others within a second, also in what is queued", async () => {
    const harness = await setup();
    const endpoint = await harness.addEndpoint();
    const [a, b] = [await harness.addNode("a"), await harness.addNode("b")];
    await b.send();
    await harness.until(() => harness.posts.length === 1);
    await a.updateEndpoint({ ...endpoint, url: "https://example.com/new" });
    await harness.pass(1_000);
    await b.send();
    await harness.until(() => harness.posts.length === 2);
    expect(harness.posts.map(({ url }) => url)).toEqual([endpoint.url, "https://example.com/new"]);
  });

  test("an event type's retry schedule is followed by every node within a second, and the endpoint's own wins", async () => {
    const harness = await setup();
    const { environmentId } = harness.application;
    const eventType = newEventType(environmentId, { retryScheduleMs: null });
    await harness.store.eventTypes.insert(eventType, {});
    harness.answer = () => 400;
    const plain = await harness.addEndpoint();
    const own = await harness.addEndpoint({ retryScheduleMs: [60_000] });
    const node = await harness.addNode("a");
    const last = async (endpoint: Endpoint): Promise<string | undefined> =>
      (await harness.attempts(endpoint)).at(-1)?.deliveryState;
    await node.send();
    await harness.until(async () => (await harness.attempts(plain)).length === 1);
    expect(await last(plain)).toBe("pending");
    await harness.store.eventTypes.update({ ...eventType, retryScheduleMs: [] });
    await harness.pass(1_000);
    await node.send();
    await harness.until(async () => (await harness.attempts(plain)).length === 2);
    await harness.until(async () => (await harness.attempts(own)).length === 2);
    expect([await last(plain), await last(own)]).toEqual(["failed", "pending"]);
    await node.send({ eventType: "another.type" });
    await harness.until(async () => (await harness.attempts(plain)).length === 3);
    expect(await last(plain)).toBe("pending");
  });

  test("an endpoint disabled on one node is sent nothing by the others; enabled again it gets everything once", async () => {
    const harness = await setup();
    const endpoint = await harness.addEndpoint();
    const [a, b] = [await harness.addNode("a"), await harness.addNode("b")];
    const held = Promise.withResolvers<number>();
    harness.answer = () => held.promise;
    for (const node of [a, b]) await node.accept(Array.from({ length: 20 }, () => ({})));
    await harness.until(() => new Set(harness.posts.map(({ node }) => node)).size === 2);
    await harness.pass(200);
    const inFlight = idsOf(harness.posts);
    await a.updateEndpoint({ ...endpoint, disabled: true, disabledReason: "manual", disabledAt: START_MS });
    await harness.pass(1_000);
    held.resolve(500);
    await harness.pass(2_000);
    expect(harness.posts).toHaveLength(inFlight.size);
    harness.answer = () => 204;
    await b.updateEndpoint(endpoint);
    await harness.until(() => idsOf(harness.posts).size === 40);
    await harness.pass(3_000);
    const again = harness.posts.slice(inFlight.size).map(({ messageId }) => messageId);
    expect(again).toHaveLength(40);
    expect(new Set(again).size).toBe(40);
  });

  test("an endpoint that answers 410 to one node is disabled for all", async () => {
    const harness = await setup();
    const endpoint = await harness.addEndpoint();
    const [a, b] = [await harness.addNode("a"), await harness.addNode("b")];
    await b.send();
    await harness.until(() => harness.posts.length === 1);
    harness.answer = () => 410;
    await a.send();
    await harness.until(async () => (await harness.findEndpoint(endpoint.id))?.disabled === true);
    await harness.pass(1_000);
    await b.send();
    await harness.pass(1_000);
    expect(harness.posts).toHaveLength(2);
  });

  test("a success on any node ends the run of failures, also when another one does not know yet", async () => {
    const harness = await setup({ retryScheduleMs: [60_000] });
    const endpoint = await harness.addEndpoint({ failingSince: START_MS - 6 * DAY_MS });
    const [a, b] = [await harness.addNode("a"), await harness.addNode("b")];
    const slow = Promise.withResolvers<number>();
    harness.answer = ({ node }) => (node === "a" ? slow.promise : 204);
    await a.send();
    await harness.until(() => harness.posts.length === 1);
    a.fault.before = (operation) => {
      if (operation === "findChanges") throw new StoreUnavailable("nothing is heard of the others");
    };
    await b.send();
    await harness.until(async () => (await harness.findEndpoint(endpoint.id))?.failingSince === null);
    slow.resolve(500);
    await harness.until(async () => (await harness.attempts(endpoint)).length === 2);
    await harness.pass(1_000);
    expect(await harness.findEndpoint(endpoint.id)).toMatchObject({ disabled: false });
    // The delivery that failed is still owed, and this node sends again.
    harness.answer = () => 204;
    await a.send();
    await harness.until(async () => (await harness.attempts(endpoint)).length >= 3);
  });

  test("five days of failures disable an endpoint, whichever nodes saw them", async () => {
    const harness = await setup({ retryScheduleMs: [1_000] });
    const endpoint = await harness.addEndpoint({ failingSince: START_MS - 6 * DAY_MS });
    const [, b] = [await harness.addNode("a"), await harness.addNode("b")];
    harness.answer = () => 500;
    await b.send();
    await harness.until(async () => (await harness.findEndpoint(endpoint.id))?.disabled === true);
    expect(await harness.findEndpoint(endpoint.id)).toMatchObject({ disabledReason: "failing" });
  });

  test("a setting of the environment reaches the deliveries of every node within a second", async () => {
    const harness = await setup();
    await harness.addEndpoint();
    const nodes = [await harness.addNode("a"), await harness.addNode("b")];
    const withAlias = async (): Promise<boolean[]> => {
      const before = harness.posts.length;
      for (const node of nodes) await node.send();
      await harness.until(() => harness.posts.length === before + nodes.length);
      return harness.posts.slice(before).map(({ headers }) => "svix-id" in headers);
    };
    expect(await withAlias()).toEqual([false, false]);
    await harness.updateSettings({ sendSvixWebhookHeaders: true });
    await harness.pass(1_000);
    expect(await withAlias()).toEqual([true, true]);
    await harness.updateSettings({});
    await harness.pass(1_000);
    expect(await withAlias()).toEqual([false, false]);
  });

  test("nothing of a deleted environment is sent by any node, and none accepts for it", async () => {
    const harness = await setup();
    await harness.addEndpoint({ url: "https://example.com/failing" });
    await harness.addEndpoint({ url: "https://example.com/slow", throttleRate: 1 });
    const nodes = [await harness.addNode("a"), await harness.addNode("b")];
    harness.answer = ({ url }) => (url.endsWith("failing") ? 500 : 204);
    await harness.pass(3_000);
    // Retries wait in the store, and one lane has more than it may send.
    for (const node of nodes) await node.accept(Array.from({ length: 5 }, () => ({})));
    await harness.until(() => harness.posts.filter(({ url }) => url.endsWith("failing")).length >= 10);
    // Until every node has heard that the endpoint began to fail: only the deletion is to be heard of from here on.
    await harness.pass(1_000);
    await harness.deleteEnvironment();
    await harness.pass(1_000);
    const before = harness.posts.length;
    await harness.pass(20_000);
    expect(harness.posts.length).toBe(before);
    const query = { environmentId: harness.application.environmentId, ref: "ana" };
    for (const { engine } of nodes) expect(await engine.findApplication(query)).toBeNull();
  });

  test("after a gap nothing that was known is believed", async () => {
    const harness = await setup();
    const endpoint = await harness.addEndpoint();
    const [a, b] = [await harness.addNode("a"), await harness.addNode("b")];
    await b.send();
    await harness.until(() => harness.posts.length === 1);
    b.fault.freeze();
    await a.updateEndpoint({ ...endpoint, url: "https://example.com/new" });
    const late = await harness.addEndpoint({ url: "https://example.com/late" });
    await harness.pass(7_000);
    b.runtime.jump(7_000);
    b.fault.thaw();
    // Before any timer of it has fired.
    await b.send();
    await harness.until(() => harness.posts.length === 3);
    expect(new Set(harness.posts.slice(1).map(({ url }) => url))).toEqual(
      new Set(["https://example.com/new", late.url]),
    );
  });

  test("one idempotency key used on two nodes at once is one message", async () => {
    const harness = await setup();
    await harness.addEndpoint();
    const nodes = [await harness.addNode("a"), await harness.addNode("b")];
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, index) => nodes[index % 2]!.accept([{}], "key-1")),
    );
    expect(outcomes.flat().filter(({ kind }) => kind === "accepted")).toHaveLength(1);
    expect(outcomes.flat().filter(({ kind }) => kind === "replayed")).toHaveLength(19);
    await harness.pass(2_000);
    expect(harness.posts).toHaveLength(1);
  });

  // ------------------------------------------------------------ roles, start and stop

  test("an api node accepts and sends nothing; a worker sends what it accepted and accepts nothing itself", async () => {
    const harness = await setup();
    const endpoint = await harness.addEndpoint();
    const api = await harness.addNode("api", { role: "api" });
    await harness.pass(1_000);
    const sent = [await api.send(), await api.send()];
    await harness.pass(2_000);
    expect(harness.posts).toEqual([]);
    expect(api.engine.snapshot()).toMatchObject({ lanes: 0, queuedDeliveries: 0 });
    const worker = await harness.addNode("worker", { role: "worker" });
    await harness.until(async () => (await harness.attempts(endpoint)).length === 2);
    expect(idsOf(harness.posts)).toEqual(new Set(sent.map(({ id }) => id)));
    await expect(worker.send()).rejects.toMatchObject({ code: "unavailable" });
  });

  test("a node that stops leaves no lease, and others send what it had queued while it still waits", async () => {
    const harness = await setup();
    await harness.addEndpoint();
    const [a] = [await harness.addNode("a", { drainTimeoutMs: 4_000 }), await harness.addNode("b")];
    harness.answer = ({ node }) => (node === "a" ? NEVER : 204);
    const sent = await Promise.all(Array.from({ length: 20 }, () => a.send()));
    await harness.until(() => harness.posts.length > 0);
    const stopped = a.engine.stop();
    await harness.pass(2_000);
    const handedBack = idsOf(harness.posts.filter(from("b"))).size;
    expect(handedBack).toBeGreaterThanOrEqual(4);
    await harness.pass(4_000);
    await stopped;
    a.kill();
    await harness.until(() => idsOf(harness.posts.filter(from("b"))).size === sent.length);
    expect(await harness.nodes()).toHaveLength(1);
  });

  // ------------------------------------------------------------ what is called off

  test("once a cancellation is answered no node sends what it called off, but for attempts under way", async () => {
    const harness = await setup({ retryScheduleMs: [500] });
    const endpoint = await harness.addEndpoint();
    const [a, b] = [await harness.addNode("a"), await harness.addNode("b")];
    const answers = hanging(harness);
    const sent = await Promise.all([a, b].flatMap((node) => Array.from({ length: 40 }, () => node.send())));
    await harness.until(() => [a, b].every((node) => harness.posts.some(from(node.name))));
    await harness.until(() => [a, b].every(({ engine }) => engine.snapshot().queuedDeliveries > 0));
    let isAnswered = false;
    const canceling = a.engine.cancel({ appId: endpoint.appId, endpoints: [endpoint], ...ALL });
    void canceling.then(() => (isAnswered = true));
    await harness.until(() => isAnswered);
    const underWay = harness.posts.length;
    for (const { resolve } of answers) resolve(500);
    harness.answer = () => 204;
    const later = await b.send();
    await harness.until(() => harness.posts.some(({ messageId }) => messageId === later.id));
    await harness.pass(3_000);
    expect(harness.posts).toHaveLength(underWay + 1);
    const { appId, id: endpointId } = endpoint;
    const messageIds = sent.map(({ id }) => id);
    const standings = await harness.store.overview.listStandings({ appId, endpointId, messageIds });
    expect(new Set(standings.map(({ state }) => state))).toEqual(new Set(["canceled"]));
  });

  test("a cancellation waits for a node that stands still until that is dead", async () => {
    const harness = await setup();
    const endpoint = await harness.addEndpoint();
    const [a, b] = [await harness.addNode("a"), await harness.addNode("b")];
    hanging(harness);
    await Promise.all(Array.from({ length: 40 }, () => b.send()));
    await harness.until(() => harness.posts.some(from("b")));
    b.fault.freeze();
    let isAnswered = false;
    const canceling = a.engine.cancel({ appId: endpoint.appId, endpoints: [endpoint], ...ALL });
    void canceling.then(() => (isAnswered = true));
    await harness.pass(3_000);
    expect(isAnswered).toBe(false);
    await harness.pass(5_000);
    await harness.until(() => isAnswered);
    const underWay = harness.posts.length;
    b.runtime.jump(8_000);
    b.fault.thaw();
    await harness.pass(3_000);
    expect(harness.posts).toHaveLength(underWay);
  });
}
