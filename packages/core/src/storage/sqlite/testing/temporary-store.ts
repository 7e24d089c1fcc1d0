import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Store } from "../../port.ts";
import { openSqliteStore, type SqliteStoreOptions } from "../open.ts";

/** Enough for tests, and quick to write. */
export const RESERVE_BYTES = 65_536;

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "posthaste-store-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Opens a store that is closed when the test ends, if it has not been by then. */
export async function openForTest(
  directory: string,
  options: Partial<SqliteStoreOptions> = {},
): Promise<Store> {
  const store = await openSqliteStore({ directory, reserveBytes: RESERVE_BYTES, ...options });
  onTestFinished(() => store.close());
  return store;
}
