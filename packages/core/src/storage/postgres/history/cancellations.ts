import { NO_DETAIL } from "../../../domain/attempt.ts";
import { deliveryStateCodeOf, statusCodeOf } from "../../codes.ts";
import { CANCELED, type CancellationStore } from "../../port-cancellation.ts";
import { textArray } from "../arrays.ts";
import type { Database } from "../database.ts";
import type { PartitionKeeper } from "../partitions.ts";
import { ATTEMPT_COLUMNS } from "../rows/attempt.ts";
import { statement } from "../statement.ts";

const DETAIL = JSON.stringify(NO_DETAIL);

/** Of one endpoint, in the order of the key, held. */
const OWED = (order: string): string => `SELECT app_id, endpoint_id, ord, message_id FROM due
     WHERE app_id = $1 AND endpoint_id = $2 AND ${order} AND message_id >= $3 AND message_id <= $4
     ORDER BY ord, message_id LIMIT $5 FOR UPDATE`;

/**
 * Ends deliveries and records them, in one statement: each ends with its record or not at all. A row that a claim or a
 * settle is changing is waited for, in the order of the key as by every batch, and looked at again. Apart, what has no
 * order is found by its key: one message in a long lane costs no more than in a short one.
 */
const cancel = statement(
  "due.cancel",
  `WITH unordered AS MATERIALIZED (${OWED("ord = 0")}),
   ordered AS MATERIALIZED (${OWED("ord > 0")}),
   owed AS (TABLE unordered UNION ALL TABLE ordered LIMIT $5),
   ended AS (
     DELETE FROM due USING owed
     WHERE due.app_id = $1 AND due.endpoint_id = $2 AND due.ord = owed.ord AND due.message_id = owed.message_id
     RETURNING due.app_id, due.endpoint_id, due.message_id, due.manual),
   placed AS (SELECT *, row_number() OVER (ORDER BY message_id) AS place FROM ended)
   INSERT INTO attempt (${ATTEMPT_COLUMNS})
   SELECT app_id, endpoint_id, message_id, ($6::text[])[place], $7, $8, ${statusCodeOf("canceled")}, manual, 0,
     '${CANCELED.errorClass}', 0, ${deliveryStateCodeOf("canceled")}, NULL, '${DETAIL}', '${CANCELED.sentence}', NULL
   FROM placed`,
);

export function cancellationStore(
  { dispatch }: Pick<Database, "dispatch">,
  { partitions }: { partitions: Pick<PartitionKeeper, "ensureFor"> },
): CancellationStore {
  return {
    async cancelOwed({ appId, endpointId, url, from, through, now, attemptIds }) {
      await partitions.ensureFor({ message: [], attempt: attemptIds });
      const range = [appId, endpointId, from, through, attemptIds.length];
      return (await dispatch.query(cancel, [...range, textArray(attemptIds), url, now])).count;
    },
  };
}
