import pg from "pg";
import { commitContained } from "../../contain.ts";
import { type CommitBatch, type CommitResult, type DeliveryStore, StoreUnavailable } from "../../port.ts";
import type { Database } from "../database.ts";
import type { PartitionKeeper } from "../partitions.ts";
import { claimDue } from "./claim.ts";
import { commitBatch } from "./commit.ts";
import { DoubtfulLeases } from "./doubtful-leases.ts";
import { findDueLanes, findPausedLanes, listDue } from "./lanes.ts";
import { releaseLeases, resend, resumePaused } from "./leases.ts";

export function deliveryStore(
  { ingest, dispatch, lists }: Database,
  { partitions, onProblem }: { partitions: PartitionKeeper; onProblem: (error: Error) => void },
): DeliveryStore {
  const doubtful = new DoubtfulLeases();
  const commit = async (batch: CommitBatch): Promise<CommitResult> => {
    try {
      return await commitBatch({ ingest, partitions, doubtful }, batch);
    } catch (error) {
      doubtful.add(error, batch);
      throw error;
    }
  };
  return {
    commitsInParallel: true,
    commit: (batch) => commitContained(batch, { commit, isBug, onProblem }),
    async findDueLanes(query) {
      await doubtful.free(dispatch);
      return findDueLanes(dispatch, query);
    },
    claimDue: (request) => claimDue(dispatch, request),
    releaseLeases: (request) => releaseLeases(dispatch, request),
    resend: (request) => resend(dispatch, request),
    findPausedLanes: (query) => findPausedLanes(dispatch, query),
    resumePaused: (request) => resumePaused(dispatch, request),
    listDue: (query) => listDue(lists, query),
  };
}

/** The server refused a statement or its values, or they could not even be sent: this batch, not the database. */
const isBug = (error: unknown): error is Error =>
  (error instanceof pg.DatabaseError || error instanceof TypeError || error instanceof RangeError) &&
  !(error instanceof StoreUnavailable);
