import type { PollingEndpoint } from "../../domain/polling-endpoint.ts";
import { ID_PREFIX } from "../../domain/ids.ts";
import { ksuidFloor } from "../../domain/ksuid.ts";
import { POLLING_CONSUMERS_MAX } from "../../domain/limits.ts";
import {
  POLLING_CONSUMER_COLUMNS,
  POLLING_ENDPOINT_COLUMNS,
  type PollingConsumerRow,
  type PollingEndpointRow,
  toPollingConsumer,
  toPollingEndpoint,
  toPollingEndpointRow,
} from "./rows/polling.ts";
import type { PollingStore } from "../port-polling.ts";
import { insertNamed } from "./control-plane/insert-named.ts";
import type { Connection, Database } from "./database.ts";
import { findMessages } from "./history/messages.ts";
import { statement } from "./statement.ts";

const SELECT = `SELECT ${POLLING_ENDPOINT_COLUMNS} FROM polling_endpoint WHERE app_id = $1`;
const listAll = statement<PollingEndpointRow>("polling_endpoint.list_all", `${SELECT} ORDER BY id`);
const findByUid = statement<PollingEndpointRow>("polling_endpoint.find_by_uid", `${SELECT} AND uid = $2`);
const ensureHead = statement(
  "polling_head.ensure",
  "INSERT INTO polling_head (app_id, environment_id, position) VALUES ($1, $2, 0) ON CONFLICT (app_id) DO NOTHING",
);
const insert = statement(
  "polling_endpoint.insert",
  `WITH written AS (
     INSERT INTO polling_endpoint (${POLLING_ENDPOINT_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (app_id, uid) WHERE uid IS NOT NULL DO NOTHING
     RETURNING app_id)
   INSERT INTO change (app_id) SELECT app_id FROM written`,
);
/** Its consumers go in the same statement. */
const remove = statement(
  "polling_endpoint.delete",
  `WITH written AS (
     DELETE FROM polling_endpoint WHERE app_id = $1 AND id = $2 RETURNING app_id),
   consumers AS (DELETE FROM polling_consumer WHERE app_id = $1 AND endpoint_id = $2)
   INSERT INTO change (app_id) SELECT app_id FROM written`,
);
const findHead = statement<[position: number]>(
  "polling_head.find",
  "SELECT position FROM polling_head WHERE app_id = $1",
);
/** Whoever numbers holds it until the end of the transaction, so numbers are given by one at a time. */
const lockHead = statement<[position: number]>(
  "polling_head.lock",
  "SELECT position FROM polling_head WHERE app_id = $1 FOR NO KEY UPDATE",
);
const anyNew = statement<[one: number]>(
  "polling_entry.any_new",
  "SELECT 1 FROM polling_entry WHERE app_id = $1 AND position IS NULL LIMIT 1",
);
/**
 * A statement of its own after the lock, so that it sees what committed before it: what it does not see commits
 * later and gets a later number.
 */
const number = statement(
  "polling_entry.number",
  `UPDATE polling_entry AS e SET position = $2::bigint + n.place FROM (
     SELECT message_id, row_number() OVER (ORDER BY message_id) AS place FROM (
       SELECT message_id FROM polling_entry WHERE app_id = $1 AND position IS NULL
       ORDER BY message_id LIMIT $3) AS oldest) AS n
   WHERE e.app_id = $1 AND e.message_id = n.message_id`,
);
const moveHead = statement("polling_head.move", "UPDATE polling_head SET position = $2 WHERE app_id = $1");
const entries = statement<[position: number, messageId: string]>(
  "polling_entry.list",
  "SELECT position, message_id FROM polling_entry WHERE app_id = $1 AND position > $2 ORDER BY position LIMIT $3",
);
const since = statement<[first: number | null]>(
  "polling_entry.since",
  "SELECT min(position) FROM polling_entry WHERE app_id = $1 AND message_id >= $2 AND position IS NOT NULL",
);
const findConsumer = statement<PollingConsumerRow>(
  "polling_consumer.find",
  `SELECT ${POLLING_CONSUMER_COLUMNS} FROM polling_consumer
   WHERE app_id = $1 AND endpoint_id = $2 AND name = $3`,
);
const countConsumers = statement<[count: number]>(
  "polling_consumer.count",
  "SELECT count(*) FROM polling_consumer WHERE app_id = $1 AND endpoint_id = $2",
);
const insertConsumer = statement(
  "polling_consumer.insert",
  `INSERT INTO polling_consumer (${POLLING_CONSUMER_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, 1)
   ON CONFLICT (app_id, endpoint_id, name) DO NOTHING`,
);
const updateConsumer = statement(
  "polling_consumer.update",
  `UPDATE polling_consumer SET position = $4, leased_to = $5, leased_until = $6, version = version + 1
   WHERE app_id = $1 AND endpoint_id = $2 AND name = $3 AND version = $7`,
);
const pruneOld = statement(
  "polling_entry.prune",
  `DELETE FROM polling_entry AS e USING (
     SELECT old.app_id, old.message_id FROM polling_head AS h
     JOIN polling_entry AS old ON old.app_id = h.app_id
     WHERE h.environment_id = $1 AND old.message_id < $2 LIMIT $3) AS gone
   WHERE e.app_id = gone.app_id AND e.message_id = gone.message_id`,
);
/** Heads last: the others are found through them. */
const pruneGone = ["polling_entry", "polling_consumer", "polling_endpoint"].map((table) =>
  statement(
    `${table}.prune_gone`,
    `DELETE FROM ${table} AS t USING polling_head AS h
     WHERE h.environment_id = $1 AND t.app_id = h.app_id
       AND NOT EXISTS (SELECT 1 FROM application AS a WHERE a.id = h.app_id AND NOT a.deleted)`,
  ),
);
const pruneHeads = statement(
  "polling_head.prune_gone",
  `DELETE FROM polling_head AS h WHERE h.environment_id = $1
     AND NOT EXISTS (SELECT 1 FROM application AS a WHERE a.id = h.app_id AND NOT a.deleted)`,
);

export function pollingStore({ ingest, lists, dispatch }: Database): PollingStore {
  return {
    insert: (endpoint, { idempotency: answer }) =>
      insertNamed(lists, {
        answer,
        insert: (connection) => insertEndpoint(connection, endpoint),
        findHolder: () => findHolder(lists, endpoint),
      }),
    // Part of what accepting a message looks up: it does not wait for lists.
    async listAll(appId) {
      return (await ingest.query(listAll, [appId])).rows.map(toPollingEndpoint);
    },
    async delete({ appId, id }) {
      return (await lists.query(remove, [appId, id])).count > 0;
    },
    async sequence({ appId, limit }) {
      if ((await lists.query(anyNew, [appId])).rows.length === 0) {
        const [[head] = [0]] = (await lists.query(findHead, [appId])).rows;
        return { head, more: false };
      }
      return lists.transaction(async (connection) => {
        const [[head] = [0]] = (await connection.query(lockHead, [appId])).rows;
        const { count } = await connection.query(number, [appId, head, limit]);
        if (count > 0) await connection.query(moveHead, [appId, head + count]);
        return { head: head + count, more: count === limit };
      });
    },
    async read({ appId, after, limit }) {
      const { rows } = await lists.query(entries, [appId, after, limit]);
      const messages = await findMessages(lists, { appId, ids: rows.map(([, id]) => id) });
      return rows.map(([position, id]) => ({ position, message: messages.get(id) ?? null }));
    },
    async findPosition(query) {
      const floor = ksuidFloor(ID_PREFIX.message, query.since);
      const [[first] = [null]] = (await lists.query(since, [query.appId, floor])).rows;
      if (first !== null) return first - 1;
      const [[head] = [0]] = (await lists.query(findHead, [query.appId])).rows;
      return head;
    },
    async findConsumer({ appId, endpointId, name }) {
      const [row] = (await lists.query(findConsumer, [appId, endpointId, name])).rows;
      return row === undefined ? null : toPollingConsumer(row);
    },
    async saveConsumer(consumer) {
      const { appId, endpointId, name, position, leasedTo, leasedUntil, version } = consumer;
      const values = [appId, endpointId, name, position, leasedTo, leasedUntil] as const;
      if (version > 0) {
        return (await lists.query(updateConsumer, [...values, version])).count > 0 ? "saved" : "stale";
      }
      const [[count] = [0]] = (await lists.query(countConsumers, [appId, endpointId])).rows;
      if (count >= POLLING_CONSUMERS_MAX) return "full";
      return (await lists.query(insertConsumer, values)).count > 0 ? "saved" : "stale";
    },
    async prune({ environmentId, before, limit }) {
      const floor = ksuidFloor(ID_PREFIX.message, before);
      let gone = (await dispatch.query(pruneOld, [environmentId, floor, limit])).count;
      for (const prune of [...pruneGone, pruneHeads]) {
        gone += (await dispatch.query(prune, [environmentId])).count;
      }
      return gone;
    },
  };
}

async function insertEndpoint(connection: Connection, endpoint: PollingEndpoint): Promise<boolean> {
  const [, { count }] = await Promise.all([
    connection.query(ensureHead, [endpoint.appId, endpoint.environmentId]),
    connection.query(insert, toPollingEndpointRow(endpoint)),
  ]);
  return count > 0;
}

async function findHolder(
  connection: Connection,
  endpoint: PollingEndpoint,
): Promise<PollingEndpoint | null> {
  const [row] = (await connection.query(findByUid, [endpoint.appId, endpoint.uid])).rows;
  return row === undefined ? null : toPollingEndpoint(row);
}
