import { FIFO_WINDOW } from "../../../domain/limits.ts";
import type { ClaimedDelivery, ClaimRequest } from "../../port.ts";
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

type PickedRow = [appId: string, endpointId: string, order: number, messageId: string, tid: string];

/**
 * Locks what is due, lane by lane in their order: at most `lane.max` of each and $7 in all.
 *
 * Safe: a row that another claim is taking is passed over, and one that was taken since this statement began is
 * looked at again by PostgreSQL and found taken. The node's own row is held first: a node that was declared dead
 * claims nothing, and one that is being declared dead is waited for, or waits.
 *
 * A FIFO lane gives its oldest deliveries up to the first that is not due, and none while any is being sent. Its
 * endpoint was locked by a statement before this one, so that what the last claim took is seen here.
 */
const pick = statement<PickedRow>(
  "claim.pick",
  `WITH alive AS MATERIALIZED (SELECT id FROM node WHERE id = $1 AND NOT dead FOR KEY SHARE)
   SELECT found.app_id, found.endpoint_id, found.ord, found.message_id, found.ctid::text
   FROM alive
   CROSS JOIN unnest($3::text[], $4::text[], $5::integer[], $6::boolean[])
     WITH ORDINALITY AS lane (app_id, endpoint_id, max, fifo, n)
   CROSS JOIN LATERAL (
     SELECT row_number() OVER (ORDER BY w.next_attempt_at, w.message_id) AS place, w.app_id, w.endpoint_id,
       w.ord, w.message_id, w.ctid
     FROM (
       SELECT d.app_id, d.endpoint_id, d.ord, d.message_id, d.next_attempt_at, d.ctid FROM due AS d
       WHERE NOT lane.fifo AND d.app_id = lane.app_id AND d.endpoint_id = lane.endpoint_id
         AND d.leased_by IS NULL AND d.next_attempt_at IS NOT NULL AND d.next_attempt_at <= $2
       ORDER BY d.app_id, d.endpoint_id, d.next_attempt_at, d.message_id
       LIMIT lane.max FOR UPDATE SKIP LOCKED) AS w
     UNION ALL
     SELECT f.place, f.app_id, f.endpoint_id, f.ord, f.message_id, f.ctid
     FROM (
       SELECT row_number() OVER oldest AS place, bool_and(w.ready) OVER oldest AS all_ready,
         bool_or(w.held) OVER () AS any_held, w.*
       FROM (
         SELECT d.app_id, d.endpoint_id, d.ord, d.message_id, d.ctid, d.leased_by IS NOT NULL AS held,
           d.leased_by IS NULL AND d.next_attempt_at IS NOT NULL AND d.next_attempt_at <= $2 AS ready
         FROM due AS d
         WHERE lane.fifo AND d.app_id = lane.app_id AND d.endpoint_id = lane.endpoint_id
         ORDER BY d.app_id, d.endpoint_id, d.ord, d.message_id LIMIT ${FIFO_WINDOW}) AS w
       WINDOW oldest AS (ORDER BY w.ord, w.message_id)) AS f
     WHERE f.all_ready AND NOT f.any_held AND f.place <= lane.max) AS found
   ORDER BY lane.n, found.place LIMIT $7`,
);

/**
 * What was picked of FIFO lanes: a resend or an operator may be at it, and so move it to another place. The others are
 * locked already.
 */
const lockPicked = statement<PickedRow>(
  "claim.lock_picked",
  `SELECT d.app_id, d.endpoint_id, d.ord, d.message_id, d.ctid::text
   FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[])
     WITH ORDINALITY AS p (app_id, endpoint_id, ord, message_id, n)
   JOIN due AS d ON d.app_id = p.app_id AND d.endpoint_id = p.endpoint_id AND d.ord = p.ord
     AND d.message_id = p.message_id
   ORDER BY p.n FOR UPDATE OF d`,
);

type ClaimedRow = [total: number, ...due: DueRow, eventType: string | null, payload: string | null];

/**
 * Leases what was picked, as much as fits into $6 bytes of payload (one at least), and hands it out.
 *
 * A statement of its own: the rows are locked by now, so none is looked at a second time here. PostgreSQL 18.4 crashes
 * when that happens in a statement that reads a partitioned table. And the range of ids is known: the partitions from $7
 * to $8 are the only ones that are opened.
 *
 * A locked row stays in its place, and is found by that: an index gets deeper as the table grows. Everything else, as
 * that it is due and nobody's, which of FIFO lanes is not certain, is asked so that no index knows it: while the table is
 * small PostgreSQL would plan to look through the whole lane for each row, and go on when it is large.
 */
const lease = statement<ClaimedRow>(
  "claim.lease",
  `WITH wanted AS MATERIALIZED (
     SELECT p.*, m.event_type, m.payload, row_number() OVER in_order AS total,
       sum(coalesce(octet_length(m.payload), 0)) OVER in_order AS bytes
     FROM unnest($3::text[], $4::text[], $5::text[]) WITH ORDINALITY AS p (app_id, message_id, tid, n)
     LEFT JOIN message AS m ON m.app_id = p.app_id AND m.id = p.message_id AND m.id >= $7 AND m.id <= $8
     WINDOW in_order AS (ORDER BY p.n ROWS UNBOUNDED PRECEDING))
   UPDATE due AS d SET leased_by = $1
   FROM wanted AS w
   WHERE d.ctid = w.tid::tid AND coalesce(d.app_id, '') = w.app_id
     AND coalesce(d.leased_by, '') = '' AND coalesce(d.next_attempt_at <= $2, FALSE)
     AND (w.bytes <= $6 OR w.total = 1)
   RETURNING w.total, d.app_id, d.endpoint_id, d.ord, d.message_id, d.attempts, d.manual, d.once, w.event_type,
     w.payload`,
);

export async function claimDue(dispatch: ConnectionPool, request: ClaimRequest): Promise<ClaimedDelivery[]> {
  const claimed = await dispatch.transaction((connection) => claimRows(connection, request));
  return claimed.toSorted(([a], [b]) => a - b).map(toClaimedDelivery);
}

async function claimRows(connection: Connection, request: ClaimRequest): Promise<ClaimedRow[]> {
  const { leaseId, now, limit, bytesMax } = request;
  const lanes = await lanesOfOurs(connection, request.lanes);
  if (lanes.length === 0) return [];
  const { rows: picked } = await connection.query(pick, [
    leaseId,
    now,
    textArray(lanes.map(({ appId }) => appId)),
    textArray(lanes.map(({ endpointId }) => endpointId)),
    intArray(lanes.map((lane) => lane.limit)),
    booleanArray(lanes.map(({ fifo }) => fifo)),
    limit,
  ]);
  if (picked.length === 0) return [];
  const locked = lanes.some(({ fifo }) => fifo) ? await lockAgain(connection, picked) : picked;
  if (locked.length === 0) return [];
  const ids = locked.map(([, , , messageId]) => messageId).toSorted();
  const { rows } = await connection.query(lease, [
    leaseId,
    now,
    textArray(locked.map(([appId]) => appId)),
    textArray(locked.map(([, , , messageId]) => messageId)),
    textArray(locked.map(([, , , , tid]) => tid)),
    bytesMax,
    ids[0] ?? "",
    ids.at(-1) ?? "",
  ]);
  return rows;
}

async function lockAgain(
  connection: Connection,
  picked: readonly PickedRow[],
): Promise<readonly PickedRow[]> {
  const { rows } = await connection.query(lockPicked, [
    textArray(picked.map(([appId]) => appId)),
    textArray(picked.map(([, endpointId]) => endpointId)),
    bigintArray(picked.map(([, , order]) => order)),
    textArray(picked.map(([, , , messageId]) => messageId)),
  ]);
  return rows;
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
