import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventTypes } from "@posthaste/catalog";
import { systemRuntime } from "@posthaste/core/runtime/system-runtime";
import { openSqliteStore } from "@posthaste/core/storage/sqlite/open";
import type { Store } from "@posthaste/core/storage/port";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hashToken } from "./auth.ts";
import { ConfigError } from "./config.ts";
import { prepareEnvironments } from "./first-start.ts";
import { environmentWithCatalog } from "./new-environment.ts";

const runtime = systemRuntime({ debug() {}, info() {}, warn() {}, error() {} });
let directory = "";
let store: Store;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "posthaste-first-start-"));
  store = await openSqliteStore({
    directory,
    onFatal: (error) => {
      throw error;
    },
  });
});
afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

const prepare = (apiKey: string | null = null): ReturnType<typeof prepareEnvironments> =>
  prepareEnvironments({ store, runtime, retentionDays: 30, apiKey });

test("the first start makes both environments with the whole catalog and a key for each", async () => {
  const keys = await prepare();
  expect(keys.map(({ environment }) => environment)).toEqual(["live", "sandbox"]);
  const environments = await store.environments.list();
  expect(environments.map(({ name, retentionDays }) => [name, retentionDays])).toEqual([
    ["live", 30],
    ["sandbox", 30],
  ]);
  for (const { id: environmentId } of environments) {
    const page = { limit: 100, after: null, order: "ascending" as const };
    const listed = await store.eventTypes.list({ environmentId, page, includeArchived: true });
    expect(listed.map(({ name }) => name).toSorted()).toEqual(eventTypes.map(({ name }) => name).toSorted());
    expect(listed.every(({ schemas }) => JSON.stringify(schemas).includes('"examples":['))).toBe(true);
  }
});

test("keys have the documented form, differ, and only their hash is stored", async () => {
  const [live, sandbox] = await prepare();
  expect(live?.key).toMatch(/^phk_live_[0-9A-Za-z]{20,}$/);
  expect(sandbox?.key).toMatch(/^phk_sandbox_[0-9A-Za-z]{20,}$/);
  expect(live?.key.slice(9)).not.toBe(sandbox?.key.slice(12));
  const stored = await store.credentials.find(hashToken(live?.key ?? ""));
  expect(stored).not.toBeNull();
  expect(JSON.stringify(stored)).not.toContain(live?.key);
});

test("a later start makes nothing anew, and keeps what people changed", async () => {
  await prepare();
  const before = await store.environments.list();
  expect(await prepare()).toEqual([]);
  expect(await store.environments.list()).toEqual(before);
});

test("a key given by the operator is added to its environment, also later, and not shown again", async () => {
  const key = `phk_live_${"k".repeat(32)}`;
  expect((await prepare(key)).map(({ environment }) => environment)).toEqual(["sandbox"]);
  const second = `phk_live_${"m".repeat(32)}`;
  expect(await prepare(second)).toEqual([]);
  expect(await prepare(second)).toEqual([]);
  const [live] = await store.environments.list();
  for (const one of [key, second]) {
    expect(await store.credentials.find(hashToken(one))).toMatchObject({ environmentId: live?.id });
  }
});

test("a key of an environment that does not exist is refused", async () => {
  await expect(prepare(`phk_staging_${"k".repeat(32)}`)).rejects.toThrow(ConfigError);
});

test("what was renamed or deleted is not made again, and a key can be given by the new name", async () => {
  await prepare();
  const [live] = await store.environments.list();
  const renamed = { ...live!, name: "Prod EU-1", updatedAt: live!.updatedAt + 1 };
  await store.environments.update(renamed, { basedOn: live! });
  expect(await prepare()).toEqual([]);
  expect((await store.environments.list()).map(({ name }) => name)).toEqual(["Prod EU-1", "sandbox"]);
  const key = `phk_prodeu1_${"k".repeat(32)}`;
  expect(await prepare(key)).toEqual([]);
  expect(await store.credentials.find(hashToken(key))).toMatchObject({ environmentId: live?.id });
  await expect(prepare(`phk_live_${"k".repeat(32)}`)).rejects.toThrow("phk_prodeu1_…, phk_sandbox_…");
});

test("a key that is stored goes on working when its environment gets another name", async () => {
  const key = `phk_live_${"k".repeat(32)}`;
  await prepare(key);
  const [live] = await store.environments.list();
  const renamed = { ...live!, name: "Production", updatedAt: live!.updatedAt + 1 };
  await store.environments.update(renamed, { basedOn: live! });
  expect(await prepare(key)).toEqual([]);
  expect(await store.credentials.find(hashToken(key))).toMatchObject({ environmentId: live?.id });
});

test("a first start that was cut short before there was a key is done again", async () => {
  const { environment, eventTypes: types } = environmentWithCatalog(
    { name: "live", type: "production", retentionDays: 30 },
    runtime,
  );
  await store.environments.ensure(environment, types);
  expect((await prepare()).map((made) => made.environment)).toEqual(["live", "sandbox"]);
});

test("of several first starts at once one makes the keys", async () => {
  const starts = await Promise.all(Array.from({ length: 4 }, () => prepare()));
  expect(
    starts
      .flat()
      .map(({ environment }) => environment)
      .toSorted(),
  ).toEqual(["live", "sandbox"]);
  for (const { id: environmentId } of await store.environments.list()) {
    const page = { limit: 10, after: null, order: "ascending" as const };
    expect(await store.credentials.listApiKeys({ environmentId, page })).toHaveLength(1);
  }
});
