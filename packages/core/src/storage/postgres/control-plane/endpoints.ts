import type { Endpoint } from "../../../domain/endpoint.ts";
import type { BasedOn, EndpointStore, UpdateResult } from "../../port.ts";
import type { Connection, Database } from "../database.ts";
import { ENDPOINT_COLUMNS, type EndpointRow, toEndpoint, toEndpointRow } from "../rows/endpoint.ts";
import { storeTold } from "../deliveries/accept.ts";
import type { PartitionKeeper } from "../partitions.ts";
import { statement } from "../statement.ts";
import { writeOnce } from "./answers.ts";
import { insertNamed, isTaken } from "./insert-named.ts";
import { pagedList } from "./paged-list.ts";

const SELECT = `SELECT ${ENDPOINT_COLUMNS} FROM endpoint WHERE app_id = $1 AND NOT deleted`;

const listAll = statement<EndpointRow>("endpoint.list_all", `${SELECT} ORDER BY id`);
const list = pagedList<EndpointRow>("endpoint.list", { select: SELECT, key: "id", parameters: 1 });
const findByUid = statement<EndpointRow>("endpoint.find_by_uid", `${SELECT} AND uid = $2`);
/** Waits for a deletion of the application that is under way, and keeps one away until the end. */
const holdApplication = statement<[one: number]>(
  "application.hold",
  "SELECT 1 FROM application WHERE id = $1 AND NOT deleted FOR SHARE",
);
/** Of an application that is gone meanwhile: born deleted, as if it had been a moment earlier. */
const insert = statement(
  "endpoint.insert",
  `WITH written AS (
     INSERT INTO endpoint (${ENDPOINT_COLUMNS}, deleted)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
       NOT EXISTS (SELECT 1 FROM application WHERE id = $1 AND NOT deleted))
     ON CONFLICT (app_id, uid) WHERE uid IS NOT NULL AND NOT deleted DO NOTHING
     RETURNING app_id)
   INSERT INTO change (app_id) SELECT app_id FROM written`,
);
const lockState = statement<[updatedAt: number, disabled: boolean, failingSince: number | null]>(
  "endpoint.lock_state",
  `SELECT updated_at, disabled, failing_since FROM endpoint
   WHERE app_id = $1 AND id = $2 AND NOT deleted FOR NO KEY UPDATE`,
);
const update = statement(
  "endpoint.update",
  `WITH written AS (
     UPDATE endpoint SET uid = $3, url = $4, description = $5, throttle_rate = $6, event_types = $7,
       channels = $8, disabled = $9, disabled_reason = $10, disabled_at = $11, failing_since = $12, secrets = $13,
       headers = $14, metadata = $15, fifo = $16, timeout_ms = $17, retry_schedule_ms = $18, created_at = $19,
       updated_at = $20, transformation = $21, access = $22
     WHERE app_id = $1 AND id = $2 AND NOT deleted
     RETURNING app_id)
   INSERT INTO change (app_id) SELECT app_id FROM written`,
);
/** One statement on one row. `cancelOrphans` ends what the endpoint is still owed. */
const hide = statement(
  "endpoint.delete",
  `WITH written AS (
     UPDATE endpoint SET deleted = TRUE WHERE app_id = $1 AND id = $2 AND NOT deleted
     RETURNING app_id)
   INSERT INTO change (app_id) SELECT app_id FROM written`,
);

export function endpointStore(
  { ingest, lists }: Database,
  { partitions }: { partitions: PartitionKeeper },
): EndpointStore {
  return {
    async insert(endpoint, { idempotency: answer, tells }) {
      await partitions.ensureForTold(tells);
      return insertNamed(lists, {
        answer,
        insert: async (connection) => {
          const inserted = await insertEndpoint(connection, endpoint);
          if (inserted) await storeTold(connection, tells);
          return inserted;
        },
        findHolder: () => findHolder(lists, endpoint),
      });
    },
    // What accepting a message looks up does not wait for lists.
    async listAll(appId) {
      return (await ingest.query(listAll, [appId])).rows.map(toEndpoint);
    },
    async list({ appId, page }) {
      return (await list(lists, page, [appId])).map(toEndpoint);
    },
    async update(endpoint, { idempotency: answer, basedOn, tells }) {
      await partitions.ensureForTold(tells);
      try {
        return await writeOnce(lists, {
          answer,
          work: async (connection) => {
            const result = await updateEndpoint(connection, endpoint, basedOn);
            if (result === "updated") await storeTold(connection, tells);
            return result;
          },
          wrote: (result) => result === "updated",
        });
      } catch (error) {
        // Somebody took the uid between the look for its holder and the write.
        if (isTaken(error, "endpoint_uid")) return "uid_taken";
        throw error;
      }
    },
    async delete({ appId, id, tells }) {
      await partitions.ensureForTold(tells);
      return writeOnce(lists, {
        answer: undefined,
        work: async (connection) => {
          const { count } = await connection.query(hide, [appId, id]);
          if (count > 0) await storeTold(connection, tells);
          return count > 0;
        },
        wrote: (done) => done,
      });
    },
  };
}

async function insertEndpoint(connection: Connection, endpoint: Endpoint): Promise<boolean> {
  const [, { count }] = await Promise.all([
    connection.query(holdApplication, [endpoint.appId]),
    connection.query(insert, toEndpointRow(endpoint)),
  ]);
  return count > 0;
}

/**
 * The row is locked before it is looked at, so neither a delivery's outcome nor another person's change can come
 * between the look and the write: a change that is based on an older state is refused, and the run of failures
 * is the one that the deliveries wrote last.
 */
async function updateEndpoint(
  connection: Connection,
  endpoint: Endpoint,
  basedOn: BasedOn["basedOn"],
): Promise<UpdateResult | "stale"> {
  const { appId, id } = endpoint;
  const [{ rows }, holder] = await Promise.all([
    connection.query(lockState, [appId, id]),
    findHolder(connection, endpoint),
  ]);
  if (holder !== null && holder.id !== id) return "uid_taken";
  const [state] = rows;
  if (state === undefined) return "not_found";
  const [updatedAt, disabled, failingSince] = state;
  let record = endpoint;
  if (basedOn !== undefined) {
    if (basedOn.updatedAt !== updatedAt || basedOn.disabled !== disabled) return "stale";
    const enables = disabled && !endpoint.disabled;
    record = { ...endpoint, failingSince: enables ? null : failingSince };
  }
  await connection.query(update, toEndpointRow(record));
  return "updated";
}

async function findHolder(connection: Connection, { appId, uid }: Endpoint): Promise<Endpoint | null> {
  const [row] = (await connection.query(findByUid, [appId, uid])).rows;
  return row === undefined ? null : toEndpoint(row);
}
