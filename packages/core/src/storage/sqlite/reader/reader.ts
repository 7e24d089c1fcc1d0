import type { WorkerFiles } from "../files.ts";
import { openConnection, pragma } from "../connection.ts";
import { attemptReads } from "./attempts.ts";
import { controlPlaneReads } from "./control-plane.ts";
import { laneReads } from "./lanes.ts";
import { messageReads } from "./messages.ts";
import { pollingReads } from "./polling.ts";
import { overviewReads } from "./overview.ts";
import { prunableReads } from "./prunable.ts";
import { searchReads } from "./search.ts";
import { taskReads } from "./tasks.ts";

const CACHE_KIB = 8_192;

/** What the reading thread answers. Its connection cannot write. */
export function createReader(files: WorkerFiles) {
  const db = openConnection({ path: files.database, readOnly: true, cacheKib: CACHE_KIB });
  return {
    ...controlPlaneReads(db),
    ...laneReads(db),
    ...messageReads(db),
    ...attemptReads(db),
    ...pollingReads(db),
    ...overviewReads(db),
    ...prunableReads(db),
    ...searchReads(db),
    ...taskReads(db),
    databaseBytes: () => Number(pragma(db, "page_count")) * Number(pragma(db, "page_size")),
    close: () => db.close(),
  };
}

export type Reader = ReturnType<typeof createReader>;
