import { COLLISION_RETRIES_MAX } from "../../../domain/limits.ts";
import { type DeliveryStore, type LaneKey, StoreUnavailable } from "../../port.ts";
import { writeOnce } from "../control-plane/answers.ts";
import type { Connection, ConnectionPool } from "../database.ts";
import { statement } from "../statement.ts";

type ReleaseRequest = Parameters<DeliveryStore["releaseLeases"]>[0];
type Released = Awaited<ReturnType<DeliveryStore["releaseLeases"]>>;
type ResendRequest = Parameters<DeliveryStore["resend"]>[0];
type Resent = Awaited<ReturnType<DeliveryStore["resend"]>>;

type ReleasedRow = [
  released: number,
  looked: number,
  appId: string | null,
  endpointId: string | null,
  order: number | null,
  messageId: string | null,
];

/**
 * A page is so many rows of the table, held or not: no page reads more than that. A row that its holder is
 * settling right now is waited for, in the order of the key, and looked at again.
 */
const release = (name: string, isLeft: string) =>
  statement<ReleasedRow>(
    name,
    `WITH page AS MATERIALIZED (
       SELECT d.app_id, d.endpoint_id, d.ord, d.message_id, d.leased_by FROM due AS d
       WHERE (d.app_id, d.endpoint_id, d.ord, d.message_id) > ($3, $4, $5::bigint, $6)
       ORDER BY d.app_id, d.endpoint_id, d.ord, d.message_id LIMIT $7),
     released AS (
       UPDATE due AS d SET leased_by = NULL, next_attempt_at = $2
       FROM page AS p
       WHERE d.app_id = p.app_id AND d.endpoint_id = p.endpoint_id AND d.ord = p.ord
         AND d.message_id = p.message_id AND d.leased_by = p.leased_by AND ${isLeft}
       RETURNING d.app_id),
     ending AS (
       SELECT app_id, endpoint_id, ord, message_id FROM page
       ORDER BY app_id DESC, endpoint_id DESC, ord DESC, message_id DESC LIMIT 1)
     SELECT (SELECT count(*) FROM released)::integer, (SELECT count(*) FROM page)::integer,
       ending.app_id, ending.endpoint_id, ending.ord, ending.message_id
     FROM (SELECT 1) AS one LEFT JOIN ending ON TRUE`,
  );

const releaseHeld = release("due.release_held", "p.leased_by = $1");
const releaseOthers = release(
  "due.release_others",
  `p.leased_by <> $1
         AND NOT EXISTS (SELECT 1 FROM node AS n WHERE n.id = p.leased_by AND NOT n.dead)`,
);

export async function releaseLeases(dispatch: ConnectionPool, request: ReleaseRequest): Promise<Released> {
  const { heldBy, notHeldBy, now, after, limit } = request;
  const asked = heldBy === undefined ? releaseOthers : releaseHeld;
  const { appId, endpointId, messageId, order = 0 } = after ?? { appId: "", endpointId: "", messageId: "" };
  const values = [heldBy ?? notHeldBy ?? "", now, appId, endpointId, order, messageId, limit];
  const [row] = (await dispatch.query(asked, values)).rows;
  if (row === undefined) throw new Error("a page of leases has no answer");
  const [released, looked, ...last] = row;
  const [app, endpoint, lastOrder, message] = last;
  const isEnd = looked < limit || app === null || endpoint === null || lastOrder === null || message === null;
  const cursor = isEnd ? null : { appId: app, endpointId: endpoint, messageId: message, order: lastOrder };
  return { released, cursor };
}

const findForResend = statement<[order: number, leasedBy: string | null]>(
  "due.find_for_resend",
  `SELECT d.ord, d.leased_by FROM due AS d
   WHERE d.app_id = $1 AND d.endpoint_id = $2 AND d.ord = 0 AND d.message_id = $3
   FOR NO KEY UPDATE`,
);
const findFifoForResend = statement<[order: number, leasedBy: string | null]>(
  "due.find_fifo_for_resend",
  `SELECT d.ord, d.leased_by FROM due AS d
   WHERE d.app_id = $1 AND d.message_id = $3 AND d.endpoint_id = $2 AND d.ord <> 0
   FOR NO KEY UPDATE`,
);
/** The row is locked by this transaction. */
const hurry = statement(
  "due.hurry",
  `UPDATE due SET next_attempt_at = $5, manual = TRUE
   WHERE app_id = $1 AND endpoint_id = $2 AND ord = $3::bigint AND message_id = $4 AND leased_by IS NULL`,
);
/** Retention removes no message that is held, nor the day that it lies in: once it is owed again, it stays. */
const holdMessage = statement<[one: number]>(
  "message.hold",
  "SELECT 1 FROM message WHERE app_id = $1 AND id = $2 FOR KEY SHARE",
);
/** In front of what a FIFO endpoint is owed. Of two people who ask at the same moment one makes it. */
const oweOnce = statement(
  "due.owe_once",
  `INSERT INTO due (app_id, endpoint_id, ord, message_id, attempts, next_attempt_at, leased_by, manual, once)
   VALUES ($1, $2, 0, $3, 0, $4, NULL, TRUE, TRUE)
   ON CONFLICT DO NOTHING`,
);

/** One transaction, with its answer where it has one: of two nodes that answer the same request one does it. */
export function resend(dispatch: ConnectionPool, request: ResendRequest): Promise<Resent> {
  return writeOnce<Resent>(dispatch, {
    answer: request.idempotency,
    work: (connection) => resendOnce(connection, request),
    wrote: () => true,
  });
}

async function resendOnce(connection: Connection, request: ResendRequest): Promise<Resent> {
  const { appId, endpointId, messageId, now } = request;
  const key = [appId, endpointId, messageId];
  // A row may come and go between the look and the insert; not this often in a row.
  for (let tries = 0; tries < COLLISION_RETRIES_MAX; tries++) {
    const found = await Promise.all([
      connection.query(findForResend, key),
      connection.query(findFifoForResend, key),
    ]);
    const [due] = found.flatMap(({ rows }) => rows);
    if (due === undefined) {
      const { rows: held } = await connection.query(holdMessage, [appId, messageId]);
      if (held.length === 0) throw new StoreUnavailable("The message has been removed meanwhile.");
      const { count } = await connection.query(oweOnce, [...key, now]);
      if (count > 0) return "created";
      continue;
    }
    const [order, leasedBy] = due;
    if (leasedBy !== null) return "sending";
    await connection.query(hurry, [appId, endpointId, order, messageId, now]);
    return "hurried";
  }
  throw new StoreUnavailable("The delivery is being changed all the time.");
}

/**
 * Only of an enabled endpoint: one that was disabled again meanwhile keeps what it is owed paused. Of two nodes
 * that resume the same endpoint each takes what the other has not locked.
 */
const resume = statement(
  "due.resume",
  `WITH paused AS MATERIALIZED (
     SELECT p.app_id, p.endpoint_id, p.ord, p.message_id FROM due AS p
     WHERE p.app_id = $1 AND p.endpoint_id = $2 AND p.leased_by IS NULL AND p.next_attempt_at IS NULL
       AND EXISTS (SELECT 1 FROM endpoint AS e
         WHERE e.app_id = $1 AND e.id = $2 AND NOT e.deleted AND NOT e.disabled)
     ORDER BY p.app_id, p.endpoint_id, p.ord, p.message_id LIMIT $4
     FOR UPDATE SKIP LOCKED)
   UPDATE due AS d SET next_attempt_at = $3 FROM paused
   WHERE d.app_id = $1 AND d.endpoint_id = $2 AND d.ord = paused.ord AND d.message_id = paused.message_id`,
);

export async function resumePaused(
  dispatch: ConnectionPool,
  { appId, endpointId, now, limit }: LaneKey & { now: number; limit: number },
): Promise<number> {
  return (await dispatch.query(resume, [appId, endpointId, now, limit])).count;
}
