import type { DueLane, DueRecord, LaneKey } from "../../port.ts";
import type { ConnectionPool } from "../database.ts";
import { statement } from "../statement.ts";
import { type DueRow, toDueDelivery } from "./rows.ts";

/** Sorts before every lane. */
const FIRST: LaneKey = { appId: "", endpointId: "" };

/**
 * A loose scan: each step seeks behind the last entry that the lane before could have, and so to the first of the
 * next lane, however many deliveries a lane has.
 */
const nextDueLane = (behind: string): string =>
  `SELECT d.app_id, d.endpoint_id, d.next_attempt_at FROM due AS d
   WHERE d.leased_by IS NULL AND d.next_attempt_at IS NOT NULL AND (d.app_id, d.endpoint_id) > (${behind})
   ORDER BY d.app_id, d.endpoint_id, d.next_attempt_at LIMIT 1`;

const findDue = statement<[appId: string, endpointId: string, nextAttemptAt: number]>(
  "due.find_lanes",
  `WITH RECURSIVE lane AS (
     SELECT first.*, 1 AS n FROM (${nextDueLane("$1, $2")}) AS first
     UNION ALL
     SELECT next.*, lane.n + 1
     FROM lane CROSS JOIN LATERAL (${nextDueLane("lane.app_id, lane.endpoint_id")}) AS next
     WHERE lane.n < $3)
   SELECT app_id, endpoint_id, next_attempt_at FROM lane ORDER BY n LIMIT $3`,
);

const nextPausedLane = (behind: string): string =>
  `SELECT d.app_id, d.endpoint_id FROM due AS d
   WHERE d.leased_by IS NULL AND d.next_attempt_at IS NULL AND (d.app_id, d.endpoint_id) > (${behind})
   ORDER BY d.app_id, d.endpoint_id LIMIT 1`;

const findPaused = statement<[appId: string, endpointId: string]>(
  "due.find_paused_lanes",
  `WITH RECURSIVE lane AS (
     SELECT first.*, 1 AS n FROM (${nextPausedLane("$1, $2")}) AS first
     UNION ALL
     SELECT next.*, lane.n + 1
     FROM lane CROSS JOIN LATERAL (${nextPausedLane("lane.app_id, lane.endpoint_id")}) AS next
     WHERE lane.n < $3)
   SELECT app_id, endpoint_id FROM lane ORDER BY n LIMIT $3`,
);

type DueRecordRow = [...due: DueRow, nextAttemptAt: number | null, leased: boolean];

/**
 * One lookup for each endpoint, by the table's key, and one for those that are FIFO. Due at once is stored as due
 * since ever; people are told since when the message has been there.
 */
const list = statement<DueRecordRow>(
  "due.list",
  `SELECT d.app_id, d.endpoint_id, d.ord, d.message_id, d.attempts, d.manual, d.once,
     CASE WHEN d.next_attempt_at IS NOT NULL THEN greatest(d.next_attempt_at,
       (SELECT m.created_at FROM message AS m WHERE m.app_id = $1 AND m.id = $2)) END,
     d.leased_by IS NOT NULL
   FROM endpoint AS e
   CROSS JOIN LATERAL (
     SELECT * FROM due WHERE due.app_id = $1 AND due.endpoint_id = e.id AND due.ord = 0 AND due.message_id = $2
     LIMIT 1) AS d
   WHERE e.app_id = $1 AND NOT e.deleted
   UNION ALL
   SELECT d.app_id, d.endpoint_id, d.ord, d.message_id, d.attempts, d.manual, d.once,
     CASE WHEN d.next_attempt_at IS NOT NULL THEN greatest(d.next_attempt_at,
       (SELECT m.created_at FROM message AS m WHERE m.app_id = $1 AND m.id = $2)) END,
     d.leased_by IS NOT NULL
   FROM due AS d
   JOIN endpoint AS e ON e.app_id = $1 AND e.id = d.endpoint_id AND NOT e.deleted
   WHERE d.app_id = $1 AND d.message_id = $2 AND d.ord <> 0
   ORDER BY 2`,
);

/** Reads of what is owed; each is one statement, so one moment. */
export async function findDueLanes(
  dispatch: ConnectionPool,
  { after, limit }: { after: LaneKey | null; limit: number },
): Promise<DueLane[]> {
  const { appId, endpointId } = after ?? FIRST;
  const { rows } = await dispatch.query(findDue, [appId, endpointId, limit]);
  return rows.map(([app, endpoint, nextAttemptAt]) => ({ appId: app, endpointId: endpoint, nextAttemptAt }));
}

export async function findPausedLanes(
  dispatch: ConnectionPool,
  { after, limit }: { after: LaneKey | null; limit: number },
): Promise<LaneKey[]> {
  const { appId, endpointId } = after ?? FIRST;
  const { rows } = await dispatch.query(findPaused, [appId, endpointId, limit]);
  return rows.map(([app, endpoint]) => ({ appId: app, endpointId: endpoint }));
}

export async function listDue(
  lists: ConnectionPool,
  { appId, messageId }: { appId: string; messageId: string },
): Promise<DueRecord[]> {
  const { rows } = await lists.query(list, [appId, messageId]);
  return rows.map((row) => {
    const [app, endpoint, order, message, attempts, manual, once, nextAttemptAt, leased] = row;
    const state = leased ? "sending" : nextAttemptAt === null ? "paused" : "pending";
    const delivery = toDueDelivery([app, endpoint, order, message, attempts, manual, once]);
    return { ...delivery, state, nextAttemptAt };
  });
}
