import type { DatabaseSync } from "node:sqlite";
import type { LaneKey } from "../../port.ts";
import { DUE_COLUMNS, type DueRow } from "../rows/due.ts";
import { query } from "../values.ts";

export type DueLaneRow = readonly [appId: string, endpointId: string, nextAttemptAt: number];

/** Due at once is stored as due since ever; people are told since when the message has been there. */
const SHOWN_TIME = "max(next_attempt_at, (SELECT created_at FROM message WHERE app_id = ?1 AND id = ?2))";
/** Sorts before every lane. */
const FIRST: LaneKey = { appId: "", endpointId: "" };

/** Reads of the deliveries that are still owed. */
export function laneReads(db: DatabaseSync) {
  // A loose scan: each step seeks behind the last entry that the lane before could have, and so to the first
  // of the next lane, however many deliveries a lane has.
  const nextLane = query<DueLaneRow>(
    db,
    `SELECT app_id, endpoint_id, next_attempt_at FROM due INDEXED BY due_waiting
     WHERE leased_by IS NULL AND next_attempt_at IS NOT NULL AND (app_id, endpoint_id, next_attempt_at) > (?, ?, ${Number.MAX_SAFE_INTEGER})
     ORDER BY app_id, endpoint_id, next_attempt_at LIMIT 1`,
  );
  const nextPausedLane = query<[appId: string, endpointId: string]>(
    db,
    `SELECT app_id, endpoint_id FROM due INDEXED BY due_paused
     WHERE leased_by IS NULL AND next_attempt_at IS NULL AND (app_id, endpoint_id, message_id) > (?, ?, '~')
     ORDER BY app_id, endpoint_id, message_id LIMIT 1`,
  );
  const listDue = query<DueRow>(
    db,
    `SELECT ${DUE_COLUMNS.replace("next_attempt_at", SHOWN_TIME)} FROM due
     WHERE app_id = ?1 AND message_id = ?2
       AND endpoint_id IN (SELECT id FROM endpoint WHERE app_id = ?1 AND deleted = 0)
     ORDER BY endpoint_id`,
  );
  return {
    findDueLanes({ after, limit }: { after: LaneKey | null; limit: number }): DueLaneRow[] {
      const lanes: DueLaneRow[] = [];
      let { appId, endpointId } = after ?? FIRST;
      while (lanes.length < limit) {
        const row = nextLane.get(appId, endpointId);
        if (row === undefined) break;
        lanes.push(row);
        [appId, endpointId] = row;
      }
      return lanes;
    },
    findPausedLanes({ after, limit }: { after: LaneKey | null; limit: number }): LaneKey[] {
      const lanes: LaneKey[] = [];
      let key: LaneKey = after ?? FIRST;
      while (lanes.length < limit) {
        const row = nextPausedLane.get(key.appId, key.endpointId);
        if (row === undefined) break;
        key = { appId: row[0], endpointId: row[1] };
        lanes.push(key);
      }
      return lanes;
    },
    listDue: ({ appId, messageId }: { appId: string; messageId: string }) => listDue.all(appId, messageId),
  };
}
