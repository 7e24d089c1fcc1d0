import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storeConformance } from "../testing/conformance.ts";
import type { StoreHandle } from "../testing/scene.ts";
import { openSqliteStore } from "./open.ts";

const RESERVE_BYTES = 65_536;

storeConformance("SQLite", async (): Promise<StoreHandle> => {
  const directory = await mkdtemp(join(tmpdir(), "posthaste-store-"));
  const store = await openSqliteStore({ directory, reserveBytes: RESERVE_BYTES });
  return {
    store,
    async dispose() {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
});
