import { afterEach, describe, expect, test } from "vitest";
import { fakeRuntime, type FakeRuntime } from "../../runtime/testing/fake-runtime.ts";
import type { Endpoint } from "../../domain/endpoint.ts";
import type { ClaimedDelivery, SettledDelivery, Store } from "../port.ts";
import { Scene } from "../testing/scene.ts";
import { runSql } from "./testing/run-sql.ts";
import { makeDatabase, noPostgres, openStore } from "./testing/test-database.ts";

const stores: Store[] = [];
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
});

/** Several processes on one database: the first one's scene, and the store and node of each. */
async function nodes(count: number): Promise<{ url: string; scene: Scene; runtime: FakeRuntime }> {
  const url = await makeDatabase();
  for (let index = 0; index < count; index++) stores.push(await openStore(url));
  const runtime = fakeRuntime();
  const scene = await Scene.make(stores[0]!, runtime);
  for (const [index] of stores.entries()) await scene.join(`node_${index}`);
  return { url, scene, runtime };
}

const claimOn = (
  scene: Scene,
  store: Store,
  { leaseId, endpoints, limit }: { leaseId: string; endpoints: Endpoint[]; limit: number },
): Promise<ClaimedDelivery[]> =>
  store.deliveries.claimDue({
    leaseId,
    now: scene.now,
    lanes: endpoints.map(({ appId, id: endpointId, fifo }) => ({ appId, endpointId, limit, fifo })),
    limit: 50,
    bytesMax: 1_000_000,
  });

describe.skipIf(noPostgres)("several nodes on one database", () => {
  test("send what is due once each, and a FIFO endpoint's in the order of acceptance", async () => {
    const { url, scene, runtime } = await nodes(4);
    const fifo = await scene.addEndpoint({ fifo: true });
    const endpoints = [scene.endpoint, await scene.addEndpoint(), fifo];
    const total = 240;
    let accepted = 0;
    let left = 3 * total;
    const sent: { endpointId: string; order: number; messageId: string }[] = [];
    const accepting = stores.map(async (store, index) => {
      while (accepted < total) {
        accepted += 10;
        const batch = Array.from({ length: 10 }, () =>
          scene.accepted({ endpoints: endpoints as [Endpoint, ...Endpoint[]], leaseId: `node_${index}` }),
        );
        await store.deliveries.commit({ accepted: batch, settled: [] });
      }
    });
    const sending = stores.map(async (store, index) => {
      const leaseId = `node_${index}`;
      while (left > 0) {
        const limit = 1 + Math.floor(runtime.random.unit() * 8);
        const claimed = await claimOn(scene, store, { leaseId, endpoints, limit });
        for (const { delivery } of claimed) sent.push(delivery);
        const settled = claimed.map(({ delivery }): SettledDelivery => {
          const attempt = scene.newAttempt(delivery);
          return { delivery, leaseId, attempt, next: { kind: "ended" }, endpoint: null };
        });
        const result = await store.deliveries.commit({ accepted: [], settled });
        expect(result.settled.every(Boolean)).toBe(true);
        left -= settled.length;
      }
    });
    await Promise.all([...accepting, ...sending]);
    expect(new Set(sent.map(({ endpointId, messageId }) => `${endpointId}/${messageId}`)).size).toBe(
      3 * total,
    );
    const orders = sent.filter(({ endpointId }) => endpointId === fifo.id).map(({ order }) => order);
    expect(orders).toEqual(orders.toSorted((a, b) => a - b));
    expect(await runSql(url, "SELECT 1 FROM due")).toEqual([]);
  });

  test("never wait for each other in a circle, whatever their batches hold", async () => {
    const { url, scene, runtime } = await nodes(4);
    const endpoints = [scene.endpoint, await scene.addEndpoint(), await scene.addEndpoint()];
    const pick = (max: number): number => Math.floor(runtime.random.unit() * max);
    const any = (): Endpoint => endpoints[pick(3)]!;
    const working = stores.map(async (store, index) => {
      const leaseId = `node_${index}`;
      let held: ClaimedDelivery[] = [];
      for (let round = 0; round < 40; round++) {
        const batch = Array.from({ length: 1 + pick(25) }, () => {
          const name = `n${pick(400)}`;
          return scene.accepted({
            leaseId,
            endpoints: [any()],
            eventId: pick(2) === 0 ? `e-${pick(600)}` : null,
            idempotency: pick(3) === 0 ? null : scene.claim(name),
          });
        });
        const settled = held.map(({ delivery }): SettledDelivery => {
          const kind = pick(3);
          const next =
            kind === 0
              ? ({ kind: "ended" } as const)
              : kind === 1
                ? ({ kind: "retry", at: scene.now, attempts: delivery.attempts + 1 } as const)
                : ({ kind: "paused", attempts: delivery.attempts } as const);
          const endpoint =
            pick(2) === 0 ? null : ({ kind: "failing_since", at: pick(2) === 0 ? null : scene.now } as const);
          return { delivery, leaseId, attempt: scene.newAttempt(delivery), next, endpoint };
        });
        // The same deliveries again, as a node would that had been taken for dead.
        const late = settled
          .slice(0, pick(5))
          .map((each) => ({ ...each, attempt: null, leaseId: "node_late" }));
        const order = pick(2) === 0 ? [...settled, ...late] : [...late, ...settled].toReversed();
        const others = [
          store.endpoints.update({ ...any(), description: `round ${round}` }, {}),
          store.deliveries.releaseLeases({ heldBy: "node_9", now: 0, after: null, limit: 200 }),
        ];
        const result = await store.deliveries.commit({ accepted: batch, settled: order });
        expect(result.accepted.filter(({ kind }) => kind === "unavailable")).toEqual([]);
        await Promise.all(others);
        held = await claimOn(scene, store, { leaseId, endpoints, limit: 10 });
      }
    });
    await Promise.all(working);
    expect(
      await runSql(url, "SELECT deadlocks::integer FROM pg_stat_database WHERE datname = current_database()"),
    ).toEqual([{ deadlocks: 0 }]);
    const doubled =
      "SELECT 1 FROM message WHERE event_id IS NOT NULL GROUP BY app_id, event_id HAVING count(*) > 1";
    expect(await runSql(url, doubled)).toEqual([]);
    const kept = `SELECT 1 FROM idempotency AS i WHERE NOT EXISTS (SELECT 1 FROM message AS m WHERE m.id = i.message_id)
      UNION ALL SELECT 1 FROM message_event AS e WHERE NOT EXISTS (SELECT 1 FROM message AS m WHERE m.id = e.message_id)`;
    expect(await runSql(url, kept)).toEqual([]);
  });

  test("a node that is declared dead in the middle of its commits leases nothing that a takeover does not see", async () => {
    const { url, scene } = await nodes(2);
    const [mine, other] = stores;
    for (let round = 0; round < 20; round++) {
      const id = `node_dying_${round}`;
      await scene.join(id);
      const commits = Array.from({ length: 6 }, () =>
        mine!.deliveries.commit({
          accepted: Array.from({ length: 4 }, () => scene.accepted({ leased: true, leaseId: id })),
          settled: [],
        }),
      );
      expect(await other!.cluster!.declareDead({ id, beats: 0 })).toBe(true);
      await other!.deliveries.releaseLeases({ heldBy: id, now: 0, after: null, limit: 100_000 });
      await Promise.all(commits);
      expect(await runSql(url, "SELECT 1 FROM due WHERE leased_by = $1", [id])).toEqual([]);
    }
  });

  test("a change is told exactly once, although transactions commit in another order than they began", async () => {
    const { scene } = await nodes(3);
    const cluster = stores[0]!.cluster!;
    let { cursor } = await cluster.findChanges({ after: null });
    const told = new Map<string, number>();
    const state = { isDone: false };
    const look = async (): Promise<void> => {
      const found = await cluster.findChanges({ after: cursor });
      ({ cursor } = found);
      for (const appId of found.ids) told.set(appId, (told.get(appId) ?? 0) + 1);
    };
    const looking = (async () => {
      while (!state.isDone) await look();
    })();
    const written: string[] = [];
    await Promise.all(
      stores.map(async (store) => {
        for (let count = 0; count < 40; count++) {
          const application = scene.newApplication();
          await store.applications.insert(application, {});
          written.push(application.id);
        }
      }),
    );
    state.isDone = true;
    await looking;
    await look();
    expect(written.map((id) => told.get(id))).toEqual(written.map(() => 1));
  });
});
