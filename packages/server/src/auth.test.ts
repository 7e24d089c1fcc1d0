import { hash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Credential } from "@posthaste/core/domain/credential";
import { fakeRuntime } from "@posthaste/core/runtime/testing/fake-runtime";
import { Credentials } from "./auth.ts";
import { OPERATOR } from "./caller.ts";
import { CREDENTIAL_CACHE_MS, CREDENTIAL_LOOKUPS_MAX, CREDENTIALS_CACHED_MAX } from "./http-limits.ts";

const KEY = "phk_live_0123456789abcdefghij";
const CREDENTIAL: Credential = {
  id: "key_1",
  environmentId: "env_1",
  hash: "",
  kind: "api_key",
  prefix: null,
  name: null,
  scopes: null,
  appId: null,
  sessionId: null,
  featureFlags: [],
  expiresAt: null,
  createdAt: 0,
};

/** A table of keys and a count of how often it was asked. */
function setup(): {
  keys: Credentials;
  known: Set<string>;
  /** What is stored of every key. */
  stored: { -readonly [Name in keyof Credential]: Credential[Name] };
  asked: () => number;
  runtime: ReturnType<typeof fakeRuntime>;
} {
  const known = new Set([KEY]);
  const stored = { ...CREDENTIAL };
  const runtime = fakeRuntime();
  let count = 0;
  const store = {
    async find(keyHash: string) {
      count++;
      const found = [...known].some((key) => hash("sha256", key, "hex") === keyHash);
      await Promise.resolve();
      return found ? { ...stored, hash: keyHash } : null;
    },
  };
  const environments = { find: () => Promise.resolve(null) };
  return {
    keys: new Credentials({ credentials: store, environments }, { clock: runtime.clock }),
    known,
    stored,
    asked: () => count,
    runtime,
  };
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
    await runtime.advance(CREDENTIAL_CACHE_MS);
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
    for (let count = 0; count < CREDENTIALS_CACHED_MAX; count++) {
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

  it("stops at its end, also while it is kept", async () => {
    const { keys, stored, runtime } = setup();
    stored.expiresAt = runtime.clock.now() + 1_000;
    await keys.callerOf(`Bearer ${KEY}`);
    await runtime.advance(999);
    expect(keys.callerOf(`Bearer ${KEY}`)).toMatchObject({ id: "key_1" });
    await runtime.advance(1);
    await expect(keys.callerOf(`Bearer ${KEY}`)).rejects.toMatchObject({ code: "authentication_failed" });
  });

  it("that is ended here stops at once, also when it was just being looked up", async () => {
    const { keys, known } = setup();
    const asking = keys.callerOf(`Bearer ${KEY}`);
    known.clear();
    keys.forgetAll();
    await asking;
    await expect(keys.callerOf(`Bearer ${KEY}`)).rejects.toMatchObject({ code: "authentication_failed" });
  });

  it("with scopes may do those and nothing that is not known", async () => {
    const { keys, stored } = setup();
    stored.scopes = ["read:message", "write:everything"];
    const caller = await keys.callerOf(`Bearer ${KEY}`);
    expect([...caller.permissions]).toEqual(["read:message"]);
  });

  it("that is a one-time token is no credential", async () => {
    const { keys, stored } = setup();
    stored.kind = "one_time";
    await expect(keys.callerOf(`Bearer ${KEY}`)).rejects.toMatchObject({ code: "authentication_failed" });
  });

  it("that is guessed is looked up so many at a time, and the known ones get through", async () => {
    const { keys, runtime } = setup();
    await keys.callerOf(`Bearer ${KEY}`);
    await runtime.advance(CREDENTIAL_CACHE_MS);
    const guesses = Array.from({ length: CREDENTIAL_LOOKUPS_MAX }, async (_, guess) =>
      keys.callerOf(`Bearer phk_live_${String(guess).padStart(20, "0")}`),
    );
    const more = `Bearer phk_live_${"9".repeat(20)}`;
    expect(() => keys.callerOf(more)).toThrow(expect.objectContaining({ code: "too_many_requests" }));
    expect(await keys.callerOf(`Bearer ${KEY}`)).toMatchObject({ id: "key_1" });
    const ended = await Promise.allSettled(guesses);
    expect(ended.every(({ status }) => status === "rejected")).toBe(true);
    await expect(keys.callerOf(more)).rejects.toMatchObject({ code: "authentication_failed" });
  });
});

const OPERATOR_KEY = `phop_${"k".repeat(32)}`;

function withOperator(operatorKey: string | null): Credentials {
  const nothing = { find: () => Promise.resolve(null) };
  return new Credentials(
    { credentials: nothing, environments: nothing },
    { clock: fakeRuntime().clock, operatorKey },
  );
}

describe("the operator's key", () => {
  it("is known without a question, and nothing that is like it", () => {
    const keys = withOperator(OPERATOR_KEY);
    expect(keys.callerOf(`Bearer ${OPERATOR_KEY}`)).toBe(OPERATOR);
    for (const other of [
      `${OPERATOR_KEY}k`,
      OPERATOR_KEY.slice(0, -1),
      OPERATOR_KEY.toUpperCase(),
      "phop_",
      "",
    ]) {
      expect(() => keys.callerOf(`Bearer ${other}`)).toThrow("Bearer");
    }
  });

  it("is nothing where none was given", () => {
    expect(() => withOperator(null).callerOf(`Bearer ${OPERATOR_KEY}`)).toThrow("Bearer");
  });
});
