import { expect, test } from "vitest";
import type { DataKey } from "../port.ts";
import type { Scene } from "./scene.ts";
import { type MakeStore, setupWithSharedStore } from "./setup.ts";

const newKey = (scene: Scene): DataKey => ({
  // A sealed store has made one for the scene's own.
  environmentId: scene.id("env_"),
  id: scene.id("dkey_"),
  masterKeyId: "first",
  wrapped: "wrapped once",
  complete: false,
  createdAt: scene.now,
});

export function dataKeySuite(makeStore: MakeStore): void {
  const setup = setupWithSharedStore(makeStore);

  test("an environment has one data key: the first that was made", async () => {
    const scene = await setup();
    const key = newKey(scene);
    const { dataKeys } = scene.store;
    const twin = { ...newKey(scene), environmentId: key.environmentId };
    const [one, other] = await Promise.all([dataKeys.ensure(key), dataKeys.ensure(twin)]);
    expect(one).toEqual(other);
    expect(await dataKeys.list()).toContainEqual(one);
  });

  test("a data key is rewrapped only from what it was", async () => {
    const scene = await setup();
    const { dataKeys } = scene.store;
    const key = newKey(scene);
    await dataKeys.ensure(key);
    const rewrapped = { ...key, masterKeyId: "second", wrapped: "wrapped twice", complete: true };
    expect(await dataKeys.update(rewrapped, { wrapped: "something else" })).toBe(false);
    expect(await dataKeys.update({ ...rewrapped, environmentId: "env_other" }, key)).toBe(false);
    expect(await dataKeys.list()).toContainEqual(key);
    expect(await dataKeys.update(rewrapped, key)).toBe(true);
    expect(await dataKeys.update(rewrapped, key)).toBe(false);
    expect(await dataKeys.list()).toContainEqual(rewrapped);
  });

  test("removing traces of what lay in the clear takes nothing else along", async () => {
    const scene = await setup();
    const key = newKey(scene);
    await scene.store.dataKeys.ensure(key);
    const gone = await scene.addEndpoint();
    await scene.store.endpoints.delete({ appId: scene.app.id, id: gone.id });
    const answer = { ...scene.answer("create"), body: "sealed.1.dkey_1.AAAA" };
    await scene.store.endpoints.update(scene.endpoint, { idempotency: answer });
    await scene.accept();
    expect(await scene.store.dataKeys.eraseTraces()).toEqual({ kind: "erased" });
    expect(await scene.store.endpoints.listAll(scene.app.id)).toEqual([scene.endpoint]);
    expect(await scene.store.dataKeys.list()).toContainEqual(key);
    expect(await scene.findAnswer(answer.scope)).toEqual(answer);
    expect(await scene.store.dataKeys.eraseTraces()).toEqual({ kind: "erased" });
  });
}
