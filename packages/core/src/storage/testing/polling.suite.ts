import fc from "fast-check";
import { expect, test } from "vitest";
import type { PollingConsumer, PollingEndpoint } from "../../domain/polling-endpoint.ts";
import { nextPosition } from "../../domain/polling-endpoint.ts";
import { ID_PREFIX } from "../../domain/ids.ts";
import { POLLING_CONSUMERS_MAX } from "../../domain/limits.ts";
import { DAY_MS, SECOND_MS } from "../../domain/time.ts";
import type { AcceptedMessage } from "../port.ts";
import type { Scene } from "./scene.ts";
import { type MakeStore, setupWithSharedStore } from "./setup.ts";

export function pollingSuite(makeStore: MakeStore): void {
  const setup = setupWithSharedStore(makeStore);
  endpointSuite(setup);
  orderSuite(setup);
  consumerSuite(setup);
  retentionSuite(setup);
}

function newEndpoint(scene: Scene, over: Partial<PollingEndpoint> = {}): PollingEndpoint {
  return {
    id: scene.id(ID_PREFIX.pollingEndpoint),
    appId: scene.app.id,
    environmentId: scene.environment.id,
    uid: null,
    eventTypes: null,
    metadata: {},
    createdAt: scene.now,
    updatedAt: scene.now,
    ...over,
  };
}

async function addEndpoint(scene: Scene, over: Partial<PollingEndpoint> = {}): Promise<PollingEndpoint> {
  const endpoint = newEndpoint(scene, over);
  expect(await scene.store.polling.insert(endpoint, {})).toEqual({ kind: "inserted" });
  return endpoint;
}

const polled = (scene: Scene): AcceptedMessage => ({ ...scene.accepted(), polled: true });

async function commit(scene: Scene, ...accepted: AcceptedMessage[]): Promise<string[]> {
  await scene.acceptAll(accepted);
  return accepted.map(({ message }) => message.id);
}

/** Ids behind a position, and the last position. */
async function poll(scene: Scene, after: number, limit = 100): Promise<{ ids: string[]; position: number }> {
  const appId = scene.app.id;
  await scene.store.polling.sequence({ appId, limit });
  const rows = await scene.store.polling.read({ appId, after, limit });
  return {
    ids: rows.map(({ message }) => message?.id ?? "gone"),
    position: rows.at(-1)?.position ?? after,
  };
}

function endpointSuite(setup: () => Promise<Scene>): void {
  test("polling endpoints are listed and deleted; a uid is taken once in an application", async () => {
    const scene = await setup();
    const one = await addEndpoint(scene, { uid: "u", eventTypes: ["a.b"], metadata: { k: "v" } });
    const two = await addEndpoint(scene);
    const { polling } = scene.store;
    expect(await polling.insert(newEndpoint(scene, { uid: "u" }), {})).toEqual({
      kind: "conflict",
      existing: one,
    });
    expect(await polling.listAll(scene.app.id)).toEqual([one, two]);
    const stranger = await scene.addApplication();
    expect(await polling.listAll(stranger.id)).toEqual([]);
    expect(await polling.delete({ appId: stranger.id, id: one.id })).toBe(false);
    expect(await polling.delete({ appId: scene.app.id, id: one.id })).toBe(true);
    expect(await polling.delete({ appId: scene.app.id, id: one.id })).toBe(false);
    expect(await polling.listAll(scene.app.id)).toEqual([two]);
  });

  test("an answer is remembered in the transaction of the insert", async () => {
    const scene = await setup();
    const idempotency = scene.answer("polling");
    await scene.store.polling.insert(newEndpoint(scene), { idempotency });
    expect(await scene.findAnswer(idempotency.scope)).toEqual(idempotency);
  });
}

function orderSuite(setup: () => Promise<Scene>): void {
  test("only what was noted is seen, whole, and by its own application only", async () => {
    const scene = await setup();
    await addEndpoint(scene);
    await scene.accept();
    const seen = polled(scene);
    await commit(scene, seen);
    const { polling } = scene.store;
    expect(await polling.sequence({ appId: scene.app.id, limit: 10 })).toEqual({ head: 1, more: false });
    expect(await polling.read({ appId: scene.app.id, after: 0, limit: 10 })).toEqual([
      { position: 1, message: seen.message },
    ]);
    const stranger = await scene.addApplication();
    expect(await polling.read({ appId: stranger.id, after: 0, limit: 10 })).toEqual([]);
    expect(await polling.sequence({ appId: stranger.id, limit: 10 })).toEqual({ head: 0, more: false });
  });

  test("what a refused message would have noted is not there", async () => {
    const scene = await setup();
    await addEndpoint(scene);
    const first = polled(scene);
    const same = { ...polled(scene), message: { ...scene.newMessage({ eventId: "e" }) } };
    const again = { ...polled(scene), message: { ...scene.newMessage({ eventId: "e" }) } };
    await scene.acceptAll([first, same, again]);
    expect((await poll(scene, 0)).ids).toEqual([first.message.id, same.message.id]);
  });

  test("a message that commits after one made later is behind what was numbered, and not lost", async () => {
    const scene = await setup();
    await addEndpoint(scene);
    const early = polled(scene);
    const late = polled(scene);
    await commit(scene, late);
    const first = await poll(scene, 0);
    expect(first.ids).toEqual([late.message.id]);
    await commit(scene, early);
    expect((await poll(scene, first.position)).ids).toEqual([early.message.id]);
    // A reader that starts over sees the same order.
    expect((await poll(scene, 0)).ids).toEqual([late.message.id, early.message.id]);
  });

  test("whatever commits when, each reader sees every message once and all see one order", async () => {
    const scene = await setup();
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ do: fc.constant("make" as const) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("commit" as const), which: fc.nat(20) }) },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constant("poll" as const),
          reader: fc.nat(2),
          limit: fc.integer({ min: 1, max: 4 }),
        }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        scene.app = await scene.addApplication();
        scene.endpoint = await scene.addEndpoint();
        await addEndpoint(scene);
        const waiting: AcceptedMessage[] = [];
        const committed: string[] = [];
        const readers = [0, 1, 2].map(() => ({ position: 0, seen: [] as string[] }));
        const readOn = async (reader: (typeof readers)[number], limit: number): Promise<number> => {
          const { ids, position } = await poll(scene, reader.position, limit);
          reader.seen.push(...ids);
          reader.position = position;
          return ids.length;
        };
        for (const one of steps) {
          if (one.do === "make") waiting.push(polled(scene));
          else if (one.do === "poll") await readOn(readers[one.reader]!, one.limit);
          else if (waiting.length > 0) {
            committed.push(...(await commit(scene, ...waiting.splice(one.which % waiting.length, 1))));
          }
        }
        for (const reader of readers) while ((await readOn(reader, 3)) > 0);
        for (const { seen } of readers) {
          expect(seen.toSorted()).toEqual(committed.toSorted());
          expect(seen).toEqual(readers[0]!.seen);
        }
      }),
      { numRuns: 25 },
    );
  });

  test("nothing is skipped while commits and polls go on side by side", async () => {
    const scene = await setup();
    await addEndpoint(scene);
    const batches = Array.from({ length: 30 }, () => Array.from({ length: 3 }, () => polled(scene)));
    let open = batches.length;
    const writing = batches.toReversed().map(async (batch) => {
      await commit(scene, ...batch);
      open -= 1;
    });
    const seen: [string[], string[]] = [[], []];
    const reading = seen.map(async (ids) => {
      let position = 0;
      for (;;) {
        const wasOpen = open > 0;
        const page = await poll(scene, position, 7);
        ids.push(...page.ids);
        ({ position } = page);
        if (!wasOpen && page.ids.length === 0) return;
      }
    });
    await Promise.all([...writing, ...reading]);
    expect(seen[0].toSorted()).toEqual(
      batches
        .flat()
        .map(({ message }) => message.id)
        .toSorted(),
    );
    expect(seen[1]).toEqual(seen[0]);
  });

  test("a time leads to the position before the first message made then or later", async () => {
    const scene = await setup();
    await addEndpoint(scene);
    const appId = scene.app.id;
    const { polling } = scene.store;
    expect(await polling.findPosition({ appId, since: 0 })).toBe(0);
    await commit(scene, polled(scene), polled(scene));
    await scene.runtime.advance(10 * SECOND_MS);
    const since = scene.now;
    await commit(scene, polled(scene));
    await polling.sequence({ appId, limit: 10 });
    expect(await polling.findPosition({ appId, since: 0 })).toBe(0);
    expect(await polling.findPosition({ appId, since })).toBe(2);
    expect(await polling.findPosition({ appId, since: since + DAY_MS })).toBe(3);
  });
}

const newConsumer = (endpoint: PollingEndpoint, name = "c"): PollingConsumer => ({
  appId: endpoint.appId,
  endpointId: endpoint.id,
  name,
  position: 5,
  leasedTo: 0,
  leasedUntil: 0,
  version: 0,
});

function consumerSuite(setup: () => Promise<Scene>): void {
  test("a consumer is changed only from the state that was read", async () => {
    const scene = await setup();
    const { polling } = scene.store;
    const consumer = newConsumer(await addEndpoint(scene));
    expect(await polling.findConsumer(consumer)).toBeNull();
    expect(await polling.saveConsumer(consumer)).toBe("saved");
    expect(await polling.saveConsumer(consumer)).toBe("stale");
    const stored = { ...consumer, version: 1 };
    expect(await polling.findConsumer(consumer)).toEqual(stored);
    const moved = { ...stored, position: 9, leasedTo: 12, leasedUntil: 100 };
    expect(await polling.saveConsumer(moved)).toBe("saved");
    expect(await polling.saveConsumer(stored)).toBe("stale");
    expect(await polling.findConsumer(consumer)).toEqual({ ...moved, version: 2 });
    expect(nextPosition(moved, 99)).toBe(12);
    expect(nextPosition(moved, 100)).toBe(9);
  });

  test("its consumers go with an endpoint, and there are not more than the bound", async () => {
    const scene = await setup();
    const { polling } = scene.store;
    const endpoint = await addEndpoint(scene);
    const other = await addEndpoint(scene);
    await polling.saveConsumer(newConsumer(other));
    for (let count = 0; count < POLLING_CONSUMERS_MAX; count += 100) {
      const names = Array.from({ length: 100 }, (_, index) => `c${count + index}`);
      await Promise.all(names.map((name) => polling.saveConsumer(newConsumer(endpoint, name))));
    }
    expect(await polling.saveConsumer(newConsumer(endpoint, "more"))).toBe("full");
    await polling.delete({ appId: scene.app.id, id: endpoint.id });
    expect(await polling.findConsumer(newConsumer(endpoint, "c0"))).toBeNull();
    expect(await polling.findConsumer(newConsumer(other))).not.toBeNull();
  });
}

function retentionSuite(setup: () => Promise<Scene>): void {
  test("retention forgets what is old, in batches, and positions stay what they were", async () => {
    const scene = await setup();
    await addEndpoint(scene);
    await commit(scene, polled(scene), polled(scene), polled(scene));
    const { position } = await poll(scene, 0);
    await scene.runtime.advance(DAY_MS);
    const before = scene.now;
    const [kept] = await commit(scene, polled(scene));
    const prune = { environmentId: scene.environment.id, before, limit: 2 };
    expect(await scene.store.polling.prune(prune)).toBe(2);
    expect(await scene.store.polling.prune(prune)).toBe(1);
    expect(await scene.store.polling.prune(prune)).toBe(0);
    expect(await poll(scene, 0)).toEqual({ ids: [kept], position: position + 1 });
  });

  test("what belongs to a deleted application goes", async () => {
    const scene = await setup();
    const endpoint = await addEndpoint(scene);
    await commit(scene, polled(scene));
    const { applications, polling } = scene.store;
    await applications.delete({ environmentId: scene.environment.id, id: scene.app.id });
    await polling.prune({ environmentId: scene.environment.id, before: 0, limit: 10 });
    expect(await polling.listAll(endpoint.appId)).toEqual([]);
    expect(await polling.read({ appId: endpoint.appId, after: 0, limit: 10 })).toEqual([]);
    expect(await polling.prune({ environmentId: scene.environment.id, before: 0, limit: 10 })).toBe(0);
  });
}
