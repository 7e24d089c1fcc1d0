import type { OverviewStore } from "../../port-overview.ts";
import type { Threads } from "./deliveries.ts";

export function overviewStore({ reader }: Pick<Threads, "reader">): OverviewStore {
  return {
    listStandings: (query) => reader.call("listStandings", query),
    countOwed: (query) => reader.call("countOwed", query),
    countAttempts: (query) => reader.call("countAttempts", query),
    countAttemptsByType: (query) => reader.call("countAttemptsByType", query),
    countApplications: (query) => reader.call("countApplications", query),
    countEndpoints: (query) => reader.call("countEndpoints", query),
  };
}
