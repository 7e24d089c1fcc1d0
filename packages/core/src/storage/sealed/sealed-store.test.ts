import { createSecretKey } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Endpoint } from "../../domain/endpoint.ts";
import { fakeRuntime } from "../../runtime/testing/fake-runtime.ts";
import { openModelStore } from "../../simulation/model/model-store.ts";
import { ModelState } from "../../simulation/model/state.ts";
import { clusterSuite } from "../testing/cluster.suite.ts";
import { storeConformance } from "../testing/conformance.ts";
import { FIRST_PAGE, Scene } from "../testing/scene.ts";
import type { StoreHandle } from "../testing/setup.ts";
import { cellOf } from "./cell.ts";
import { rewrapDataKeys } from "./data-keys.ts";
import { KeyRing, newMasterKey, SealError } from "./key-ring.ts";
import { openSealed } from "./open.ts";

const runtime = fakeRuntime();
const masterKey = (): string => newMasterKey(runtime.random);
const ring = (...keys: string[]): KeyRing => KeyRing.parse(keys.join(","));
const SECRET = "whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5";
const HEADER = "canary-header-value";

const makeStore = (clustered: boolean) => async (): Promise<StoreHandle> => {
  const plain = openModelStore(new ModelState({ clustered }));
  const store = await openSealed(plain, { ring: ring(masterKey()), runtime });
  return { store, dispose: () => store.close() };
};

storeConformance("a sealed store", makeStore(false));
storeConformance("a sealed store, shared", makeStore(true));
describe("a sealed store's cluster", () => clusterSuite(makeStore(true)));

/** A store without encryption, so that a test can look at what lies there, and a scene on it. */
async function makeScene(keys = [masterKey()]) {
  const state = new ModelState({ clustered: false });
  const plain = openModelStore(state);
  const open = (...others: string[]) =>
    openSealed(plain, { ring: ring(...(others.length > 0 ? others : keys)), runtime });
  const scene = await Scene.make(await open(), runtime);
  return { state, plain, scene, open, keys };
}

const secretive = { secrets: [{ key: SECRET, expiresAt: null }], headers: { "X-Any": HEADER } };

/** Everything a store holds, as text. */
const dump = (state: ModelState): string =>
  JSON.stringify(state, (_, value: unknown) => (value instanceof Map ? [...value] : value));

test("nothing of an endpoint's secrets and headers, nor of a remembered answer, lies in the clear", async () => {
  const { state, scene } = await makeScene();
  const idempotency = { ...scene.answer("create"), body: JSON.stringify({ key: SECRET }) };
  const endpoint = scene.newEndpoint(secretive);
  await scene.store.endpoints.insert(endpoint, { idempotency });
  const rotated = [
    { key: `${SECRET}new`, expiresAt: null },
    { key: SECRET, expiresAt: 1 },
  ];
  await scene.store.endpoints.update({ ...endpoint, secrets: rotated }, {});
  expect(dump(state)).toContain(endpoint.id);
  for (const canary of [SECRET, HEADER, "X-Any"]) expect(dump(state)).not.toContain(canary);
  expect(await scene.readEndpoint(endpoint.id)).toEqual({ ...endpoint, secrets: rotated });
  expect(await scene.findAnswer(idempotency.scope)).toEqual(idempotency);
});

test("a value that is moved to another row, column or application does not open", async () => {
  const { state, scene } = await makeScene();
  const endpoint = scene.newEndpoint(secretive);
  await scene.store.endpoints.insert(endpoint, {});
  const other = await scene.addApplication();
  const stored = state.endpoints.get(endpoint.id)!.entity;
  const moves: Partial<Endpoint>[] = [
    { id: scene.id("ep_") },
    { appId: other.id },
    { headers: { sealed: stored.secrets[0]!.key } },
    { secrets: [{ key: stored.headers["sealed"]!, expiresAt: null }] },
    { secrets: [] },
    { secrets: [{ key: SECRET, expiresAt: null }] },
    { headers: { "X-Any": HEADER } },
  ];
  for (const move of moves) {
    const moved = { ...stored, ...move };
    state.endpoints.delete(endpoint.id);
    state.endpoints.set(moved.id, { ...state.endpoints.get(scene.endpoint.id)!, entity: moved });
    await expect(scene.store.endpoints.listAll(moved.appId), JSON.stringify(move)).rejects.toThrow(SealError);
    state.endpoints.delete(moved.id);
  }
});

test("an application that is moved to another environment takes no secret along", async () => {
  const { state, scene, open } = await makeScene();
  await scene.addEndpoint(secretive);
  const foreign = { ...scene.environment, id: scene.id("env_"), name: "foreign" };
  await scene.store.environments.ensure(foreign, []);
  state.applications.get(scene.app.id)!.entity = { ...scene.app, environmentId: foreign.id };
  const reopened = await open();
  await expect(reopened.endpoints.listAll(scene.app.id)).rejects.toThrow(SealError);
});

test("without its ring, or with another one, a database is refused in one line and stays as it is", async () => {
  const { state, scene, open, keys } = await makeScene();
  await scene.addEndpoint(secretive);
  const before = dump(state);
  const error = await open(masterKey()).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SealError);
  expect(String(error)).toMatch(
    /^SealError: The secrets in this database are encrypted with the master key .*\.$/,
  );
  expect(dump(state)).toBe(before);
  const [dataKey] = state.dataKeys.values();
  const damaged = `${dataKey!.wrapped.slice(0, -2)}${dataKey!.wrapped.endsWith("AA") ? "BA" : "AA"}`;
  state.dataKeys.set(dataKey!.environmentId, { ...dataKey!, wrapped: damaged });
  await expect(open(...keys)).rejects.toThrow("changed or damaged");
});

test("a new first key takes over without a moment in which anything does not open", async () => {
  const { state, plain, scene, open, keys } = await makeScene();
  await scene.addEndpoint(secretive);
  const [old = ""] = keys;
  const fresh = masterKey();
  const beside = await open(old, fresh);
  const both = ring(fresh, old);
  const after = await open(fresh, old);
  expect(await rewrapDataKeys(plain.dataKeys, { ring: both, runtime })).toEqual({
    rewrapped: 1,
    retired: [ring(old).firstId],
  });
  expect(await rewrapDataKeys(plain.dataKeys, { ring: both, runtime })).toEqual({
    rewrapped: 0,
    retired: [],
  });
  const alone = await open(fresh);
  for (const store of [scene.store, beside, after, alone]) {
    const endpoints = await store.endpoints.list({ appId: scene.app.id, page: FIRST_PAGE });
    expect(endpoints.at(-1)).toMatchObject(secretive);
  }
  await expect(open(old)).rejects.toThrow(SealError);
  const before = dump(state);
  await expect(rewrapDataKeys(plain.dataKeys, { ring: ring(masterKey()), runtime })).rejects.toThrow(
    SealError,
  );
  expect(dump(state)).toBe(before);
});

test("what was stored in the clear before there were keys is sealed at the first start, also one that was cut short", async () => {
  const state = new ModelState({ clustered: false });
  const plain = openModelStore(state);
  const scene = await Scene.make(plain, runtime);
  const endpoints: Endpoint[] = [];
  for (let count = 0; count < 3; count++) endpoints.push(await scene.addEndpoint(secretive));
  const keys = ring(masterKey());
  let writes = 0;
  const failing = {
    ...plain,
    endpoints: {
      ...plain.endpoints,
      update: (...args: Parameters<typeof plain.endpoints.update>) => {
        if (++writes === 2) throw new Error("the power is cut");
        return plain.endpoints.update(...args);
      },
    },
  };
  await expect(openSealed(failing, { ring: keys, runtime })).rejects.toThrow("the power is cut");
  const sealed = await openSealed(plain, { ring: keys, runtime });
  for (const canary of [SECRET, HEADER]) expect(dump(state)).not.toContain(canary);
  expect((await sealed.endpoints.listAll(scene.app.id)).slice(1)).toEqual(endpoints);
  // From then on what lies in the clear was put there by somebody else.
  state.endpoints.get(endpoints[0]!.id)!.entity = endpoints[0]!;
  const again = await openSealed(plain, { ring: keys, runtime });
  await expect(again.endpoints.listAll(scene.app.id)).rejects.toThrow(SealError);
});

test("a start that is cut short before the traces are gone is followed by one that removes them, and by none that does it again", async () => {
  const state = new ModelState({ clustered: false });
  const plain = openModelStore(state);
  const scene = await Scene.make(plain, runtime);
  const answer = { ...scene.answer("create"), body: JSON.stringify({ key: SECRET }) };
  await plain.endpoints.insert(scene.newEndpoint(secretive), { idempotency: answer });
  const deleted = await scene.addEndpoint(secretive);
  await plain.endpoints.delete({ appId: deleted.appId, id: deleted.id });
  const keys = ring(masterKey());
  const asked: string[] = [];
  const openWith = (outcome: "the power is cut" | "the disk is full" | "erased") => {
    const eraseTraces = async () => {
      asked.push(outcome);
      if (outcome === "the power is cut") throw new Error(outcome);
      if (outcome === "the disk is full") return { kind: "postponed" as const, reason: outcome };
      return plain.dataKeys.eraseTraces();
    };
    const store = { ...plain, dataKeys: { ...plain.dataKeys, eraseTraces } };
    return openSealed(store, { ring: keys, runtime });
  };
  await expect(openWith("the power is cut")).rejects.toThrow("the power is cut");
  // A disk that is too full for it is no reason to refuse the start.
  await openWith("the disk is full");
  expect(dump(state)).toContain(SECRET);
  await openWith("erased");
  for (const canary of [SECRET, HEADER]) expect(dump(state)).not.toContain(canary);
  const sealed = await openWith("erased");
  expect(asked).toEqual(["the power is cut", "the disk is full", "erased"]);
  expect((await sealed.endpoints.listAll(scene.app.id)).at(-1)).toMatchObject(secretive);
});

test("the key of a deleted environment leaves the memory of every node that hears of it, and does not come back", async () => {
  const { plain, scene, keys } = await makeScene();
  const answer = scene.answer("create");
  await scene.store.endpoints.insert(scene.newEndpoint(secretive), { idempotency: answer });
  let reads = 0;
  const list = () => {
    reads++;
    return plain.dataKeys.list();
  };
  const counted = { ...plain, dataKeys: { ...plain.dataKeys, list } };
  const node = async () => openSealed(counted, { ring: ring(...keys), runtime });
  const hearing = ["its own", "another one's, by its id", "another one's, by all that live"] as const;
  const nodes = await Promise.all(hearing.map(node));
  const readsOf = async (store: (typeof nodes)[number]): Promise<number> => {
    const before = reads;
    await store.endpoints.listAll(scene.app.id);
    return reads - before;
  };
  for (const store of nodes) expect(await readsOf(store)).toBe(0);
  const [own, byId, byAll] = nodes;
  const { id } = scene.environment;
  await own!.environments.delete({ id, now: scene.now });
  expect(await byId!.environments.find(id)).toBeNull();
  await byAll!.environments.list();
  // Whoever opens one of its secrets has to read the key each time: nobody keeps it.
  for (const [at, store] of nodes.entries()) {
    for (let again = 0; again < 2; again++) expect(await readsOf(store), hearing[at]).toBe(1);
  }
  // Nor does a node that starts before the rows are gone.
  const late = await node();
  const before = reads;
  const query = { environmentId: id, scope: answer.scope, now: scene.now };
  expect(await late.environments.findAnswer(query)).toEqual(answer);
  expect(reads - before).toBe(1);
});

test("what is sealed opens in its own place alone, and not when a character of it is changed", () => {
  const key = { environmentId: "env_1", id: "dkey_1", key: createSecretKey(runtime.random.bytes(32)) };
  const place = { table: "endpoint", row: "app_1/ep_1", column: "secrets" };
  const cell = cellOf(key, place, runtime.random);
  const part = fc.constantFrom("table", "row", "column");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), part, fc.nat(), (text, changed, at) => {
      const sealed = cell.seal(text);
      expect(cell.open(sealed)).toBe(text);
      expect(cell.seal(text)).not.toBe(sealed);
      const elsewhere = cellOf(key, { ...place, [changed]: "other" }, runtime.random);
      expect(() => elsewhere.open(sealed)).toThrow(SealError);
      const index = at % sealed.length;
      const other = sealed[index] === "A" ? "B" : "A";
      const damaged = sealed.slice(0, index) + other + sealed.slice(index + 1);
      expect(() => cell.open(damaged)).toThrow(SealError);
    }),
  );
});

test.each(["", "# only a comment", "phm_short", "phm_!", `whsec_${"A".repeat(43)}`])(
  "the ring %j is refused without a word of it",
  (text) => {
    const error = ((): unknown => {
      try {
        return KeyRing.parse(text);
      } catch (reason) {
        return reason;
      }
    })();
    expect(error).toBeInstanceOf(SealError);
    if (text.length > 4) expect(String(error)).not.toContain(text.slice(4));
  },
);
