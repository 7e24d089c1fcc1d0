import { NO_DETAIL } from "../../../domain/attempt.ts";
import { deliveryStateCodeOf, statusCodeOf } from "../../codes.ts";
import { textArray } from "../arrays.ts";
import type { ConnectionPool } from "../database.ts";
import type { PartitionKeeper } from "../partitions.ts";
import { ATTEMPT_COLUMNS } from "../rows/attempt.ts";
import { statement } from "../statement.ts";

/**
 * How long a deleted endpoint is watched after nothing is owed to it: messages that were being accepted when
 * it was deleted may still add to it, and leased deliveries come back when their attempt ends.
 */
const WATCH_MS = 3_600_000;
const ERROR_CLASS = "endpoint_deleted";
const EXPLANATION = "Not sent: the endpoint was deleted.";
const DETAIL = JSON.stringify(NO_DETAIL);

/** Few endpoints: they leave the partial index once they are drained. */
const stamp = statement(
  "orphan.stamp",
  `WITH met AS (
     SELECT app_id, id FROM endpoint WHERE deleted AND NOT drained AND deleted_at IS NULL
     FOR NO KEY UPDATE SKIP LOCKED)
   UPDATE endpoint SET deleted_at = $1 FROM met WHERE endpoint.app_id = met.app_id AND endpoint.id = met.id`,
);
/**
 * Ends deliveries and records them as canceled, in one statement: each delivery ends with its record or not at
 * all. What another node is ending at the same moment is passed over.
 */
const cancel = statement(
  "orphan.cancel",
  `WITH owed AS (
     SELECT due.app_id, due.endpoint_id, due.ord, due.message_id, endpoint.url
     FROM (SELECT app_id, id, url FROM endpoint WHERE deleted AND NOT drained ORDER BY app_id, id) AS endpoint
     CROSS JOIN LATERAL (
       SELECT app_id, endpoint_id, ord, message_id FROM due
       WHERE app_id = endpoint.app_id AND endpoint_id = endpoint.id AND leased_by IS NULL
       ORDER BY ord, message_id LIMIT $1 FOR UPDATE SKIP LOCKED) AS due
     LIMIT $1),
   ended AS (
     DELETE FROM due USING owed
     WHERE due.app_id = owed.app_id AND due.endpoint_id = owed.endpoint_id AND due.ord = owed.ord
       AND due.message_id = owed.message_id
     RETURNING due.app_id, due.endpoint_id, due.message_id, due.manual, owed.url),
   placed AS (SELECT *, row_number() OVER (ORDER BY app_id, endpoint_id, message_id) AS place FROM ended)
   INSERT INTO attempt (${ATTEMPT_COLUMNS})
   SELECT app_id, endpoint_id, message_id, ($2::text[])[place], url, $3, ${statusCodeOf("canceled")}, manual, 0,
     '${ERROR_CLASS}', 0, ${deliveryStateCodeOf("canceled")}, NULL, '${DETAIL}', '${EXPLANATION}', NULL
   FROM placed`,
);
const drain = statement(
  "orphan.drain",
  `WITH idle AS (
     SELECT app_id, id FROM endpoint WHERE deleted AND NOT drained AND deleted_at <= $1
       AND (SELECT TRUE FROM due WHERE due.app_id = endpoint.app_id AND due.endpoint_id = endpoint.id LIMIT 1)
         IS NULL
     FOR NO KEY UPDATE SKIP LOCKED)
   UPDATE endpoint SET drained = TRUE FROM idle WHERE endpoint.app_id = idle.app_id AND endpoint.id = idle.id`,
);

export async function cancelOrphans(
  { pool, partitions }: { pool: ConnectionPool; partitions: Pick<PartitionKeeper, "ensureFor"> },
  { now, attemptIds }: { now: number; attemptIds: readonly string[] },
): Promise<number> {
  await partitions.ensureFor({ message: [], attempt: attemptIds });
  const { count } = await pool.query(cancel, [attemptIds.length, textArray(attemptIds), now]);
  await pool.query(stamp, [now]);
  await pool.query(drain, [now - WATCH_MS]);
  return count;
}
