import { expect, test } from "vitest";
import { type Environment, newEnvironment } from "../../domain/environment.ts";
import { ID_PREFIX } from "../../domain/ids.ts";
import type { Scene } from "./scene.ts";
import { type MakeStore, setupWithSharedStore } from "./setup.ts";

export function environmentSuite(makeStore: MakeStore): void {
  const setup = setupWithSharedStore(makeStore);

  test("an environment is found as it was stored, settings and all", async () => {
    const scene = await setup();
    const settings = { sendSvixWebhookHeaders: true, displayName: "Anna ✓", retryPolicy: [5, 10] };
    const environment = await addEnvironment(scene, { type: "development", settings });
    expect(await scene.store.environments.find(environment.id)).toEqual(environment);
    expect(await scene.store.environments.list()).toContainEqual(environment);
    expect(await scene.store.environments.find(scene.id(ID_PREFIX.environment))).toBeNull();
  });

  test("a new environment has its event types, and its name is its own", async () => {
    const scene = await setup();
    const { environments, eventTypes } = scene.store;
    const environment = newOne(scene);
    const type = scene.newEventType({ environmentId: environment.id });
    const answer = scene.answer("environment");
    const options = { eventTypes: [type], idempotency: answer };
    expect(await environments.insert(environment, options)).toEqual({ kind: "inserted" });
    expect(await environments.find(environment.id)).toEqual(environment);
    expect(await eventTypes.find(type)).toEqual(type);
    expect(await scene.findAnswer(answer.scope)).toEqual(answer);
    const twin = { ...newOne(scene), name: environment.name };
    const result = await environments.insert(twin, { eventTypes: [{ ...type, environmentId: twin.id }] });
    expect(result).toEqual({ kind: "conflict", existing: environment });
    expect(await environments.find(twin.id)).toBeNull();
    expect(await eventTypes.find({ ...type, environmentId: twin.id })).toBeNull();
  });

  test("of several that take one name at once one is inserted", async () => {
    const scene = await setup();
    const { environments } = scene.store;
    const { name } = newOne(scene);
    const twins = Array.from({ length: 4 }, () => ({ ...newOne(scene), name }));
    const results = await Promise.all(twins.map((each) => environments.insert(each, { eventTypes: [] })));
    expect(results.filter(({ kind }) => kind === "inserted")).toHaveLength(1);
    expect((await environments.list()).filter((each) => each.name === name)).toHaveLength(1);
  });

  test("a change replaces the record, and is refused when it was changed meanwhile", async () => {
    const scene = await setup();
    const { environments } = scene.store;
    const before = await addEnvironment(scene);
    const first = { ...before, settings: { readOnly: true }, retentionDays: 7, updatedAt: scene.now + 1 };
    expect(await environments.update(first, { basedOn: before })).toBe("updated");
    expect(await environments.find(before.id)).toEqual(first);
    const second = { ...before, name: `${before.name}x`, updatedAt: scene.now + 2 };
    expect(await environments.update(second, { basedOn: before })).toBe("stale");
    expect(await environments.find(before.id)).toEqual(first);
    expect(await environments.update(second, { basedOn: first })).toBe("updated");
    expect(await environments.find(before.id)).toEqual(second);
  });

  test("of two changes at once on the same state one is stored", async () => {
    const scene = await setup();
    const { environments } = scene.store;
    const before = await addEnvironment(scene);
    const results = await Promise.all(
      [1, 2].map((days) =>
        environments.update(
          { ...before, retentionDays: days, updatedAt: scene.now + days },
          { basedOn: before },
        ),
      ),
    );
    expect(results.toSorted()).toEqual(["stale", "updated"]);
  });

  test("a name belongs to one environment", async () => {
    const scene = await setup();
    const { environments } = scene.store;
    const [one, two] = [await addEnvironment(scene), await addEnvironment(scene)];
    const renamed = { ...two, name: one.name, updatedAt: scene.now + 1 };
    expect(await environments.update(renamed, { basedOn: two })).toBe("name_taken");
    expect(await environments.find(two.id)).toEqual(two);
    const stranger = { ...two, id: scene.id(ID_PREFIX.environment), name: `${two.name}y` };
    expect(await environments.update(stranger, { basedOn: two })).toBe("not_found");
  });

  test("a change is told to the other nodes", async () => {
    const scene = await setup();
    const { cluster, environments } = scene.store;
    if (cluster === null) return;
    const before = await addEnvironment(scene);
    const { cursor } = await cluster.findChanges({ after: null });
    await environments.update({ ...before, retentionDays: 3, updatedAt: scene.now + 1 }, { basedOn: before });
    const found = await cluster.findChanges({ after: cursor });
    expect(found.ids).toEqual([before.id]);
  });
}

function newOne(scene: Scene, over: Partial<Environment> = {}): Environment {
  const id = scene.id(ID_PREFIX.environment);
  const name = `f${id.slice(-20).toLowerCase()}`;
  return newEnvironment({ id, name, retentionDays: 30, createdAt: scene.now, ...over });
}

async function addEnvironment(scene: Scene, over: Partial<Environment> = {}): Promise<Environment> {
  const environment = newOne(scene, over);
  await scene.store.environments.ensure(environment, []);
  return environment;
}
