import type { AcceptedMessage } from "../../port.ts";
import { bigintArray, booleanArray, textArray } from "../arrays.ts";
import type { Connection } from "../database.ts";
import { statement } from "../statement.ts";

/** Due since ever rather than since now: a clock that is set back must not put it off. */
export const DUE_AT_ONCE = 0;

/**
 * Declaring a node dead waits for this lock and keeps out those that come after it: what this transaction leases
 * is seen by the takeover, or is not leased.
 */
const holdNode = statement<[id: string]>(
  "node.hold",
  "SELECT id FROM node WHERE id = $1 AND NOT dead FOR KEY SHARE",
);

const insertMessages = statement(
  "message.insert",
  `INSERT INTO message
     (app_id, id, event_type, event_id, channels, tags, payload_expires_at, created_at, payload)
   SELECT app_id, id, event_type, event_id, channels::text[], tags::text[], payload_expires_at, created_at, payload
   FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
     $9::text[])
     AS m (app_id, id, event_type, event_id, channels, tags, payload_expires_at, created_at, payload)`,
);

/** The node's row is held already where it lives, so its second look is what the first one saw. */
const insertDue = statement(
  "due.insert",
  `INSERT INTO due (app_id, endpoint_id, ord, message_id, attempts, next_attempt_at, leased_by, manual, once)
   SELECT app_id, endpoint_id, 0, message_id, 0, ${DUE_AT_ONCE},
     CASE WHEN leased THEN (SELECT id FROM node WHERE id = $5 AND NOT dead) END, FALSE, FALSE
   FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[]) AS d (app_id, endpoint_id, message_id, leased)`,
);

/** The inner ORDER BY is done before a place is drawn, so places follow the order of the batch. */
const insertFifoDue = statement(
  "due.insert_fifo",
  `INSERT INTO due (app_id, endpoint_id, ord, message_id, attempts, next_attempt_at, leased_by, manual, once)
   SELECT app_id, endpoint_id, nextval('due_order'), message_id, 0, ${DUE_AT_ONCE}, NULL, FALSE, FALSE
   FROM (
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
       WITH ORDINALITY AS d (app_id, endpoint_id, message_id, place)
     ORDER BY place) AS placed`,
);

/**
 * Looks whether each node that the messages are leased to lives, and keeps it so until the transaction ends.
 * Nodes are locked in one order; a node that is being declared dead meanwhile is waited for.
 */
export function holdNodes(
  connection: Connection,
  accepted: readonly AcceptedMessage[],
): Promise<ReadonlySet<string>> {
  const leaseIds = new Set<string>();
  for (const { leaseId, deliveries } of accepted) {
    if (deliveries.some(isLeased)) leaseIds.add(leaseId);
  }
  const answers = [...leaseIds].toSorted().map((id) => connection.query(holdNode, [id]));
  return Promise.all(answers).then((all) => new Set(all.flatMap(({ rows }) => rows.map(([id]) => id))));
}

/** A delivery of a FIFO endpoint is never born leased: which one is the oldest, only the store can tell. */
export function isLeased({ leased, fifo }: { leased: boolean; fifo: boolean }): boolean {
  return leased && !fifo;
}

/** Inserts only: ids are new, so nothing here waits for another transaction. */
export async function insertAccepted(
  connection: Connection,
  accepted: readonly AcceptedMessage[],
): Promise<void> {
  if (accepted.length === 0) return;
  await Promise.all([
    connection.query(insertMessages, messageColumns(accepted)),
    ...dueInserts(connection, accepted),
  ]);
}

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

function dueInserts(connection: Connection, accepted: readonly AcceptedMessage[]): Promise<unknown>[] {
  const inserts: Promise<unknown>[] = [];
  // One node accepts for itself: there is one group.
  for (const [leaseId, ofNode] of Map.groupBy(accepted, (each) => each.leaseId)) {
    const appIds: string[] = [];
    const endpointIds: string[] = [];
    const messageIds: string[] = [];
    const leased: boolean[] = [];
    for (const { message, deliveries } of ofNode) {
      for (const delivery of deliveries) {
        if (delivery.fifo) continue;
        appIds.push(message.appId);
        endpointIds.push(delivery.endpointId);
        messageIds.push(message.id);
        leased.push(delivery.leased);
      }
    }
    if (appIds.length === 0) continue;
    const keys = [textArray(appIds), textArray(endpointIds), textArray(messageIds)];
    inserts.push(connection.query(insertDue, [...keys, booleanArray(leased), leaseId]));
  }
  const fifo = accepted.flatMap(({ message, deliveries }) =>
    deliveries.filter((delivery) => delivery.fifo).map(({ endpointId }) => ({ message, endpointId })),
  );
  if (fifo.length > 0) {
    inserts.push(
      connection.query(insertFifoDue, [
        textArray(fifo.map(({ message }) => message.appId)),
        textArray(fifo.map(({ endpointId }) => endpointId)),
        textArray(fifo.map(({ message }) => message.id)),
      ]),
    );
  }
  return inserts;
}
