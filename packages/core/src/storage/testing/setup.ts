import { afterAll, afterEach, beforeAll } from "vitest";
import { fakeRuntime } from "../../runtime/testing/fake-runtime.ts";
import type { Store } from "../port.ts";
import { Scene } from "./scene.ts";

/** A store that is being tested, and how to get rid of it. */
export interface StoreHandle {
  readonly store: Store;
  /** Rows of each table that an environment can have rows in, where a test can look past the store. */
  readonly countRows?: () => Promise<Readonly<Record<string, number>>>;
  dispose(): Promise<void>;
}

export type MakeStore = () => Promise<StoreHandle>;

/** `setup()` of tests that look at the whole store: each gets a new one. */
export function setupWithOwnStore(makeStore: MakeStore): () => Promise<Scene> {
  const handles: StoreHandle[] = [];
  afterEach(async () => {
    for (const handle of handles.splice(0)) await handle.dispose();
  });
  return async () => {
    const handle = await makeStore();
    handles.push(handle);
    const scene = await Scene.make(handle.store, fakeRuntime());
    scene.countRows = handle.countRows;
    return scene;
  };
}

/** `setup()` of tests that look at their own environment only: a store together, an environment each. */
export function setupWithSharedStore(makeStore: MakeStore): () => Promise<Scene> {
  const runtime = fakeRuntime();
  let handle: StoreHandle | undefined;
  beforeAll(async () => {
    handle = await makeStore();
  });
  afterAll(() => handle?.dispose());
  return () => Scene.make(handle!.store, runtime);
}
