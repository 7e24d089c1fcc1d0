import pg from "pg";
import { afterEach, describe, expect, test } from "vitest";
import { fakeRuntime } from "../../../runtime/testing/fake-runtime.ts";
import type { ClaimedDelivery, Store } from "../../port.ts";
import { Scene } from "../../testing/scene.ts";
import { makeDatabase, noPostgres, openStore } from "../testing/test-database.ts";
import { runSql } from "../testing/run-sql.ts";

const LEASE = "node_claiming";
const stores: Store[] = [];
const clients: pg.Client[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
  await Promise.all(stores.splice(0).map((store) => store.close()));
});

interface Bed {
  readonly url: string;
  readonly scene: Scene;
  readonly waiting: readonly string[];
  readonly claim: () => Promise<readonly ClaimedDelivery[]>;
}

/** Three deliveries of one endpoint wait. */
async function setUp({ fifo }: { fifo: boolean }): Promise<Bed> {
  const url = await makeDatabase();
  const store = await openStore(url);
  stores.push(store);
  const scene = await Scene.make(store, fakeRuntime());
  await scene.join(LEASE);
  const endpoint = await scene.addEndpoint({ fifo });
  const { appId, id: endpointId } = endpoint;
  const accepted = Array.from({ length: 3 }, () => scene.accepted({ endpoints: [endpoint], leased: false }));
  await scene.acceptAll(accepted);
  const lanes = [{ appId, endpointId, limit: 10, fifo }];
  const request = { leaseId: LEASE, now: scene.now, lanes, limit: 10, bytesMax: 1_000_000 };
  return {
    url,
    scene,
    waiting: accepted.map(({ message }) => message.id),
    claim: () => store.deliveries.claimDue(request),
  };
}

/** Opens a transaction with this statement in it; returns what ends it. */
async function hold(url: string, sql: string, values: unknown[]): Promise<() => Promise<unknown>> {
  const client = new pg.Client({ connectionString: url });
  clients.push(client);
  await client.connect();
  await client.query("BEGIN");
  await client.query(sql, values);
  return () => client.query("COMMIT");
}

async function someoneWaits(url: string): Promise<void> {
  const sql =
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
  while ((await runSql(url, sql)).length === 0);
}

const idsOf = (claimed: readonly ClaimedDelivery[]): string[] =>
  claimed.map(({ delivery }) => delivery.messageId);
const leasedIn = async (url: string): Promise<string[]> => {
  const sql = "SELECT message_id AS id FROM due WHERE leased_by = $1 ORDER BY message_id";
  return (await runSql<{ id: string }>(url, sql, [LEASE])).map(({ id }) => id);
};

const MOVE = "UPDATE due SET manual = TRUE WHERE message_id = $1";

describe.skipIf(noPostgres)("a claim finds what it locked", () => {
  test("where another transaction had put it while the claim waited for its node", async () => {
    const { url, waiting, claim } = await setUp({ fifo: false });
    const release = await hold(url, "SELECT FROM node WHERE id = $1 FOR UPDATE", [LEASE]);
    const claiming = claim();
    await someoneWaits(url);
    await runSql(url, MOVE, [waiting[1]]);
    await release();
    const claimed = await claiming;
    expect(idsOf(claimed)).toEqual(waiting);
    expect(claimed.map(({ delivery }) => delivery.trigger)).toEqual(["scheduled", "manual", "scheduled"]);
    expect(await leasedIn(url)).toEqual(waiting);
  });

  test("on a FIFO endpoint, where another transaction was putting it", async () => {
    const { url, waiting, claim } = await setUp({ fifo: true });
    const release = await hold(url, MOVE, [waiting[0]]);
    const claiming = claim();
    await someoneWaits(url);
    await release();
    const claimed = await claiming;
    expect(idsOf(claimed)).toEqual(waiting);
    expect(claimed.map(({ delivery }) => delivery.trigger)).toEqual(["manual", "scheduled", "scheduled"]);
    expect(await leasedIn(url)).toEqual(waiting);
  });

  test("and on a FIFO endpoint passes over one that was canceled meanwhile", async () => {
    const { url, waiting, claim } = await setUp({ fifo: true });
    const release = await hold(url, "DELETE FROM due WHERE message_id = $1", [waiting[0]]);
    const claiming = claim();
    await someoneWaits(url);
    await release();
    expect(idsOf(await claiming)).toEqual(waiting.slice(1));
    expect(await leasedIn(url)).toEqual(waiting.slice(1));
  });
});
