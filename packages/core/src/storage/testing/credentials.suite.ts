import { expect, test } from "vitest";
import type { Credential } from "../../domain/credential.ts";
import { DAY_MS } from "../../domain/time.ts";
import { FIRST_PAGE, type Scene } from "./scene.ts";
import { type MakeStore, setupWithSharedStore } from "./setup.ts";

const make = (scene: Scene, fields: Partial<Credential> = {}): Credential => ({
  id: scene.id("key_"),
  environmentId: scene.environment.id,
  hash: scene.id("hash"),
  kind: "api_key",
  prefix: "phk_live_abcd",
  name: null,
  scopes: null,
  appId: null,
  sessionId: null,
  featureFlags: [],
  expiresAt: null,
  createdAt: scene.now,
  ...fields,
});
const expiryOf = async (scene: Scene, { hash }: Credential): Promise<number | null | undefined> =>
  (await scene.store.credentials.find(hash))?.expiresAt;

const add = async (scene: Scene, fields: Partial<Credential> = {}): Promise<Credential> => {
  const credential = make(scene, fields);
  expect(await scene.store.credentials.insert(credential, { forget: 0 })).toBe(true);
  return credential;
};
const portal = (scene: Scene, fields: Partial<Credential> = {}): Promise<Credential> =>
  add(scene, { kind: "portal", appId: scene.app.id, expiresAt: scene.now + DAY_MS, ...fields });
export function credentialSuite(makeStore: MakeStore): void {
  const setup = setupWithSharedStore(makeStore);

  test("a credential is found by its hash alone, as it was stored", async () => {
    const scene = await setup();
    const { credentials } = scene.store;
    const key = await add(scene);
    const token = await portal(scene, {
      name: "Ünal's",
      scopes: ["ViewBase"],
      sessionId: "s1",
      featureFlags: ["beta", "x"],
    });
    expect(await credentials.find(key.hash)).toEqual(key);
    expect(await credentials.find(token.hash)).toEqual(token);
    expect(await credentials.find(`${key.hash}x`)).toBeNull();
    expect(await credentials.insert({ ...token, hash: key.hash }, { forget: 0 })).toBe(false);
    expect(await credentials.find(key.hash)).toEqual(key);
  });

  test("of several first keys at once one is inserted; tokens do not count as keys", async () => {
    const scene = await setup();
    const { credentials } = scene.store;
    await portal(scene);
    const keys = Array.from({ length: 8 }, () => make(scene));
    const inserted = await Promise.all(keys.map((key) => credentials.insertFirst(key)));
    expect(inserted.filter(Boolean)).toHaveLength(1);
    const listed = await credentials.listApiKeys({ environmentId: scene.environment.id, page: FIRST_PAGE });
    expect(listed).toEqual([keys[inserted.indexOf(true)]]);
    expect(await credentials.insertFirst(make(scene))).toBe(false);
  });

  test("API keys are listed, found and changed in their own environment; tokens are not", async () => {
    const scene = await setup();
    const other = await setup();
    const { credentials } = scene.store;
    const environmentId = scene.environment.id;
    const first = await add(scene, { name: "a" });
    const second = await add(scene, { name: "b", scopes: ["read:message"] });
    const token = await portal(scene);
    const foreign = { environmentId: other.environment.id, id: first.id };
    expect(await credentials.listApiKeys({ environmentId, page: FIRST_PAGE })).toEqual([first, second]);
    const page = { limit: 1, after: second.id, order: "descending" } as const;
    expect(await credentials.listApiKeys({ environmentId, page })).toEqual([first]);
    expect(await credentials.findApiKey({ environmentId, id: second.id })).toEqual(second);
    expect(await credentials.findApiKey({ environmentId, id: token.id })).toBeNull();
    expect(await credentials.findApiKey(foreign)).toBeNull();
    const change = { name: "c", scopes: ["write:message"] };
    expect(await credentials.update({ ...foreign, ...change })).toBe(false);
    expect(await credentials.update({ environmentId, id: token.id, ...change })).toBe(false);
    expect(await credentials.update({ environmentId, id: first.id, ...change })).toBe(true);
    expect(await credentials.find(first.hash)).toEqual({ ...first, ...change });
  });

  test("an end can be brought forward, never back, and only in the same environment", async () => {
    const scene = await setup();
    const other = await setup();
    const { credentials } = scene.store;
    const key = await add(scene);
    const { id } = key;
    const environmentId = scene.environment.id;
    expect(await credentials.expire({ environmentId: other.environment.id, id, at: 5 })).toBe(false);
    expect(await expiryOf(scene, key)).toBeNull();
    expect(await credentials.expire({ environmentId, id, at: 10 })).toBe(true);
    expect(await credentials.expire({ environmentId, id, at: 20 })).toBe(true);
    expect(await expiryOf(scene, key)).toBe(10);
    expect(await credentials.expire({ environmentId, id: scene.id("key_"), at: 1 })).toBe(false);
  });

  test("the tokens of one application end together, or those of some sessions", async () => {
    const scene = await setup();
    const { credentials } = scene.store;
    const key = await add(scene);
    const [one, two] = [await portal(scene, { sessionId: "one" }), await portal(scene, { sessionId: "two" })];
    const [none, elsewhere] = [
      await portal(scene),
      await portal(scene, { appId: scene.id("app_"), sessionId: "one" }),
    ];
    const scope = { environmentId: scene.environment.id, appId: scene.app.id };
    const all = (): Promise<unknown[]> =>
      Promise.all([one, two, none, elsewhere, key].map((each) => expiryOf(scene, each)));
    const end = scene.now + DAY_MS;
    await credentials.expireOfApplication({ ...scope, sessionIds: ["one", "three"], at: 7 });
    expect(await all()).toEqual([7, end, end, end, null]);
    await credentials.expireOfApplication({ ...scope, sessionIds: null, at: 9 });
    expect(await all()).toEqual([7, 9, 9, end, null]);
  });

  test("a one-time token becomes a portal token once, in time, and nothing else does", async () => {
    const scene = await setup();
    const { credentials } = scene.store;
    const code = await portal(scene, { kind: "one_time", scopes: ["ViewBase"] });
    const session = await portal(scene);
    const exchange = (hash: string, fields = {}): Promise<Credential | null> =>
      credentials.redeem({
        hash,
        newHash: scene.id("hash"),
        newPrefix: "pht_live_abcd",
        madeAfter: scene.now - 1,
        now: scene.now,
        ...fields,
      });
    expect(await exchange(session.hash)).toBeNull();
    expect(await exchange(scene.id("hash"))).toBeNull();
    expect(await exchange(code.hash, { madeAfter: scene.now })).toBeNull();
    expect(await exchange(code.hash, { now: scene.now + DAY_MS })).toBeNull();
    const redeemed = await Promise.all(Array.from({ length: 8 }, () => exchange(code.hash)));
    const [portalToken, ...more] = redeemed.filter((each) => each !== null);
    expect(more).toEqual([]);
    expect(portalToken).toEqual({
      ...code,
      kind: "portal",
      hash: portalToken?.hash,
      prefix: "pht_live_abcd",
    });
    expect(await credentials.find(code.hash)).toBeNull();
    expect(await credentials.find(portalToken?.hash ?? "")).toEqual(portalToken);
  });

  test("what expired long ago goes with the next insert, in that environment only", async () => {
    const scene = await setup();
    const other = await setup();
    const { credentials } = scene.store;
    const old = await portal(scene, { expiresAt: 10 });
    const recent = await portal(scene, { expiresAt: 20 });
    const theirs = await portal(other, { expiresAt: 10 });
    await credentials.insert(make(scene), { forget: 20 });
    expect(await credentials.find(old.hash)).toBeNull();
    expect(await credentials.find(recent.hash)).toEqual(recent);
    expect(await credentials.find(theirs.hash)).toEqual(theirs);
  });
}
