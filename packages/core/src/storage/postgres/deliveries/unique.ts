/**
 * Idempotency keys and event ids of accepted messages: each is one row with a unique key, so that of several nodes
 * one gets it. Both are asked for in one order (first all keys, then all event ids, each sorted), so that two
 * batches never wait for each other.
 */
import { ID_PREFIX } from "../../../domain/ids.ts";
import { ksuidFloor } from "../../../domain/ksuid.ts";
import { IDEMPOTENCY_TTL_MS, NODE_CLOCKS_APART_MAX_MS } from "../../../domain/limits.ts";
import type { AcceptedMessage, AcceptResult } from "../../port.ts";
import { bigintArray, intArray, textArray } from "../arrays.ts";
import type { Connection } from "../database.ts";
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from "../rows/message.ts";
import { statement } from "../statement.ts";

/** A message on its way in. */
export interface Candidate {
  readonly accepted: AcceptedMessage;
  /** Its place in the batch. */
  readonly place: number;
  /** The message that its key answered for and that is gone: the key counts as new. */
  readonly goneMessageId: string | null;
}

/** Takes new keys and those that have expired; one that is being written by another transaction is waited for. */
const takeKeys = statement<[messageId: string]>(
  "idempotency.take",
  `INSERT INTO idempotency AS held (environment_id, scope, body_hash, created_at, message_id)
   SELECT environment_id, scope, body_hash, created_at, message_id
   FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[])
     AS k (environment_id, scope, body_hash, created_at, message_id)
   ON CONFLICT (environment_id, scope) DO UPDATE SET body_hash = excluded.body_hash,
     created_at = excluded.created_at, message_id = excluded.message_id, status_code = NULL, body = NULL
   WHERE held.created_at <= excluded.created_at - $6::bigint
   RETURNING message_id`,
);

/** Only where it still answers for that message. */
const dropKeys = statement(
  "idempotency.drop",
  `DELETE FROM idempotency AS held
   USING unnest($1::text[], $2::text[], $3::text[]) AS k (environment_id, scope, message_id)
   WHERE held.environment_id = k.environment_id AND held.scope = k.scope AND held.message_id = k.message_id`,
);

const takeEventIds = statement<[messageId: string]>(
  "message_event.take",
  `INSERT INTO message_event (app_id, event_id, message_id)
   SELECT app_id, event_id, message_id
   FROM unnest($1::text[], $2::text[], $3::text[]) AS e (app_id, event_id, message_id)
   ON CONFLICT (app_id, event_id) DO NOTHING
   RETURNING message_id`,
);

const dropEventIds = statement(
  "message_event.drop",
  `DELETE FROM message_event AS held
   USING unnest($1::text[], $2::text[], $3::text[]) AS e (app_id, event_id, message_id)
   WHERE held.app_id = e.app_id AND held.event_id = e.event_id AND held.message_id = e.message_id`,
);

/**
 * Takes what the candidates need to be unique; returns those that got all of it. No two of them may have the same
 * key or event id. Part of the commit's transaction: what it took is given back with it.
 */
export async function takeUnique(
  connection: Connection,
  candidates: readonly Candidate[],
): Promise<readonly Candidate[]> {
  const keyed = sorted(candidates.filter(hasKey), (each) => each.accepted.idempotency?.scope ?? "");
  const named = sorted(candidates.filter(hasEventId), (each) => each.accepted.message.eventId ?? "");
  if (keyed.length === 0 && named.length === 0) return candidates;
  const gone = keyed.filter(({ goneMessageId }) => goneMessageId !== null);
  if (gone.length > 0)
    void connection.query(
      dropKeys,
      keyColumns(gone, (each) => each.goneMessageId),
    );
  const [keysRefused, eventIdsRefused] = await Promise.all([
    refusedOf(keyed, (each) => connection.query(takeKeys, takeKeyColumns(each))),
    refusedOf(named, (each) => connection.query(takeEventIds, eventColumns(each))),
  ]);
  if (keysRefused.size === 0 && eventIdsRefused.size === 0) return candidates;
  // One of the two is not enough: it goes back.
  const keysBack = keyed.filter((each) => eventIdsRefused.has(each) && !keysRefused.has(each));
  const eventIdsBack = named.filter((each) => keysRefused.has(each) && !eventIdsRefused.has(each));
  if (keysBack.length > 0) {
    void connection.query(
      dropKeys,
      keyColumns(keysBack, ({ accepted }) => accepted.message.id),
    );
  }
  if (eventIdsBack.length > 0) void connection.query(dropEventIds, eventColumns(eventIdsBack));
  return candidates.filter((each) => !keysRefused.has(each) && !eventIdsRefused.has(each));
}

/** Those that did not get theirs. */
async function refusedOf(
  asked: readonly Candidate[],
  take: (asked: readonly Candidate[]) => Promise<{ rows: [messageId: string][] }>,
): Promise<ReadonlySet<Candidate>> {
  if (asked.length === 0) return new Set();
  const { rows } = await take(asked);
  if (rows.length === asked.length) return new Set();
  const ids = new Set(rows.map(([messageId]) => messageId));
  return new Set(asked.filter(({ accepted }) => !ids.has(accepted.message.id)));
}

function hasKey({ accepted }: Candidate): boolean {
  return accepted.idempotency !== null;
}

function hasEventId({ accepted }: Candidate): boolean {
  return accepted.message.eventId !== null;
}

/** By environment or application, then by name: any order will do that is the same on every node. */
function sorted(candidates: readonly Candidate[], nameOf: (candidate: Candidate) => string): Candidate[] {
  const order = (each: Candidate): string => `${nameOf(each)} ${each.accepted.message.appId}`;
  return candidates.toSorted((a, b) => (order(a) < order(b) ? -1 : 1));
}

function keyColumns(candidates: readonly Candidate[], messageIdOf: (each: Candidate) => string | null) {
  return [
    textArray(candidates.map(({ accepted }) => accepted.environmentId)),
    textArray(candidates.map(({ accepted }) => accepted.idempotency?.scope ?? null)),
    textArray(candidates.map(messageIdOf)),
  ];
}

function takeKeyColumns(candidates: readonly Candidate[]) {
  return [
    textArray(candidates.map(({ accepted }) => accepted.environmentId)),
    textArray(candidates.map(({ accepted }) => accepted.idempotency?.scope ?? null)),
    textArray(candidates.map(({ accepted }) => accepted.idempotency?.bodyHash ?? null)),
    bigintArray(candidates.map(({ accepted }) => accepted.idempotency?.createdAt ?? null)),
    textArray(candidates.map(({ accepted }) => accepted.message.id)),
    IDEMPOTENCY_TTL_MS,
  ];
}

function eventColumns(candidates: readonly Candidate[]) {
  return [
    textArray(candidates.map(({ accepted }) => accepted.message.appId)),
    textArray(candidates.map(({ accepted }) => accepted.message.eventId)),
    textArray(candidates.map(({ accepted }) => accepted.message.id)),
  ];
}

type HolderRow = [
  index: number,
  keyCreatedAt: number | null,
  keyBodyHash: string | null,
  keyMessageId: string | null,
  eventTaken: boolean,
  ...message: MessageRow | null[],
];

/**
 * What holds the keys and event ids, each by its primary key. A key is never older than it lasts, so neither is
 * its message: no older partition is looked at ($6).
 */
const findHolders = statement<HolderRow>(
  "idempotency.find_holders",
  `SELECT k.index, held.created_at, held.body_hash, held.message_id, e.app_id IS NOT NULL,
     ${MESSAGE_COLUMNS.split(", ")
       .map((column) => `m.${column}`)
       .join(", ")}
   FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::text[])
     AS k (index, environment_id, scope, app_id, event_id)
   LEFT JOIN idempotency AS held ON held.environment_id = k.environment_id AND held.scope = k.scope
   LEFT JOIN LATERAL (
     SELECT * FROM message WHERE message.app_id = k.app_id AND message.id = held.message_id AND message.id >= $6
     LIMIT 1) AS m ON TRUE
   LEFT JOIN message_event AS e ON e.app_id = k.app_id AND e.event_id = k.event_id`,
);

/** A candidate that was refused: its answer, or that it has to be tried again. */
export type Verdict = AcceptResult | { readonly kind: "again"; readonly goneMessageId: string | null };

/**
 * Why each candidate was refused. Only what was committed counts, so it is asked after the transaction; what has
 * expired or gone in between is to be tried again.
 */
export async function findVerdicts(
  connection: Connection,
  candidates: readonly Candidate[],
): Promise<Map<Candidate, Verdict>> {
  const { rows } = await connection.query(findHolders, [
    intArray(candidates.map((_, index) => index)),
    textArray(candidates.map(({ accepted }) => accepted.environmentId)),
    textArray(candidates.map(({ accepted }) => accepted.idempotency?.scope ?? null)),
    textArray(candidates.map(({ accepted }) => accepted.message.appId)),
    textArray(candidates.map(({ accepted }) => accepted.message.eventId)),
    oldestOfKeys(candidates),
  ]);
  const verdicts = new Map<Candidate, Verdict>();
  for (const row of rows) {
    const candidate = candidates[row[0]];
    if (candidate !== undefined) verdicts.set(candidate, verdictOf(candidate, row));
  }
  return verdicts;
}

/** Below every message that a key which still lasts may answer with; the nodes' clocks may be apart. */
function oldestOfKeys(candidates: readonly Candidate[]): string {
  const times = candidates.map(
    ({ accepted }) => accepted.idempotency?.createdAt ?? accepted.message.createdAt,
  );
  return ksuidFloor(ID_PREFIX.message, Math.min(...times) - IDEMPOTENCY_TTL_MS - NODE_CLOCKS_APART_MAX_MS);
}

function verdictOf({ accepted: { idempotency } }: Candidate, row: HolderRow): Verdict {
  const [, keyCreatedAt, keyBodyHash, keyMessageId, eventTaken, ...message] = row;
  let goneMessageId: string | null = null;
  if (idempotency !== null && keyCreatedAt !== null) {
    const expired = keyCreatedAt <= idempotency.createdAt - IDEMPOTENCY_TTL_MS;
    if (!expired) {
      if (keyMessageId === null || keyBodyHash !== idempotency.bodyHash) {
        return { kind: "conflict", reason: "idempotency_key" };
      }
      if (isMessage(message)) return { kind: "replayed", message: toMessage(message) };
      goneMessageId = keyMessageId;
    }
  }
  if (eventTaken) return { kind: "conflict", reason: "event_id" };
  return { kind: "again", goneMessageId };
}

function isMessage(row: MessageRow | null[]): row is MessageRow {
  return row[0] !== null;
}
