import { ID_PREFIX } from "../../../domain/ids.ts";
import { ksuidFloor, ksuidTime } from "../../../domain/ksuid.ts";
import { NODE_CLOCKS_APART_MAX_MS } from "../../../domain/limits.ts";
import { bigintArray, textArray } from "../arrays.ts";
import type { Connection, ConnectionPool } from "../database.ts";
import { statement } from "../statement.ts";

const lockMessages = statement<[id: string, eventId: string | null]>(
  "prune.lock_messages",
  `SELECT id, event_id FROM message WHERE app_id = $1 AND id = ANY($2) AND id >= $3 AND id <= $4
   ORDER BY id FOR UPDATE SKIP LOCKED`,
);
/**
 * What is owed of the messages from $2 to $3, and whether it ends with its message: paused, of an endpoint that
 * is disabled. One seek finds the next lane of the application, one the messages of a lane; those of FIFO endpoints
 * have an index of their own.
 */
const findOwed = statement<[endpointId: string, order: number, messageId: string, ends: boolean]>(
  "prune.find_owed",
  `WITH RECURSIVE lane AS (
     (SELECT endpoint_id FROM due WHERE app_id = $1 ORDER BY endpoint_id LIMIT 1)
     UNION ALL
     SELECT (SELECT due.endpoint_id FROM due WHERE due.app_id = $1 AND due.endpoint_id > lane.endpoint_id
             ORDER BY due.endpoint_id LIMIT 1)
     FROM lane WHERE lane.endpoint_id IS NOT NULL)
   SELECT owed.endpoint_id, owed.ord, owed.message_id,
     owed.paused AND COALESCE((SELECT disabled AND NOT deleted FROM endpoint
       WHERE app_id = $1 AND id = owed.endpoint_id), FALSE)
   FROM (
     SELECT plain.* FROM lane CROSS JOIN LATERAL (
       SELECT endpoint_id, ord, message_id, leased_by IS NULL AND next_attempt_at IS NULL AS paused FROM due
       WHERE app_id = $1 AND endpoint_id = lane.endpoint_id AND ord = 0 AND message_id >= $2 AND message_id <= $3
       OFFSET 0) AS plain
     UNION ALL
     SELECT endpoint_id, ord, message_id, leased_by IS NULL AND next_attempt_at IS NULL FROM due
     WHERE app_id = $1 AND ord <> 0 AND message_id >= $2 AND message_id <= $3) AS owed
   ORDER BY 1, 2, 3`,
);
const endPaused = statement(
  "prune.end_paused",
  `DELETE FROM due USING unnest($2::text[], $3::bigint[], $4::text[]) AS ended (endpoint_id, ord, message_id)
   WHERE due.app_id = $1 AND due.endpoint_id = ended.endpoint_id AND due.ord = ended.ord
     AND due.message_id = ended.message_id AND due.leased_by IS NULL AND due.next_attempt_at IS NULL`,
);
/** Message by message: for all at once the planner would take the index by endpoint, and read all of them. */
const findAttempts = statement<[endpointId: string, id: string]>(
  "prune.find_attempts",
  `SELECT made.endpoint_id, made.id FROM unnest($2::text[]) AS message (id) CROSS JOIN LATERAL (
     SELECT endpoint_id, id FROM attempt
     WHERE app_id = $1 AND message_id = message.id AND attempt.id >= $3 AND attempt.id < $4 OFFSET 0) AS made`,
);
/** An id is that of one attempt; the other lists make either index find it without looking further. */
const deleteAttempts = statement(
  "prune.delete_attempts",
  `DELETE FROM attempt
   WHERE app_id = $1 AND endpoint_id = ANY($2) AND message_id = ANY($3) AND id = ANY($4)
     AND id >= $5 AND id <= $6`,
);
const deleteMessages = statement(
  "prune.delete_messages",
  "DELETE FROM message WHERE app_id = $1 AND id = ANY($2) AND id >= $3 AND id <= $4",
);
const freeEvents = statement(
  "prune.free_events",
  "DELETE FROM message_event WHERE app_id = $1 AND event_id = ANY($2) AND message_id = ANY($3)",
);

/**
 * Removes those of an application's messages (in the order of their ids, without gaps) that are not owed to
 * anybody who can get them, with their attempts, their event ids and what disabled endpoints are owed of them.
 *
 * A message that another transaction holds (it is being removed, or resent) is left alone. One that is held here
 * can no longer become owed anew: that needs its row, too. What it is owed already is read after that. The
 * paused deliveries have to be paused still when they are ended; if one has been resumed meanwhile, nothing is
 * written, and the next call looks again.
 */
export async function removeMessages(
  pool: ConnectionPool,
  { appId, ids, now }: { appId: string; ids: readonly string[]; now: number },
): Promise<number> {
  const [first = "", last = ""] = [ids.at(0), ids.at(-1)];
  const resumed = new Error("a paused delivery was resumed");
  try {
    return await pool.transaction(async (connection) => {
      const held = (await connection.query(lockMessages, [appId, textArray(ids), first, last])).rows;
      if (held.length === 0) return 0;
      const { rows: due } = await connection.query(findOwed, [appId, first, last]);
      const owed = new Set(due.flatMap(([, , messageId, ends]) => (ends ? [] : [messageId])));
      const free = held.filter(([id]) => !owed.has(id));
      const gone = new Set(free.map(([id]) => id));
      if (gone.size === 0) return 0;
      const ended = due.filter(([, , messageId]) => gone.has(messageId));
      if (!(await endAll(connection, appId, ended))) throw resumed;
      return deleteWithAttempts(connection, { appId, messages: free, now });
    });
  } catch (error) {
    if (error === resumed) return 0;
    throw error;
  }
}

async function endAll(
  connection: Connection,
  appId: string,
  ended: readonly (readonly [endpointId: string, order: number, messageId: string, ends: boolean])[],
): Promise<boolean> {
  if (ended.length === 0) return true;
  const { count } = await connection.query(endPaused, [
    appId,
    textArray(ended.map(([endpointId]) => endpointId)),
    bigintArray(ended.map(([, order]) => order)),
    textArray(ended.map(([, , messageId]) => messageId)),
  ]);
  return count === ended.length;
}

/** Part of a transaction that holds the messages, in the order of their ids. */
export async function deleteWithAttempts(
  connection: Connection,
  {
    appId,
    messages,
    now,
  }: { appId: string; messages: readonly (readonly [id: string, eventId: string | null])[]; now: number },
): Promise<number> {
  const ids = messages.map(([id]) => id);
  const eventIds = messages.flatMap(([, eventId]) => (eventId === null ? [] : [eventId]));
  const [, { count }] = await Promise.all([
    deleteAttemptsOf(connection, { appId, ids, now }),
    connection.query(deleteMessages, [appId, textArray(ids), ids.at(0) ?? "", ids.at(-1) ?? ""]),
    eventIds.length === 0 ? null : connection.query(freeEvents, [appId, textArray(eventIds), textArray(ids)]),
  ]);
  return count;
}

/** They lie in the days from their messages' to today's. */
async function deleteAttemptsOf(
  connection: Connection,
  { appId, ids, now }: { appId: string; ids: readonly string[]; now: number },
): Promise<void> {
  const madeAt = ksuidTime(ID_PREFIX.message, ids.at(0) ?? "");
  const from = madeAt === null ? "" : ksuidFloor(ID_PREFIX.attempt, madeAt - NODE_CLOCKS_APART_MAX_MS);
  const until = ksuidFloor(ID_PREFIX.attempt, now + NODE_CLOCKS_APART_MAX_MS);
  const { rows } = await connection.query(findAttempts, [appId, textArray(ids), from, until]);
  const attempts = rows.map(([, id]) => id).toSorted();
  const [first, last] = [attempts.at(0), attempts.at(-1)];
  if (first === undefined || last === undefined) return;
  const endpoints = [...new Set(rows.map(([endpointId]) => endpointId))];
  const lists = [endpoints, ids, attempts].map(textArray);
  await connection.query(deleteAttempts, [appId, ...lists, first, last]);
}
