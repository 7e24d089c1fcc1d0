import type { Message } from "../../../domain/message.ts";
import type { AcceptedMessage, NewDelivery, Telling } from "../../port.ts";
import { bigintArray, booleanArray, textArray } from "../arrays.ts";
import type { Connection, SqlValue } from "../database.ts";
import { statement } from "../statement.ts";

/** Due since ever rather than since now: a clock that is set back must not put it off. */
export const DUE_AT_ONCE = 0;

/**
 * Messages and their deliveries, all of one node. Its row is held where it lives: declaring it dead waits for this
 * transaction and keeps out those that come after it, so what is leased here is seen by the takeover, or is not
 * leased. Inserts only: the ids are new, so nothing else waits.
 */
const insert = statement<[alive: boolean]>(
  "message.accept",
  `WITH alive AS MATERIALIZED (SELECT id FROM node WHERE id = $14 AND NOT dead FOR KEY SHARE),
   stored AS (
     INSERT INTO message
       (app_id, id, event_type, event_id, channels, tags, payload_expires_at, created_at, payload)
     SELECT app_id, id, event_type, event_id, channels::text[], tags::text[], payload_expires_at, created_at,
       payload
     FROM (SELECT unnest($1::text[]) AS app_id, unnest($2::text[]) AS id, unnest($3::text[]) AS event_type,
       unnest($4::text[]) AS event_id, unnest($5::text[]) AS channels, unnest($6::text[]) AS tags,
       unnest($7::bigint[]) AS payload_expires_at, unnest($8::bigint[]) AS created_at,
       unnest($9::text[]) AS payload) AS m),
   owed AS (
     INSERT INTO due (app_id, endpoint_id, ord, message_id, attempts, next_attempt_at, leased_by, manual, once)
     SELECT app_id, endpoint_id, 0, message_id, 0, ${DUE_AT_ONCE},
       CASE WHEN leased THEN (SELECT id FROM alive) END, FALSE, FALSE
     FROM (SELECT unnest($10::text[]) AS app_id, unnest($11::text[]) AS endpoint_id,
       unnest($12::text[]) AS message_id, unnest($13::boolean[]) AS leased) AS d)
   SELECT EXISTS (SELECT 1 FROM alive)`,
);

/** The inner ORDER BY is done before a place is drawn, so places follow the order of the batch. */
const insertFifoDue = statement(
  "due.insert_fifo",
  `INSERT INTO due (app_id, endpoint_id, ord, message_id, attempts, next_attempt_at, leased_by, manual, once)
   SELECT app_id, endpoint_id, nextval('due_order'), message_id, 0, next_attempt_at, NULL, FALSE, FALSE
   FROM (
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
       WITH ORDINALITY AS d (app_id, endpoint_id, message_id, next_attempt_at, place)
     ORDER BY place) AS placed`,
);

/** What waits for a time of its own. */
const insertScheduledDue = statement(
  "due.insert_scheduled",
  `INSERT INTO due (app_id, endpoint_id, ord, message_id, attempts, next_attempt_at, leased_by, manual, once)
   SELECT app_id, endpoint_id, 0, message_id, 0, next_attempt_at, NULL, FALSE, FALSE
   FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
     AS d (app_id, endpoint_id, message_id, next_attempt_at)`,
);
/** Behind the insert of the same transaction, which so costs those nothing that are not scheduled. */
const schedule = statement(
  "message.schedule",
  `UPDATE message SET deliver_at = s.deliver_at
   FROM unnest($1::text[], $2::text[], $3::bigint[]) AS s (app_id, id, deliver_at)
   WHERE message.app_id = s.app_id AND message.id = s.id AND message.id >= $4 AND message.id <= $5`,
);

/** A delivery of a FIFO endpoint is never born leased: which one is the oldest, only the store can tell. */
export function isLeased({ leased, fifo }: { leased: boolean; fifo: boolean }): boolean {
  return leased && !fifo;
}

/** Stores them; returns the nodes of theirs that live. Nodes are locked in one order. */
export async function insertAccepted(
  connection: Connection,
  accepted: readonly AcceptedMessage[],
): Promise<ReadonlySet<string>> {
  // One node accepts for itself: there is one group.
  const groups = [...Map.groupBy(accepted, ({ leaseId }) => leaseId)].toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const answers = groups.map(async ([leaseId, ofNode]) => {
    const { asked, values } = acceptPlain(ofNode);
    const [[alive] = [false]] = (await connection.query(asked, values)).rows;
    return alive ? [leaseId] : [];
  });
  const [alive] = await Promise.all([
    Promise.all(answers),
    insertWaiting(connection, insertFifoDue, owedBy(accepted, isFifo)),
    insertScheduled(connection, accepted),
    insertPolled(connection, accepted),
  ]);
  return new Set(alive.flat());
}

/** Stores messages of one node and what is owed of them at once; answers whether the node lives, if it leases any. */
export function acceptPlain(accepted: readonly AcceptedMessage[]): {
  asked: typeof insert;
  values: SqlValue[];
} {
  const { columns, hasLeased } = dueColumns(accepted);
  const leaseId = accepted[0]?.leaseId;
  const holder = hasLeased && leaseId !== undefined ? leaseId : NOBODY;
  return { asked: insert, values: [...messageColumns(accepted), ...columns, holder] };
}

/** Stores messages about another write, in that write's transaction; their partitions are there. Waits for nothing. */
export async function storeTold(connection: Connection, tells: Telling["tells"]): Promise<void> {
  if (tells !== undefined && tells.length > 0) await insertAccepted(connection, tells);
}

/** For polling endpoints: they get their place in its order later, see port-polling.ts. */
const insertEntries = statement(
  "polling_entry.insert",
  `INSERT INTO polling_entry (app_id, message_id)
   SELECT app_id, message_id FROM unnest($1::text[], $2::text[]) AS p (app_id, message_id)`,
);

async function insertPolled(connection: Connection, accepted: readonly AcceptedMessage[]): Promise<void> {
  if (!accepted.some(({ polled }) => polled === true)) return;
  const messages = accepted.filter(({ polled }) => polled === true).map(({ message }) => message);
  await connection.query(insertEntries, [
    textArray(messages.map(({ appId }) => appId)),
    textArray(messages.map(({ id }) => id)),
  ]);
}

/** No node has this id: none is looked for. */
const NOBODY = "";

function messageColumns(accepted: readonly AcceptedMessage[]): Buffer[] {
  const messages = accepted.map(({ message }) => message);
  return [
    textArray(messages.map(({ appId }) => appId)),
    textArray(messages.map(({ id }) => id)),
    textArray(messages.map(({ eventType }) => eventType)),
    textArray(messages.map(({ eventId }) => eventId)),
    textArray(messages.map(({ channels }) => arrayLiteral(channels))),
    textArray(messages.map(({ tags }) => arrayLiteral(tags))),
    bigintArray(messages.map(({ payloadExpiresAt }) => payloadExpiresAt)),
    bigintArray(messages.map(({ createdAt }) => createdAt)),
    textArray(messages.map(({ payload }) => payload)),
  ];
}

/** A TEXT[] as text: an array of arrays of several lengths is nothing that PostgreSQL has. */
function arrayLiteral(values: readonly string[] | null): string | null {
  if (values === null) return null;
  return `{${values.map((value) => `"${value.replaceAll(/["\\]/g, "\\$&")}"`).join(",")}}`;
}

function dueColumns(accepted: readonly AcceptedMessage[]): { columns: Buffer[]; hasLeased: boolean } {
  const appIds: string[] = [];
  const endpointIds: string[] = [];
  const messageIds: string[] = [];
  const leased: boolean[] = [];
  for (const { message, deliveries } of accepted) {
    for (const delivery of deliveries) {
      if (delivery.fifo || message.deliverAt !== null) continue;
      appIds.push(message.appId);
      endpointIds.push(delivery.endpointId);
      messageIds.push(message.id);
      leased.push(delivery.leased);
    }
  }
  const columns = [textArray(appIds), textArray(endpointIds), textArray(messageIds), booleanArray(leased)];
  return { columns, hasLeased: leased.includes(true) };
}

/** Marks the messages, and owes them to endpoints that are not FIFO. */
async function insertScheduled(connection: Connection, accepted: readonly AcceptedMessage[]): Promise<void> {
  const scheduled = accepted.filter(({ message }) => message.deliverAt !== null);
  const ids = scheduled.map(({ message }) => message.id);
  const sorted = ids.toSorted();
  const [first, last] = [sorted.at(0), sorted.at(-1)];
  if (first === undefined || last === undefined) return;
  await Promise.all([
    connection.query(schedule, [
      textArray(scheduled.map(({ message }) => message.appId)),
      textArray(ids),
      bigintArray(scheduled.map(({ message }) => message.deliverAt)),
      first,
      last,
    ]),
    insertWaiting(
      connection,
      insertScheduledDue,
      owedBy(scheduled, (delivery) => !delivery.fifo),
    ),
  ]);
}

interface Owed {
  readonly message: Message;
  readonly endpointId: string;
}

const isFifo = ({ fifo }: NewDelivery): boolean => fifo;

function owedBy(accepted: readonly AcceptedMessage[], which: (delivery: NewDelivery) => boolean): Owed[] {
  return accepted.flatMap(({ message, deliveries }) =>
    deliveries.filter(which).map(({ endpointId }) => ({ message, endpointId })),
  );
}

async function insertWaiting(
  connection: Connection,
  insertDue: typeof insertFifoDue,
  owed: readonly Owed[],
): Promise<void> {
  if (owed.length === 0) return;
  await connection.query(insertDue, [
    textArray(owed.map(({ message }) => message.appId)),
    textArray(owed.map(({ endpointId }) => endpointId)),
    textArray(owed.map(({ message }) => message.id)),
    bigintArray(owed.map(({ message }) => message.deliverAt ?? DUE_AT_ONCE)),
  ]);
}
