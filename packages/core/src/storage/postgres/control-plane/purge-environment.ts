import { ENVIRONMENT_WATCH_MS, PRUNE_MESSAGES, PURGE_APPLICATIONS } from "../../../domain/limits.ts";
import type { PurgeRequest } from "../../port-environment.ts";
import { textArray } from "../arrays.ts";
import type { ConnectionPool } from "../database.ts";
import { deleteWithAttempts } from "../history/prune-messages.ts";
import { statement, type Statement } from "../statement.ts";

const findDeleted = statement<[deletedAt: number]>(
  "purge.find_deleted",
  "SELECT updated_at FROM environment WHERE id = $1 AND deleted",
);
const listApplications = statement<[id: string]>(
  "purge.list_applications",
  `SELECT id FROM application WHERE environment_id = $1 AND id > $2 ORDER BY id LIMIT ${PURGE_APPLICATIONS}`,
);

/** At most $2 rows of an environment, $1. What another node is removing at the same moment is passed over. */
function someOfEnvironment(table: string, key: string): Statement {
  return statement(
    `purge.${table}`,
    `DELETE FROM ${table} WHERE environment_id = $1 AND ${key} = ANY (ARRAY(
       SELECT ${key} FROM ${table} WHERE environment_id = $1 LIMIT $2 FOR UPDATE SKIP LOCKED))`,
  );
}

/** The same of some applications. */
function someOfApplications(table: string, keys: readonly string[]): Statement {
  const columns = ["app_id", ...keys];
  const isSame = columns.map((column) => `${table}.${column} = old.${column}`).join(" AND ");
  return statement(
    `purge.${table}`,
    `WITH old AS (
       SELECT ${columns.join(", ")} FROM ${table} WHERE app_id = ANY($1) LIMIT $2 FOR UPDATE SKIP LOCKED)
     DELETE FROM ${table} USING old WHERE ${isSame}`,
  );
}

const OF_ENVIRONMENT = [
  someOfEnvironment("api_key", "hash"),
  someOfEnvironment("background_task", "id"),
  someOfEnvironment("event_type", "name"),
  someOfEnvironment("idempotency", "scope"),
  someOfEnvironment("wipe", "message_id"),
];
/** Before the messages that they are owed of. */
const due = someOfApplications("due", ["endpoint_id", "ord", "message_id"]);
const OF_APPLICATIONS = [
  someOfApplications("message_event", ["event_id"]),
  someOfApplications("endpoint", ["id"]),
  someOfApplications("polling_entry", ["message_id"]),
  someOfApplications("polling_consumer", ["endpoint_id", "name"]),
  someOfApplications("polling_endpoint", ["id"]),
  someOfApplications("polling_head", []),
];

const withMessages = statement<[appId: string]>(
  "purge.with_messages",
  `SELECT app.app_id FROM unnest($1::text[]) AS app (app_id)
   WHERE (SELECT TRUE FROM message WHERE message.app_id = app.app_id LIMIT 1)`,
);
const holdMessages = statement<[id: string, eventId: string | null]>(
  "purge.hold_messages",
  "SELECT id, event_id FROM message WHERE app_id = $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED",
);
/** Recorded after their message was removed. */
const withAttempts = statement<[appId: string]>(
  "purge.with_attempts",
  `SELECT app.app_id FROM unnest($1::text[]) AS app (app_id)
   WHERE (SELECT TRUE FROM attempt WHERE attempt.app_id = app.app_id LIMIT 1)`,
);
const holdAttempts = statement<[endpointId: string, id: string]>(
  "purge.hold_attempts",
  "SELECT endpoint_id, id FROM attempt WHERE app_id = $1 LIMIT $2 FOR UPDATE SKIP LOCKED",
);
const deleteAttempts = statement(
  "purge.delete_attempts",
  `DELETE FROM attempt
   WHERE app_id = $1 AND endpoint_id = ANY($2) AND id = ANY($3) AND id >= $4 AND id <= $5`,
);
/** Only those that nothing is left of, also of what came in since it was looked for. */
const deleteApplications = statement(
  "purge.delete_applications",
  `WITH empty AS (
     SELECT id FROM application WHERE environment_id = $1 AND id = ANY($2)
       AND (SELECT TRUE FROM endpoint WHERE endpoint.app_id = application.id LIMIT 1) IS NULL
       AND (SELECT TRUE FROM due WHERE due.app_id = application.id LIMIT 1) IS NULL
       AND (SELECT TRUE FROM message WHERE message.app_id = application.id LIMIT 1) IS NULL
       AND (SELECT TRUE FROM attempt WHERE attempt.app_id = application.id LIMIT 1) IS NULL
     FOR UPDATE SKIP LOCKED)
   DELETE FROM application USING empty WHERE application.environment_id = $1 AND application.id = empty.id`,
);
const deleteEnvironment = statement(
  "purge.environment",
  `WITH gone AS (
     DELETE FROM environment WHERE id = $1 AND deleted
       AND (SELECT TRUE FROM application WHERE environment_id = $1 LIMIT 1) IS NULL
     RETURNING id)
   DELETE FROM data_key USING gone WHERE data_key.environment_id = gone.id`,
);

/** Each statement and each page of messages is a transaction of its own: nothing that lives waits for it. */
export async function purgeEnvironment(
  pool: ConnectionPool,
  { environmentId, after, now, limit }: PurgeRequest,
): Promise<{ gone: number; after: string | null }> {
  const [row] = (await pool.query(findDeleted, [environmentId])).rows;
  if (row === undefined) return { gone: 0, after: null };
  const isOver = row[0] <= now - ENVIRONMENT_WATCH_MS;
  const ofEnvironment = await runAll(pool, OF_ENVIRONMENT, [environmentId, limit]);
  if (ofEnvironment > 0) return { gone: ofEnvironment, after };
  const { rows } = await pool.query(listApplications, [environmentId, after ?? ""]);
  const appIds = rows.map(([id]) => id);
  if (appIds.length === 0) {
    if (isOver && after === null) await pool.query(deleteEnvironment, [environmentId]);
    return { gone: 0, after: null };
  }
  const gone = await removeOf(pool, { appIds, now, limit });
  if (gone > 0) return { gone, after };
  const applications = isOver
    ? (await pool.query(deleteApplications, [environmentId, textArray(appIds)])).count
    : 0;
  const next = appIds.length < PURGE_APPLICATIONS ? null : (appIds.at(-1) ?? null);
  return { gone: applications, after: next };
}

async function removeOf(
  pool: ConnectionPool,
  { appIds, now, limit }: { appIds: readonly string[]; now: number; limit: number },
): Promise<number> {
  const apps = textArray(appIds);
  let gone = (await pool.query(due, [apps, limit])).count;
  const full = (await pool.query(withMessages, [apps])).rows;
  for (const [appId] of full) gone += gone < limit ? await removeMessages(pool, { appId, now }) : 0;
  const recorded = full.length > 0 ? [] : (await pool.query(withAttempts, [apps])).rows;
  for (const [appId] of recorded) gone += gone < limit ? await removeAttempts(pool, { appId, limit }) : 0;
  return gone + (await runAll(pool, OF_APPLICATIONS, [apps, limit]));
}

function removeMessages(
  pool: ConnectionPool,
  { appId, now }: { appId: string; now: number },
): Promise<number> {
  return pool.transaction(async (connection) => {
    const messages = (await connection.query(holdMessages, [appId, PRUNE_MESSAGES])).rows;
    return messages.length === 0 ? 0 : deleteWithAttempts(connection, { appId, messages, now });
  });
}

function removeAttempts(
  pool: ConnectionPool,
  { appId, limit }: { appId: string; limit: number },
): Promise<number> {
  return pool.transaction(async (connection) => {
    const { rows } = await connection.query(holdAttempts, [appId, limit]);
    const ids = rows.map(([, id]) => id).toSorted();
    const [first, last] = [ids.at(0), ids.at(-1)];
    if (first === undefined || last === undefined) return 0;
    const endpoints = textArray([...new Set(rows.map(([endpointId]) => endpointId))]);
    return (await connection.query(deleteAttempts, [appId, endpoints, textArray(ids), first, last])).count;
  });
}

async function runAll(
  pool: ConnectionPool,
  statements: readonly Statement[],
  values: [lead: string | Buffer, limit: number],
): Promise<number> {
  let gone = 0;
  for (const each of statements) gone += (await pool.query(each, values)).count;
  return gone;
}
