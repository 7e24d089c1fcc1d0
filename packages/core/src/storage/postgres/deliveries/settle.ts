import { deliveryStateCodeOf, statusCodeOf } from "../../codes.ts";
import type { SettledDelivery } from "../../port.ts";
import { bigintArray, booleanArray, byteaArray, intArray, smallintArray, textArray } from "../arrays.ts";
import type { Connection, SqlValue } from "../database.ts";
import { statement } from "../statement.ts";
import { DUE_AT_ONCE } from "./accept.ts";

/**
 * Fencing: a lease that was taken away, or a delivery that moved on meanwhile, matches no row. A row that another
 * transaction is changing is waited for and looked at again. `n` is the place in the batch.
 */
const HELD = `due.app_id = s.app_id AND due.endpoint_id = s.endpoint_id AND due.ord = s.ord
     AND due.message_id = s.message_id AND due.leased_by = s.leased_by AND due.attempts = s.attempts`;
/**
 * Arrays that are unnested in a select list give their rows one at a time, in step with each other. In FROM PostgreSQL
 * would first copy each of them into a store of tuples.
 */
const SETTLED = `unnest($1::integer[]) AS n, unnest($2::text[]) AS app_id, unnest($3::text[]) AS endpoint_id,
     unnest($4::bigint[]) AS ord, unnest($5::text[]) AS message_id, unnest($6::text[]) AS leased_by,
     unnest($7::integer[]) AS attempts`;

/**
 * Attempts of the whole batch, also of those whose lease was lost: the POST has been made, so it belongs to the
 * history.
 */
const end = (name: string, ifRecorded: string) =>
  statement<[n: number]>(
    name,
    `WITH recorded AS (
     INSERT INTO attempt (app_id, endpoint_id, message_id, id, url, timestamp, status, manual, status_code,
       error_class, duration_ms, delivery_state, next_attempt_at, detail, response_text, response_bytes)
     SELECT unnest($8::text[]), unnest($9::text[]), unnest($10::text[]), unnest($11::text[]), unnest($12::text[]),
       unnest($13::bigint[]), unnest($14::smallint[]), unnest($15::boolean[]), unnest($16::smallint[]),
       unnest($17::text[]), unnest($18::integer[]), unnest($19::smallint[]), unnest($20::bigint[]),
       unnest($21::text[]), unnest($22::text[]), unnest($23::bytea[])
     ${ifRecorded})
   DELETE FROM due USING (SELECT ${SETTLED}) AS s WHERE ${HELD} RETURNING s.n`,
  );

/** Fails where an attempt is there already, and so needs no look into the indexes before it writes. */
const endDue = end("due.end", "");
/** A settle that is repeated because nobody knew whether it had been committed finds its attempt there. */
const endDueAgain = end("due.end_again", "ON CONFLICT DO NOTHING");

/**
 * The attempt after a counted one is an automatic retry, whoever asked for that one. What was to be paused comes
 * due where its endpoint has been enabled meanwhile: whoever resumed its deliveries did not see this one. The
 * endpoints of paused ones are locked (`lockEndpoints`), so none is enabled between this look and the commit. The same
 * for one that was to be disabled for a run of failures (`failed_since`) that has ended.
 */
const moveDue = statement<[n: number]>(
  "due.move",
  `UPDATE due SET leased_by = NULL, attempts = s.next_attempts,
     manual = CASE WHEN due.attempts = s.next_attempts THEN due.manual ELSE FALSE END,
     next_attempt_at = CASE WHEN s.pausing AND (
       SELECT TRUE FROM endpoint AS e
       WHERE e.app_id = s.app_id AND e.id = s.endpoint_id AND NOT e.deleted AND NOT e.disabled
         AND (e.failing_since <= s.failed_since) IS NOT TRUE LIMIT 1)
       THEN ${DUE_AT_ONCE} ELSE s.next_attempt_at END
   FROM (SELECT ${SETTLED}, unnest($8::bigint[]) AS next_attempt_at, unnest($9::integer[]) AS next_attempts,
     unnest($10::boolean[]) AS pausing, unnest($11::bigint[]) AS failed_since) AS s
   WHERE ${HELD} RETURNING s.n`,
);

export interface Settling {
  readonly settled: readonly SettledDelivery[];
  /** Whether attempts of them may be stored already. */
  readonly isRepeated: boolean;
}

/** One of a batch, with its place. */
export interface Settle {
  readonly place: number;
  readonly settled: SettledDelivery;
}

/**
 * Records the attempts and moves the deliveries on; returns the places of those whose lease still held. In the
 * order of the table's key, so that two batches that meet wait in one direction.
 */
export async function moveOn(
  connection: Connection,
  { settled, isRepeated }: Settling,
): Promise<ReadonlySet<number>> {
  const inOrder = settled.map((each, place) => ({ place, settled: each })).toSorted(byKey);
  const ended = inOrder.filter((each) => each.settled.next.kind === "ended");
  const moved = inOrder.filter((each) => each.settled.next.kind !== "ended");
  const answers = await Promise.all([
    connection.query(isRepeated ? endDueAgain : endDue, [...heldColumns(ended), ...attemptColumns(settled)]),
    moved.length === 0
      ? { rows: [] }
      : connection.query(moveDue, [...heldColumns(moved), ...nextColumns(moved)]),
  ]);
  return new Set(answers.flatMap(({ rows }) => rows.map(([n]) => n)));
}

/** Records the attempts and ends the deliveries; answers with the places of those whose lease still held. */
export function endAll({ settled, isRepeated }: Settling): { asked: typeof endDue; values: SqlValue[] } {
  const inOrder = settled.map((each, place) => ({ place, settled: each })).toSorted(byKey);
  return {
    asked: isRepeated ? endDueAgain : endDue,
    values: [...heldColumns(inOrder), ...attemptColumns(settled)],
  };
}

function byKey({ settled: { delivery: a } }: Settle, { settled: { delivery: b } }: Settle): number {
  if (a.appId !== b.appId) return a.appId < b.appId ? -1 : 1;
  if (a.endpointId !== b.endpointId) return a.endpointId < b.endpointId ? -1 : 1;
  if (a.order !== b.order) return a.order - b.order;
  if (a.messageId === b.messageId) return 0;
  return a.messageId < b.messageId ? -1 : 1;
}

function heldColumns(settles: readonly Settle[]): Buffer[] {
  return [
    intArray(settles.map(({ place }) => place)),
    textArray(settles.map(({ settled }) => settled.delivery.appId)),
    textArray(settles.map(({ settled }) => settled.delivery.endpointId)),
    bigintArray(settles.map(({ settled }) => settled.delivery.order)),
    textArray(settles.map(({ settled }) => settled.delivery.messageId)),
    textArray(settles.map(({ settled }) => settled.leaseId)),
    intArray(settles.map(({ settled }) => settled.delivery.attempts)),
  ];
}

function nextColumns(settles: readonly Settle[]): Buffer[] {
  return [
    bigintArray(settles.map(({ settled: { next } }) => (next.kind === "retry" ? next.at : null))),
    intArray(settles.map(({ settled: { next } }) => (next.kind === "ended" ? null : next.attempts))),
    booleanArray(settles.map(({ settled }) => settled.next.kind === "paused" && !disablesForSure(settled))),
    bigintArray(settles.map(({ settled }) => failedSince(settled))),
  ];
}

function disablesForSure(settled: SettledDelivery): boolean {
  return settled.endpoint?.kind === "disable" && failedSince(settled) === null;
}

function failedSince({ endpoint }: SettledDelivery): number | null {
  return endpoint?.kind === "disable" ? (endpoint.failingSince ?? null) : null;
}

/** What names their attempts: the first columns of these. */
export function attemptKeys(settled: readonly SettledDelivery[]): Buffer[] {
  const attempts = settled.flatMap(({ attempt }) => attempt ?? []);
  return [
    textArray(attempts.map(({ appId }) => appId)),
    textArray(attempts.map(({ endpointId }) => endpointId)),
    textArray(attempts.map(({ messageId }) => messageId)),
    textArray(attempts.map(({ id }) => id)),
  ];
}

function attemptColumns(settled: readonly SettledDelivery[]): Buffer[] {
  const attempts = settled.flatMap(({ attempt }) => attempt ?? []);
  return [
    ...attemptKeys(settled),
    textArray(attempts.map(({ url }) => url)),
    bigintArray(attempts.map(({ timestamp }) => timestamp)),
    smallintArray(attempts.map(({ status }) => statusCodeOf(status))),
    booleanArray(attempts.map(({ trigger }) => trigger === "manual")),
    smallintArray(attempts.map(({ statusCode }) => statusCode)),
    textArray(attempts.map(({ errorClass }) => errorClass)),
    intArray(attempts.map(({ durationMs }) => durationMs)),
    smallintArray(attempts.map(({ deliveryState }) => deliveryStateCodeOf(deliveryState))),
    bigintArray(attempts.map(({ nextAttemptAt }) => nextAttemptAt)),
    textArray(attempts.map(({ detail }) => JSON.stringify(detail))),
    textArray(
      attempts.map(({ responseBody }) => (typeof responseBody === "string" ? storable(responseBody) : null)),
    ),
    byteaArray(attempts.map(({ responseBody }) => (typeof responseBody === "string" ? null : responseBody))),
  ];
}

/** The one character that a TEXT cannot hold. */
function storable(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "\uFFFD") : text;
}
