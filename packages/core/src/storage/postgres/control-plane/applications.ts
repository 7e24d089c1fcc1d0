import type { Application } from "../../../domain/application.ts";
import type { ApplicationStore, BasedOnVersion, UpdateResult } from "../../port.ts";
import type { ConnectionPool, Database } from "../database.ts";
import {
  APPLICATION_COLUMNS,
  type ApplicationRow,
  toApplication,
  toApplicationRow,
} from "../rows/application.ts";
import { inLiving } from "../living.ts";
import { ordinary } from "../../ordinary.ts";
import { statement } from "../statement.ts";
import { insertNamed, isTaken } from "./insert-named.ts";
import { pagedList } from "./paged-list.ts";

const SELECT = `SELECT ${APPLICATION_COLUMNS} FROM application
   WHERE environment_id = $1 AND NOT deleted AND ${inLiving("application")} AND ${ordinary()}`;

/** An id before a uid that reads like it; the second lookup runs only where the first finds nothing. */
const find = statement<ApplicationRow>(
  "application.find",
  `${SELECT} AND id = COALESCE(
     (SELECT id FROM application WHERE environment_id = $1 AND id = $2 AND NOT deleted),
     (SELECT id FROM application WHERE environment_id = $1 AND uid = $2 AND NOT deleted))`,
);
const findByUid = statement<ApplicationRow>("application.find_by_uid", `${SELECT} AND uid = $2`);
const findById = statement<ApplicationRow>(
  "application.find_by_id",
  `SELECT ${APPLICATION_COLUMNS} FROM application WHERE id = $1 AND NOT deleted AND ${inLiving("application")}`,
);
const list = pagedList<ApplicationRow>("application.list", { select: SELECT, key: "id", parameters: 1 });
/** Written together with its `change`, by which the other nodes learn of it. */
const insert = statement(
  "application.insert",
  `WITH written AS (
     INSERT INTO application (${APPLICATION_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (environment_id, uid) WHERE uid IS NOT NULL AND NOT deleted DO NOTHING
     RETURNING id)
   INSERT INTO change (app_id) SELECT id FROM written`,
);
const ensureOperational = statement(
  "application.ensure_operational",
  `WITH written AS (
     INSERT INTO application (${APPLICATION_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT DO NOTHING
     RETURNING id)
   INSERT INTO change (app_id) SELECT id FROM written`,
);
const update = statement(
  "application.update",
  `WITH written AS (
     UPDATE application SET uid = $3, name = $4, throttle_rate = $5, metadata = $6, created_at = $7, updated_at = $8
     WHERE environment_id = $2 AND id = $1 AND NOT deleted AND updated_at = coalesce($9, updated_at)
     RETURNING id)
   INSERT INTO change (app_id) SELECT id FROM written`,
);
const hide = statement(
  "application.delete",
  `WITH written AS (
     UPDATE application SET deleted = TRUE WHERE environment_id = $1 AND id = $2 AND NOT deleted
     RETURNING id)
   INSERT INTO change (app_id) SELECT id FROM written`,
);
/** In the order of their ids, as everything that locks several endpoints does. */
const hideEndpoints = statement(
  "endpoint.delete_all",
  `WITH held AS (
     SELECT id FROM endpoint WHERE app_id = $1 AND NOT deleted ORDER BY id FOR NO KEY UPDATE)
   UPDATE endpoint SET deleted = TRUE FROM held WHERE endpoint.app_id = $1 AND endpoint.id = held.id`,
);

export function applicationStore({ ingest, lists }: Database): ApplicationStore {
  return {
    insert: (application, { idempotency: answer }) =>
      insertNamed(lists, {
        answer,
        insert: async (connection) =>
          (await connection.query(insert, toApplicationRow(application))).count > 0,
        findHolder: () => findHolder(lists, application),
      }),
    async ensureOperational(application) {
      await lists.query(ensureOperational, toApplicationRow(application));
    },
    // What accepting a message looks up does not wait for lists.
    async find({ environmentId, ref }) {
      const [row] = (await ingest.query(find, [environmentId, ref])).rows;
      return row === undefined ? null : toApplication(row);
    },
    async findById(id) {
      const [row] = (await ingest.query(findById, [id])).rows;
      return row === undefined ? null : toApplication(row);
    },
    async list({ environmentId, page }) {
      return (await list(lists, page, [environmentId])).map(toApplication);
    },
    update: (application, options) => updateApplication(lists, application, options?.basedOn),
    delete: (query) => deleteApplication(lists, query),
  };
}

/**
 * One statement on one row: whoever writes later replaces the whole record, unless its change is based on an older one,
 * which the row says after the wait for whoever was earlier.
 */
async function updateApplication(
  pool: ConnectionPool,
  application: Application,
  basedOn: BasedOnVersion["basedOn"],
): Promise<UpdateResult | "stale"> {
  try {
    const values = [...toApplicationRow(application), basedOn?.updatedAt ?? null];
    const { count } = await pool.query(update, values);
    if (count > 0) return "updated";
  } catch (error) {
    if (isTaken(error, "application_uid")) return "uid_taken";
    throw error;
  }
  const holder = await findHolder(pool, application);
  if (holder !== null && holder.id !== application.id) return "uid_taken";
  const { rows } = await pool.query(find, [application.environmentId, application.id]);
  return rows.length > 0 ? "stale" : "not_found";
}

/**
 * Hides the application and its endpoints; `cancelOrphans` and `prune` remove what belongs to them. An endpoint
 * that is being inserted holds the application's row (endpoints.ts): it is either hidden here or born hidden.
 */
function deleteApplication(
  pool: ConnectionPool,
  { environmentId, id }: { environmentId: string; id: string },
): Promise<boolean> {
  return pool.transaction(async (connection) => {
    const { count } = await connection.query(hide, [environmentId, id]);
    if (count === 0) return false;
    await connection.query(hideEndpoints, [id]);
    return true;
  });
}

async function findHolder(
  pool: ConnectionPool,
  { environmentId, uid }: Application,
): Promise<Application | null> {
  const [row] = (await pool.query(findByUid, [environmentId, uid])).rows;
  return row === undefined ? null : toApplication(row);
}
