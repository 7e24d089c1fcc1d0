import { describe, expect, test } from "vitest";
import { fakeRuntime } from "../../../runtime/testing/fake-runtime.ts";
import type { InsertResult, Store } from "../../port.ts";
import { Scene } from "../../testing/scene.ts";
import { runSql } from "../testing/run-sql.ts";
import { makeDatabase, noPostgres, openStore } from "../testing/test-database.ts";

const NODES = 4;
const ROUNDS = 20;

/** Several nodes on one database, and a scene of the first. */
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

const kindsOf = (results: readonly InsertResult<unknown>[]) => results.map(({ kind }) => kind).toSorted();
const oneInserted = ["conflict", "conflict", "conflict", "inserted"];

describe.skipIf(noPostgres)("the control plane of several nodes", () => {
  test("of nodes that start together one makes the environment, and all have it with its event types", async () => {
    await using cluster = await setup();
    const { scene, nodes } = cluster;
    for (let round = 0; round < ROUNDS; round++) {
      const name = `env${round}`;
      const ensured = await Promise.all(
        nodes.map(async (node) => {
          const environment = { ...scene.environment, id: scene.id("env_"), name };
          const types = ["a", "b"].map((type) =>
            scene.newEventType({ environmentId: environment.id, name: type }),
          );
          const { id } = await node.environments.ensure(environment, types);
          const missing = await node.eventTypes.findMissing({ environmentId: id, names: ["a", "b"] });
          expect(missing).toEqual([]);
          return id;
        }),
      );
      expect(new Set(ensured).size).toBe(1);
    }
  });

  test("a uid that nodes want at the same moment goes to one, and the others are told to which", async () => {
    await using cluster = await setup();
    const { scene, nodes } = cluster;
    for (let round = 0; round < ROUNDS; round++) {
      const uid = `u${round}`;
      const applications = await Promise.all(
        nodes.map((node) => node.applications.insert(scene.newApplication({ uid }), {})),
      );
      expect(kindsOf(applications)).toEqual(oneInserted);
      const endpoints = await Promise.all(
        nodes.map((node) => node.endpoints.insert(scene.newEndpoint({ uid }), {})),
      );
      expect(kindsOf(endpoints)).toEqual(oneInserted);
      const types = await Promise.all(
        nodes.map((node) => node.eventTypes.insert(scene.newEventType({ name: uid }), {})),
      );
      expect(kindsOf(types)).toEqual(oneInserted);
      const holder = await scene.store.applications.find({ environmentId: scene.environment.id, ref: uid });
      for (const result of applications) {
        if (result.kind === "conflict") expect(result.existing).toEqual(holder);
      }
    }
  });

  test("a uid that is being given up is either still its holder's or free, never lost", async () => {
    await using cluster = await setup();
    const { scene, nodes } = cluster;
    const environmentId = scene.environment.id;
    for (let round = 0; round < ROUNDS; round++) {
      const uid = `u${round}`;
      const holder = await scene.addApplication({ uid });
      const [deleted, ...inserted] = await Promise.all([
        nodes[0]!.applications.delete({ environmentId, id: holder.id }),
        ...nodes.slice(1).map((node) => node.applications.insert(scene.newApplication({ uid }), {})),
      ]);
      expect(deleted).toBe(true);
      for (const result of inserted) {
        if (result.kind === "conflict") expect(result.existing.uid).toBe(uid);
      }
      const made = inserted.filter(({ kind }) => kind === "inserted").length;
      const found = await scene.store.applications.find({ environmentId, ref: uid });
      expect(found === null ? 0 : 1).toBe(made);
    }
  });

  test("records that are given the same uid at the same moment do not share it", async () => {
    await using cluster = await setup();
    const { scene, nodes } = cluster;
    for (let round = 0; round < ROUNDS; round++) {
      const uid = `u${round}`;
      const results = await Promise.all(
        nodes.map(async (node) => node.endpoints.update({ ...(await scene.addEndpoint()), uid }, {})),
      );
      expect(results.toSorted()).toEqual(["uid_taken", "uid_taken", "uid_taken", "updated"]);
    }
  });

  test("a request that several nodes answer at the same moment is done once", async () => {
    await using cluster = await setup();
    const { scene, nodes } = cluster;
    for (let round = 0; round < ROUNDS; round++) {
      const idempotency = scene.answer(`k${round}`);
      // The same uid as well: who comes second is told of the answer, not of the conflict with it.
      const uid = `u${round}`;
      const results = await Promise.allSettled(
        nodes.map((node) => node.endpoints.insert(scene.newEndpoint({ uid }), { idempotency })),
      );
      const refused = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
      expect(refused.map(({ name }: Error) => name)).toEqual(Array(NODES - 1).fill("AlreadyAnswered"));
      expect(await scene.findAnswer(idempotency.scope)).toEqual(idempotency);
    }
    expect(await scene.store.endpoints.listAll(scene.app.id)).toHaveLength(1 + ROUNDS);
  });

  test("an answer that has expired is replaced, once", async () => {
    await using cluster = await setup();
    const { scene, nodes } = cluster;
    await scene.addApplication();
    const old = scene.answer("k", "old");
    await scene.store.applications.insert(scene.newApplication(), { idempotency: old });
    await scene.runtime.advance(24 * 3_600_000);
    const idempotency = scene.answer("k", "new");
    const results = await Promise.allSettled(
      nodes.map((node) => node.applications.insert(scene.newApplication(), { idempotency })),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await scene.findAnswer(idempotency.scope)).toEqual(idempotency);
  });

  test("an endpoint that is made while its application is deleted goes with it", async () => {
    await using cluster = await setup();
    const { scene, nodes, url } = cluster;
    const environmentId = scene.environment.id;
    for (let round = 0; round < ROUNDS; round++) {
      const { id: appId } = await scene.addApplication();
      await scene.addEndpoint({ appId });
      await Promise.all([
        nodes[0]!.applications.delete({ environmentId, id: appId }),
        ...nodes.slice(1).map((node) => node.endpoints.insert(scene.newEndpoint({ appId }), {})),
      ]);
      expect(await scene.store.endpoints.listAll(appId)).toEqual([]);
    }
    const left = await runSql(
      url,
      `SELECT 1 FROM endpoint JOIN application ON application.id = endpoint.app_id
       WHERE application.deleted AND NOT endpoint.deleted`,
    );
    expect(left).toEqual([]);
  });

  test("of changes that are based on the same state one is written", async () => {
    await using cluster = await setup();
    const { scene, nodes } = cluster;
    for (let round = 1; round <= ROUNDS; round++) {
      const basedOn = (await scene.readEndpoint())!;
      const results = await Promise.all(
        nodes.map((node, at) => {
          const changed = { ...basedOn, description: `by ${at}`, updatedAt: basedOn.updatedAt + 1 };
          return node.endpoints.update(changed, { basedOn });
        }),
      );
      expect(results.toSorted()).toEqual(["stale", "stale", "stale", "updated"]);
    }
  });

  test("what a delivery does to an endpoint while a person changes it is neither lost nor undone", async () => {
    await using cluster = await setup();
    const { scene, nodes } = cluster;
    for (let round = 1; round <= ROUNDS; round++) {
      const at = scene.now + round;
      const { id, appId } = await scene.addEndpoint();
      const basedOn = (await scene.readEndpoint(id))!;
      const delivery = scene.delivery(await scene.accept({ endpoints: [basedOn], leased: true }), {
        endpointId: id,
      });
      const disable = { kind: "disable", reason: "gone", at } as const;
      const failing = { kind: "failing_since", at } as const;
      const change = round % 2 === 0 ? disable : failing;
      const [changed] = await Promise.all([
        nodes[1]!.endpoints.update({ ...basedOn, description: "new", updatedAt: at + 1 }, { basedOn }),
        scene.settle(scene.settled(delivery, { endpoint: change })),
      ]);
      const now = (await scene.readEndpoint(id, appId))!;
      expect(now.description).toBe(changed === "updated" ? "new" : "");
      if (change.kind === "disable") expect(now).toMatchObject({ disabled: true, disabledReason: "gone" });
      else expect(now).toMatchObject({ failingSince: at, description: "new" });
    }
  });

  test("people who delete and change everything at once get in nobody's way", async () => {
    await using cluster = await setup();
    const { scene, nodes } = cluster;
    const { id: environmentId } = scene.environment;
    for (let round = 0; round < ROUNDS; round++) {
      const application = await scene.addApplication();
      const endpoints = [];
      for (let count = 0; count < 4; count++) {
        endpoints.push(await scene.addEndpoint({ appId: application.id }));
      }
      const results = await Promise.all([
        ...endpoints.map((endpoint) => nodes[1]!.endpoints.update({ ...endpoint, url: "https://x" }, {})),
        ...endpoints.map(({ id }) => nodes[2]!.endpoints.delete({ appId: application.id, id })),
        nodes[3]!.applications.update({ ...application, name: "new" }),
        nodes[0]!.applications.delete({ environmentId, id: application.id }),
        nodes[1]!.applications.delete({ environmentId, id: application.id }),
      ]);
      expect(results.slice(-2).filter((deleted) => deleted === true)).toHaveLength(1);
    }
  });
});
