import type { Store } from "../../storage/port.ts";
import { modelCluster } from "./cluster.ts";
import { modelApplications, modelEndpoints, modelEnvironments, modelEventTypes } from "./control-plane.ts";
import { modelCredentials } from "./credentials.ts";
import { modelDataKeys } from "./data-keys.ts";
import { modelContents } from "./contents.ts";
import { modelDeliveries } from "./deliveries.ts";
import { modelHistory } from "./history.ts";
import { modelPolling } from "./polling.ts";
import { modelOverview } from "./overview.ts";
import { cancelOwed } from "./retention.ts";
import { modelSearch } from "./search.ts";
import type { ModelState } from "./state.ts";
import { modelTasks } from "./tasks.ts";
import { carried, type SyncStore } from "./sync.ts";

/**
 * A store in memory that means what the real ones mean: it passes the same suites. It answers at once; how long
 * an answer takes, and whether it comes, is up to whoever carries the calls.
 */
export function modelStore(state: ModelState): SyncStore {
  return {
    deliveries: modelDeliveries(state),
    environments: modelEnvironments(state),
    credentials: modelCredentials(state),
    applications: modelApplications(state),
    endpoints: modelEndpoints(state),
    eventTypes: modelEventTypes(state),
    history: modelHistory(state),
    polling: modelPolling(state),
    dataKeys: modelDataKeys(state),
    overview: modelOverview(state),
    search: modelSearch(state),
    contents: modelContents(state),
    cancellations: { cancelOwed: (request) => cancelOwed(state, request) },
    tasks: modelTasks(state),
    cluster: state.clustered ? modelCluster(state) : null,
    whole: {
      health: () => ({ ok: true }),
      stats: () => ({ databaseBytes: 1, walBytes: 0, dueDeliveries: dueDeliveries(state) }),
      close: () => void (state.closed = true),
    },
  };
}

/** The model store as any other: each call is answered in its turn, in the order of the calls. */
export function openModelStore(state: ModelState): Store {
  return carried(modelStore(state), async (name, run) => {
    await Promise.resolve();
    if (state.closed && name !== "store.close") throw new Error("the store is closed");
    return run();
  });
}

function dueDeliveries(state: ModelState): number {
  let count = 0;
  for (const { rows } of state.lanes.values()) count += rows.size;
  return count;
}
