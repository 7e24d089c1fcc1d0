import type { DatabaseSync } from "node:sqlite";
import { query } from "./values.ts";

/**
 * Whether a message is still owed to an endpoint that can get it. `messageId` is its column or parameter; ?1 is
 * the application, ?3 the endpoints (JSON) that are owed anything that old. A paused delivery of a disabled
 * endpoint does not count: retention ends it.
 */
export const OWED = (messageId: string): string => `EXISTS (
  SELECT 1 FROM json_each(?3) AS lane
  CROSS JOIN due ON due.app_id = ?1 AND due.endpoint_id = lane.value AND due.message_id = ${messageId}
  WHERE NOT (due.leased_by IS NULL AND due.next_attempt_at IS NULL AND EXISTS (
    SELECT 1 FROM endpoint
    WHERE endpoint.app_id = due.app_id AND endpoint.id = due.endpoint_id
      AND endpoint.disabled = 1 AND endpoint.deleted = 0)))`;

/** The endpoints of an application that are owed a message older than an id: one seek for each lane. */
export function lanesOwedBefore(db: DatabaseSync): (appId: string, messageId: string) => string[] {
  const nextLane = query<[endpointId: string, oldest: string]>(
    db,
    `SELECT endpoint_id, message_id FROM due WHERE app_id = ? AND endpoint_id > ?
     ORDER BY endpoint_id, message_id LIMIT 1`,
  );
  return (appId, messageId) => {
    const lanes: string[] = [];
    let last = "";
    for (;;) {
      const row = nextLane.get(appId, last);
      if (row === undefined) return lanes;
      const [endpointId, oldest] = row;
      if (oldest < messageId) lanes.push(endpointId);
      last = endpointId;
    }
  };
}
