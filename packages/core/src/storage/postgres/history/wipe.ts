import { ID_PREFIX } from "../../../domain/ids.ts";
import { ksuidFloor, ksuidTime } from "../../../domain/ksuid.ts";
import { NODE_CLOCKS_APART_MAX_MS } from "../../../domain/limits.ts";
import { nextWipeLook, wipeVerdict } from "../../../domain/payload-wipe.ts";
import { deliveryStateOf } from "../../codes.ts";
import type { SettledDelivery } from "../../port.ts";
import type { ContentStore } from "../../port-contents.ts";
import { bigintArray, textArray } from "../arrays.ts";
import type { Connection, ConnectionPool } from "../database.ts";
import { DUE_AT_ONCE } from "../deliveries/accept.ts";
import { statement } from "../statement.ts";

const NOTED = "unnest($1::text[], $2::text[]) AS noted (app_id, id)";

const note = statement(
  "wipe.note",
  `INSERT INTO wipe (environment_id, message_id, app_id, look_at)
   SELECT environment_id, message_id, app_id, ${DUE_AT_ONCE}
   FROM unnest($1::text[], $2::text[], $3::text[]) AS s (environment_id, message_id, app_id)
   ORDER BY environment_id, message_id
   ON CONFLICT (environment_id, message_id) DO UPDATE SET look_at = excluded.look_at`,
);
const take = statement<[appId: string, messageId: string]>(
  "wipe.take",
  `SELECT app_id, message_id FROM wipe WHERE environment_id = $1 AND look_at <= $2
   ORDER BY look_at LIMIT $3 FOR UPDATE SKIP LOCKED`,
);
/**
 * Held, no message becomes owed anew: that needs its row, too. One that somebody else holds is passed over, so that
 * nothing is waited for while commits may wait for what was taken.
 */
const hold = statement<[id: string, createdAt: number, hasPayload: boolean]>(
  "wipe.hold_messages",
  `SELECT m.id, m.created_at, m.payload IS NOT NULL FROM ${NOTED}
   JOIN message AS m ON m.app_id = noted.app_id AND m.id = noted.id AND m.id >= $3 AND m.id <= $4
   ORDER BY m.app_id, m.id FOR UPDATE OF m SKIP LOCKED`,
);
const findStored = statement<[id: string, createdAt: number]>(
  "wipe.find_stored",
  `SELECT m.id, m.created_at FROM ${NOTED}
   JOIN message AS m ON m.app_id = noted.app_id AND m.id = noted.id AND m.id >= $3 AND m.id <= $4`,
);
/** One seek finds the next lane of an application, one a message in it; those of FIFO endpoints have an index. */
const findOwed = statement<[id: string]>(
  "wipe.find_owed",
  `WITH RECURSIVE lane AS (
     SELECT app.app_id, (SELECT due.endpoint_id FROM due WHERE due.app_id = app.app_id
       ORDER BY due.endpoint_id LIMIT 1) AS endpoint_id
     FROM (SELECT DISTINCT noted.app_id FROM ${NOTED}) AS app
     UNION ALL
     SELECT lane.app_id, (SELECT due.endpoint_id FROM due WHERE due.app_id = lane.app_id
       AND due.endpoint_id > lane.endpoint_id ORDER BY due.endpoint_id LIMIT 1)
     FROM lane WHERE lane.endpoint_id IS NOT NULL)
   SELECT noted.id FROM ${NOTED} WHERE (
       SELECT TRUE FROM lane CROSS JOIN LATERAL (
         SELECT FROM due WHERE due.app_id = noted.app_id AND due.endpoint_id = lane.endpoint_id AND due.ord = 0
           AND due.message_id = noted.id OFFSET 0) AS owed
       WHERE lane.app_id = noted.app_id LIMIT 1)
     OR (SELECT TRUE FROM due WHERE due.app_id = noted.app_id AND due.message_id = noted.id AND due.ord <> 0 LIMIT 1)`,
);
/**
 * How the last attempt at each endpoint left its delivery. Message by message: for all at once, or in the order that is
 * asked for, the planner would take the index by endpoint, and read all of them.
 */
const listLast = statement<[id: string, deliveryState: number]>(
  "wipe.list_last",
  `SELECT DISTINCT ON (noted.id, made.endpoint_id) noted.id, made.delivery_state FROM ${NOTED} CROSS JOIN LATERAL (
     SELECT attempt.endpoint_id, attempt.id, attempt.delivery_state FROM attempt
     WHERE attempt.app_id = noted.app_id AND attempt.message_id = noted.id AND attempt.id >= $3 OFFSET 0) AS made
   ORDER BY noted.id, made.endpoint_id, made.id DESC`,
);
/** A polling endpoint without consumers never says what was read. */
const findPolled = statement<[id: string]>(
  "wipe.find_polled",
  `SELECT noted.id FROM ${NOTED} WHERE (
     SELECT TRUE FROM polling_entry AS e JOIN polling_endpoint AS p ON p.app_id = e.app_id
     WHERE e.app_id = noted.app_id AND e.message_id = noted.id AND (
       NOT EXISTS (SELECT FROM polling_consumer AS c WHERE c.app_id = p.app_id AND c.endpoint_id = p.id)
       OR EXISTS (SELECT FROM polling_consumer AS c WHERE c.app_id = p.app_id AND c.endpoint_id = p.id
         AND (e.position IS NULL OR c.position < e.position))) LIMIT 1)`,
);
const clear = statement(
  "wipe.clear",
  `UPDATE message SET payload = NULL FROM ${NOTED}
   WHERE message.app_id = noted.app_id AND message.id = noted.id AND message.id >= $3 AND message.id <= $4`,
);
const lookLater = statement(
  "wipe.look_later",
  `UPDATE wipe SET look_at = s.look_at FROM unnest($2::text[], $3::bigint[]) AS s (message_id, look_at)
   WHERE wipe.environment_id = $1 AND wipe.message_id = s.message_id`,
);
const forget = statement(
  "wipe.forget",
  "DELETE FROM wipe WHERE environment_id = $1 AND message_id = ANY($2)",
);
const forgetSome = statement(
  "wipe.forget_some",
  `DELETE FROM wipe WHERE environment_id = $1 AND message_id = ANY (ARRAY(
     SELECT message_id FROM wipe WHERE environment_id = $1 LIMIT $2 FOR UPDATE SKIP LOCKED))`,
);

/** Part of a commit, behind everything else that it locks: in the order of the key, each once. */
export async function noteWipes(connection: Connection, settled: readonly SettledDelivery[]): Promise<void> {
  const noted = new Map<string, SettledDelivery>();
  for (const each of settled) if (each.wipeIn !== undefined) noted.set(each.delivery.messageId, each);
  if (noted.size === 0) return;
  const rows = [...noted.values()];
  await connection.query(note, [
    textArray(rows.map(({ wipeIn = "" }) => wipeIn)),
    textArray(rows.map(({ delivery }) => delivery.messageId)),
    textArray(rows.map(({ delivery }) => delivery.appId)),
  ]);
}

interface Noted {
  readonly appId: string;
  readonly id: string;
}

export function wipePayloads(
  pool: ConnectionPool,
  { environmentId, now, limit }: Parameters<ContentStore["wipe"]>[0],
): Promise<{ looked: number; wiped: number }> {
  return pool.transaction(async (connection) => {
    const { rows } = await connection.query(take, [environmentId, now, limit]);
    if (rows.length === 0) return { looked: 0, wiped: 0 };
    const noted = rows.map(([appId, id]): Noted => ({ appId, id }));
    const { gone, wiped, later } = await judge(connection, { noted, now });
    await connection.query(clear, [...keysOf(wiped), ...boundsOf(wiped)]);
    await connection.query(forget, [environmentId, textArray([...gone, ...wiped].map(({ id }) => id))]);
    await connection.query(lookLater, [
      environmentId,
      textArray(later.map(({ id }) => id)),
      bigintArray(later.map(({ createdAt }) => nextWipeLook({ createdAt, now }))),
    ]);
    return { looked: rows.length, wiped: wiped.length };
  });
}

export async function forgetWipes(
  pool: ConnectionPool,
  { environmentId, limit }: Parameters<ContentStore["forgetWipes"]>[0],
): Promise<number> {
  return (await pool.query(forgetSome, [environmentId, limit])).count;
}

interface Judged {
  readonly gone: Noted[];
  readonly wiped: Noted[];
  readonly later: { readonly id: string; readonly createdAt: number }[];
}

/** What is read of the messages is read after they are held. */
async function judge(
  connection: Connection,
  { noted, now }: { noted: readonly Noted[]; now: number },
): Promise<Judged> {
  const keys = keysOf(noted);
  const bounds = boundsOf(noted);
  const held = new Map(
    (await connection.query(hold, [...keys, ...bounds])).rows.map(([id, ...rest]) => [id, rest] as const),
  );
  const [stored, owed, last, polled] = await Promise.all([
    connection.query(findStored, [...keys, ...bounds]),
    connection.query(findOwed, keys),
    connection.query(listLast, [...keys, firstAttempt(bounds[0])]),
    connection.query(findPolled, keys),
  ]);
  const [createdAt, isOwed, isPolled] = [
    new Map(stored.rows),
    new Set(owed.rows.map(([id]) => id)),
    new Set(polled.rows.map(([id]) => id)),
  ] as const;
  const statesOf = Map.groupBy(last.rows, ([id]) => id);
  const judged: Judged = { gone: [], wiped: [], later: [] };
  for (const each of noted) {
    const { id } = each;
    const [, hasPayload = false] = held.get(id) ?? [];
    const verdict = wipeVerdict({
      hasPayload,
      isOwed: isOwed.has(id),
      isPolled: isPolled.has(id),
      lastStates: (statesOf.get(id) ?? []).map(([, state]) => deliveryStateOf(state)),
    });
    // Somebody else holds it: it is being resent, or removed.
    const isBusy = createdAt.has(id) && !held.has(id);
    if (isBusy || verdict === "later") judged.later.push({ id, createdAt: createdAt.get(id) ?? now });
    else judged[verdict === "now" ? "wiped" : "gone"].push(each);
  }
  return judged;
}

/** In the order of the key. */
function keysOf(noted: readonly Noted[]): [appIds: Buffer, ids: Buffer] {
  return [textArray(noted.map(({ appId }) => appId)), textArray(noted.map(({ id }) => id))];
}

/** They say which days to look into. */
function boundsOf(noted: readonly Noted[]): [first: string, last: string] {
  const ids = noted.map(({ id }) => id).toSorted();
  return [ids.at(0) ?? "", ids.at(-1) ?? ""];
}

function firstAttempt(messageId: string): string {
  const madeAt = ksuidTime(ID_PREFIX.message, messageId);
  return madeAt === null ? "" : ksuidFloor(ID_PREFIX.attempt, madeAt - NODE_CLOCKS_APART_MAX_MS);
}
