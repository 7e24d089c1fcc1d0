import { hash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { fakeRuntime } from "@posthaste/core/runtime/testing/fake-runtime";
import { ApiKeys } from "./auth.ts";
import { API_KEY_CACHE_MS, API_KEYS_CACHED_MAX } from "./http-limits.ts";

const KEY = "phk_live_0123456789abcdefghij";

/** A table of keys and a count of how often it was asked. */
function setup(): {
  keys: ApiKeys;
  known: Set<string>;
  asked: () => number;
  runtime: ReturnType<typeof fakeRuntime>;
} {
  const known = new Set([KEY]);
  const runtime = fakeRuntime();
  let count = 0;
  const store = {
    async findApiKey(keyHash: string) {
      count++;
      await Promise.resolve();
      const found = [...known].some((key) => hash("sha256", key, "hex") === keyHash);
      return found ? { id: "key_1", environmentId: "env_1", hash: keyHash, createdAt: 0 } : null;
    },
  };
  return { keys: new ApiKeys(store, runtime.clock), known, asked: () => count, runtime };
}

describe("an API key", () => {
  it("is asked for once and then known, however its scheme is written", async () => {
    const { keys, asked } = setup();
    expect(await keys.callerOf(`Bearer ${KEY}`)).toMatchObject({ environmentId: "env_1" });
    expect(keys.callerOf(`Bearer ${KEY}`)).toMatchObject({ environmentId: "env_1" });
    expect(keys.callerOf(`bearer  ${KEY} `)).toMatchObject({ environmentId: "env_1" });
    expect(asked()).toBe(1);
  });

  it("in a burst is asked for once", async () => {
    const { keys, asked } = setup();
    const environments = await Promise.all(
      Array.from({ length: 20 }, async () => keys.callerOf(`Bearer ${KEY}`)),
    );
    expect(new Set(environments.map(({ environmentId }) => environmentId))).toEqual(new Set(["env_1"]));
    expect(asked()).toBe(1);
  });

  it("that is taken away stops working within the time it is kept", async () => {
    const { keys, known, runtime } = setup();
    await keys.callerOf(`Bearer ${KEY}`);
    known.delete(KEY);
    await runtime.advance(API_KEY_CACHE_MS);
    await expect(keys.callerOf(`Bearer ${KEY}`)).rejects.toMatchObject({
      code: "authentication_failed",
    });
    await expect(keys.callerOf(`Bearer ${KEY}`)).rejects.toMatchObject({
      code: "authentication_failed",
    });
  });

  it("that is new works at once, also after it was refused", async () => {
    const { keys, known } = setup();
    const other = "phk_live_ZZZZZZZZZZZZZZZZZZZZZZ";
    await expect(keys.callerOf(`Bearer ${other}`)).rejects.toThrow();
    known.add(other);
    expect(await keys.callerOf(`Bearer ${other}`)).toMatchObject({ environmentId: "env_1" });
  });

  it("of another form is refused without asking", () => {
    const { keys, asked } = setup();
    for (const header of [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      `Basic ${KEY}`,
      "Bearer phk_live_short",
      `Bearer ${KEY}$`,
    ]) {
      expect(() => keys.callerOf(header)).toThrow(expect.objectContaining({ code: "authentication_failed" }));
    }
    expect(asked()).toBe(0);
  });

  it("is forgotten when too many others came after it", async () => {
    const { keys, known, asked } = setup();
    await keys.callerOf(`Bearer ${KEY}`);
    for (let count = 0; count < API_KEYS_CACHED_MAX; count++) {
      const key = `phk_live_${String(count).padStart(20, "0")}`;
      known.clear();
      known.add(key);
      await keys.callerOf(`Bearer ${key}`);
    }
    const before = asked();
    known.add(KEY);
    await keys.callerOf(`Bearer ${KEY}`);
    expect(asked()).toBe(before + 1);
  });
});
