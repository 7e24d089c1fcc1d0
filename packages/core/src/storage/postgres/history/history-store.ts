import type { HistoryStore } from "../../port.ts";
import type { Database } from "../database.ts";
import type { PartitionKeeper } from "../partitions.ts";
import { findAttempt, listAttempts } from "./attempts.ts";
import { dropDays } from "./drop-days.ts";
import { findMessage, listMessages } from "./messages.ts";
import { cancelOrphans } from "./orphans.ts";
import { Pruner } from "./prune.ts";

export function historyStore(
  { lists, dispatch }: Database,
  { partitions }: { partitions: Pick<PartitionKeeper, "ensureFor"> },
): HistoryStore {
  const pruner = new Pruner(dispatch);
  return {
    findMessage: (query) => findMessage(lists, query),
    listMessages: (query) => listMessages(lists, query),
    findAttempt: (query) => findAttempt(lists, query),
    listAttempts: (query) => listAttempts(lists, query),
    prune: (request) => pruner.prune(request),
    dropDays: (request) => dropDays(dispatch, request),
    cancelOrphans: (request) => cancelOrphans({ pool: dispatch, partitions }, request),
  };
}
