import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ENVIRONMENT_WATCH_MS } from "../../domain/limits.ts";
import { fakeRuntime } from "../../runtime/testing/fake-runtime.ts";
import type { Store } from "../../storage/port.ts";
import { openSqliteStore } from "../../storage/sqlite/open.ts";
import { FIRST_PAGE, Scene } from "../../storage/testing/scene.ts";
import { EnvironmentPurge } from "./environment-purge.ts";

const MESSAGES = 450;

/** An environment with many messages beside another one; both on a real store. */
async function setup() {
  const directory = mkdtempSync(join(tmpdir(), "posthaste-purge-"));
  const store = await openSqliteStore({ directory, reserveBytes: 0 });
  onTestFinished(async () => {
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const runtime = fakeRuntime();
  const other = await Scene.make(store, runtime);
  await other.deliver();
  const doomed = await Scene.make(store, runtime);
  await doomed.acceptAll(Array.from({ length: MESSAGES }, () => doomed.accepted()));
  await store.environments.delete({ id: doomed.environment.id, now: runtime.clock.now() });
  return { store, runtime, other, doomed };
}

/** One pass; the clock goes on whenever it rests. */
async function pass(
  { store, runtime }: { store: Pick<Store, "environments">; runtime: ReturnType<typeof fakeRuntime> },
  { purge = new EnvironmentPurge(store, runtime), stop = new AbortController() } = {},
): Promise<number> {
  const over = new AbortController();
  const passed = purge.runOnce(stop.signal).finally(() => over.abort());
  while (!over.signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    await runtime.advance(50);
  }
  return passed;
}

const isThere = async ({ store }: { store: Store }): Promise<boolean> =>
  (await store.environments.listDeleted()).length > 0;

test("a deleted environment goes in small batches, itself an hour later; the others stay", async () => {
  const scene = await setup();
  const { store, runtime, other } = scene;
  const sizes: number[] = [];
  const counting: Pick<Store, "environments"> = {
    environments: {
      ...store.environments,
      async purge(request) {
        const made = await store.environments.purge(request);
        sizes.push(made.gone);
        return made;
      },
    },
  };
  const purge = new EnvironmentPurge(counting, runtime);
  // Messages, what is owed of each, and the endpoint.
  expect(await pass({ store: counting, runtime }, { purge })).toBe(2 * MESSAGES + 1);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(500);
  expect(await store.stats()).toMatchObject({ dueDeliveries: 0 });
  // It rests: nothing is looked for again before the hour is over.
  const looked = sizes.length;
  expect(await pass({ store: counting, runtime }, { purge })).toBe(0);
  expect(sizes.length).toBe(looked);
  expect(await isThere(scene)).toBe(true);
  await runtime.advance(ENVIRONMENT_WATCH_MS);
  await pass({ store: counting, runtime }, { purge });
  expect(await isThere(scene)).toBe(false);
  const page = { appId: other.app.id, page: FIRST_PAGE, withPayload: false };
  expect(await store.history.listMessages(page)).toHaveLength(1);
});

test("one that was cut short is finished by the next process", async () => {
  const scene = await setup();
  const { store, runtime } = scene;
  const stop = new AbortController();
  const cut: Pick<Store, "environments"> = {
    environments: {
      ...store.environments,
      async purge(request) {
        const made = await store.environments.purge(request);
        stop.abort();
        return made;
      },
    },
  };
  const first = await pass({ store: cut, runtime }, { stop });
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThan(MESSAGES);
  await runtime.advance(ENVIRONMENT_WATCH_MS);
  await pass(scene);
  expect(await isThere(scene)).toBe(false);
  expect(await store.stats()).toMatchObject({ dueDeliveries: 0 });
});
