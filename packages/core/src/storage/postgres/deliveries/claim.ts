import { ID_PREFIX } from "../../../domain/ids.ts";
import { ksuidFloor } from "../../../domain/ksuid.ts";
import { CLAIM_RECENT_MS, FIFO_WINDOW } from "../../../domain/limits.ts";
import { type ClaimedDelivery, type ClaimRequest, CommitInDoubt } from "../../port.ts";
import { bigintArray, booleanArray, intArray, textArray } from "../arrays.ts";
import type { Connection, ConnectionPool } from "../database.ts";
import { statement } from "../statement.ts";
import { type DueRow, toDueDelivery } from "./rows.ts";

type Lane = ClaimRequest["lanes"][number];

/**
 * Of several nodes that want the same FIFO endpoint one gets it, until its transaction ends; the others pass on.
 * An endpoint that was deleted is not locked: maintenance ends what it was owed.
 */
const lockFifoEndpoints = statement<[appId: string, endpointId: string]>(
  "claim.lock_fifo",
  `SELECT e.app_id, e.id
   FROM unnest($1::text[], $2::text[]) AS l (app_id, endpoint_id)
   JOIN endpoint AS e ON e.app_id = l.app_id AND e.id = l.endpoint_id
   WHERE NOT e.deleted
   FOR NO KEY UPDATE OF e SKIP LOCKED`,
);

type ClaimedRow = [
  total: number,
  ...due: DueRow,
  eventType: string | null,
  payload: string | null,
  payloadBytes: number,
];

const COLUMNS = "d.app_id, d.endpoint_id, d.ord, d.message_id, d.attempts, d.manual, d.once";

/**
 * Leases what is due, lane by lane: at most `lane.max` of each, $7 in all, and as many as fit into $8 bytes of
 * payload (one at least).
 *
 * Safe: a row is locked before it is leased, one that another claim is taking is passed over, and one that was
 * taken since this statement began is looked at again by PostgreSQL and found taken. The node's own row is held
 * first: a node that was declared dead claims nothing, and one that is being declared dead is waited for, or waits.
 *
 * A FIFO lane gives its oldest deliveries up to the first that is not due, and none while any is being sent. Its
 * endpoint was locked by a statement before this one, so that what the last claim took is seen here.
 *
 * Messages are looked for from $9 on: PostgreSQL then opens the partitions of a few days, not those of all.
 */
const claim = statement<ClaimedRow>(
  "claim.lease",
  `WITH alive AS MATERIALIZED (SELECT id FROM node WHERE id = $1 AND NOT dead FOR KEY SHARE),
   due_rows AS MATERIALIZED (
     SELECT lane.n AS lane, found.*
     FROM alive
     CROSS JOIN unnest($3::text[], $4::text[], $5::integer[], $6::boolean[])
       WITH ORDINALITY AS lane (app_id, endpoint_id, max, fifo, n)
     CROSS JOIN LATERAL (
       SELECT row_number() OVER (ORDER BY w.next_attempt_at, w.message_id) AS place, w.* FROM (
         SELECT ${COLUMNS}, d.next_attempt_at FROM due AS d
         WHERE NOT lane.fifo AND d.app_id = lane.app_id AND d.endpoint_id = lane.endpoint_id
           AND d.leased_by IS NULL AND d.next_attempt_at IS NOT NULL AND d.next_attempt_at <= $2
         ORDER BY d.app_id, d.endpoint_id, d.next_attempt_at, d.message_id
         LIMIT lane.max FOR UPDATE SKIP LOCKED) AS w
       UNION ALL
       SELECT f.place, f.app_id, f.endpoint_id, f.ord, f.message_id, f.attempts, f.manual, f.once,
         f.next_attempt_at
       FROM (
         SELECT row_number() OVER oldest AS place, bool_and(w.ready) OVER oldest AS all_ready,
           bool_or(w.held) OVER () AS any_held, w.*
         FROM (
           SELECT ${COLUMNS}, d.next_attempt_at, d.leased_by IS NOT NULL AS held,
             d.leased_by IS NULL AND d.next_attempt_at IS NOT NULL AND d.next_attempt_at <= $2 AS ready
           FROM due AS d
           WHERE lane.fifo AND d.app_id = lane.app_id AND d.endpoint_id = lane.endpoint_id
           ORDER BY d.app_id, d.endpoint_id, d.ord, d.message_id LIMIT ${FIFO_WINDOW}) AS w
         WINDOW oldest AS (ORDER BY w.ord, w.message_id)) AS f
       WHERE f.all_ready AND NOT f.any_held AND f.place <= lane.max) AS found),
   wanted AS MATERIALIZED (
     SELECT d.*, m.event_type, m.payload, row_number() OVER in_order AS total,
       sum(coalesce(octet_length(m.payload), 0)) OVER in_order AS bytes
     FROM due_rows AS d
     LEFT JOIN message AS m ON m.app_id = d.app_id AND m.id = d.message_id AND m.id >= $9
     WINDOW in_order AS (ORDER BY d.lane, d.place ROWS UNBOUNDED PRECEDING))
   UPDATE due AS d SET leased_by = $1
   FROM wanted AS w
   WHERE d.app_id = w.app_id AND d.endpoint_id = w.endpoint_id AND d.ord = w.ord AND d.message_id = w.message_id
     AND d.leased_by IS NULL AND d.next_attempt_at IS NOT NULL AND d.next_attempt_at <= $2
     AND w.total <= $7 AND (w.bytes <= $8 OR w.total = 1)
   RETURNING w.total, ${COLUMNS}, w.event_type, w.payload, coalesce(octet_length(w.payload), 0)`,
);

export async function claimDue(dispatch: ConnectionPool, request: ClaimRequest): Promise<ClaimedDelivery[]> {
  let claimed: ClaimedRow[] = [];
  try {
    await dispatch.transaction(async (connection) => {
      claimed = await claimRows(connection, request);
    });
  } catch (error) {
    // If they are leased after all, nobody but us knows of them: sending them is the safe thing to do.
    if (!(error instanceof CommitInDoubt)) throw error;
  }
  return claimed.map(toClaimedDelivery);
}

async function claimRows(connection: Connection, request: ClaimRequest): Promise<ClaimedRow[]> {
  const lanes = await lanesOfOurs(connection, request.lanes);
  if (lanes.length === 0) return [];
  const recent = ksuidFloor(ID_PREFIX.message, request.now - CLAIM_RECENT_MS);
  const { rows } = await connection.query(claim, [
    request.leaseId,
    request.now,
    textArray(lanes.map(({ appId }) => appId)),
    textArray(lanes.map(({ endpointId }) => endpointId)),
    intArray(lanes.map(({ limit }) => limit)),
    booleanArray(lanes.map(({ fifo }) => fifo)),
    request.limit,
    request.bytesMax,
    recent,
  ]);
  const claimed = rows.toSorted(([a], [b]) => a - b);
  const hasOld = claimed.some(([, , , , messageId]) => messageId < recent);
  return hasOld ? addOldMessages(connection, claimed, { ...request, recent }) : claimed;
}

const findOldMessages = statement<[place: number, eventType: string, payload: string | null, bytes: number]>(
  "claim.find_old_messages",
  `SELECT c.place, m.event_type, m.payload, coalesce(octet_length(m.payload), 0)
   FROM unnest($1::integer[], $2::text[], $3::text[]) AS c (place, app_id, id)
   CROSS JOIN LATERAL (
     SELECT * FROM message
     WHERE message.app_id = c.app_id AND message.id = c.id AND message.id >= $4 AND message.id <= $5 LIMIT 1) AS m`,
);

/** This transaction has leased them. They are due as they were before. */
const giveBack = statement(
  "claim.give_back",
  `UPDATE due SET leased_by = NULL
   FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS c (app_id, endpoint_id, ord, message_id)
   WHERE due.app_id = c.app_id AND due.endpoint_id = c.endpoint_id AND due.ord = c.ord
     AND due.message_id = c.message_id AND due.leased_by = $5`,
);

/** Adds what old messages hold; what does not fit any more with their payloads is given back. */
async function addOldMessages(
  connection: Connection,
  claimed: readonly ClaimedRow[],
  { leaseId, recent, bytesMax }: { leaseId: string; recent: string; bytesMax: number },
): Promise<ClaimedRow[]> {
  const old = claimed.filter(([, , , , messageId]) => messageId < recent);
  const ids = old.map(([, , , , messageId]) => messageId).toSorted();
  const { rows } = await connection.query(findOldMessages, [
    intArray(old.map(([total]) => total)),
    textArray(old.map(([, appId]) => appId)),
    textArray(old.map(([, , , , messageId]) => messageId)),
    ids[0] ?? "",
    ids.at(-1) ?? "",
  ]);
  const found = new Map(rows.map((row) => [row[0], row]));
  const complete = claimed.map((row): ClaimedRow => {
    const [total, appId, endpointId, order, messageId, attempts, manual, once] = row;
    const message = found.get(total);
    if (message === undefined) return row;
    const [, eventType, payload, bytes] = message;
    return [total, appId, endpointId, order, messageId, attempts, manual, once, eventType, payload, bytes];
  });
  let bytes = 0;
  const tooMuch = complete.findIndex((row, index) => (bytes += row[10]) > bytesMax && index > 0);
  if (tooMuch === -1) return complete;
  const back = complete.slice(tooMuch);
  await connection.query(giveBack, [
    textArray(back.map(([, appId]) => appId)),
    textArray(back.map(([, , endpointId]) => endpointId)),
    bigintArray(back.map(([, , , order]) => order)),
    textArray(back.map(([, , , , messageId]) => messageId)),
    leaseId,
  ]);
  return complete.slice(0, tooMuch);
}

/** Without the FIFO lanes that another node is claiming from right now. */
async function lanesOfOurs(connection: Connection, lanes: readonly Lane[]): Promise<readonly Lane[]> {
  const fifo = lanes.filter((lane) => lane.fifo);
  if (fifo.length === 0) return lanes;
  const { rows } = await connection.query(lockFifoEndpoints, [
    textArray(fifo.map(({ appId }) => appId)),
    textArray(fifo.map(({ endpointId }) => endpointId)),
  ]);
  const locked = new Set(rows.map(([appId, endpointId]) => `${appId}/${endpointId}`));
  return lanes.filter((lane) => !lane.fifo || locked.has(`${lane.appId}/${lane.endpointId}`));
}

/** A message that is gone is handed out without a payload, and so ends as canceled. */
function toClaimedDelivery(row: ClaimedRow): ClaimedDelivery {
  const [, appId, endpointId, order, messageId, attempts, manual, once, eventType, payload] = row;
  const delivery = toDueDelivery([appId, endpointId, order, messageId, attempts, manual, once]);
  return { delivery, eventType: eventType ?? "", payload };
}
