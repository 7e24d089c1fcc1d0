import { ID_PREFIX } from "../../../domain/ids.ts";
import { ksuidFloor } from "../../../domain/ksuid.ts";
import {
  IDEMPOTENCY_TTL_MS,
  PRUNE_APPLICATIONS,
  PRUNE_LOOKED_MAX,
  PRUNE_MESSAGES,
  PRUNE_ROWS,
} from "../../../domain/limits.ts";
import type { HistoryStore } from "../../port.ts";
import { textArray } from "../arrays.ts";
import type { ConnectionPool } from "../database.ts";
import { statement } from "../statement.ts";
import { removeMessages } from "./prune-messages.ts";

type PruneRequest = Parameters<HistoryStore["prune"]>[0];
type ApplicationState = [id: string, deleted: boolean, deletedAt: number | null];

const listApplications = statement<ApplicationState>(
  "prune.list_applications",
  `SELECT id, deleted, deleted_at FROM application WHERE environment_id = $1 AND id > $2
   ORDER BY id LIMIT ${PRUNE_APPLICATIONS}`,
);
/** Looks only into the days before. */
const withOldMessages = statement<[appId: string]>(
  "prune.with_old_messages",
  `SELECT app.app_id FROM unnest($1::text[]) AS app (app_id)
   WHERE (SELECT TRUE FROM message WHERE message.app_id = app.app_id AND message.id < $2 LIMIT 1)`,
);
const listOld = statement<[id: string]>(
  "prune.list_old",
  "SELECT id FROM message WHERE app_id = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT $4",
);
const clearPayloads = statement(
  "prune.clear_payloads",
  `WITH expired AS (
     SELECT app_id, id FROM message
     WHERE app_id = ANY($1) AND payload_expires_at <= $2 AND payload_expires_at IS NOT NULL
       AND payload IS NOT NULL
     LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED)
   UPDATE message SET payload = NULL FROM expired
   WHERE message.app_id = expired.app_id AND message.id = expired.id`,
);
/** Drained: nothing is owed to it, and it is too long ago for a message to be on its way in. */
const deleteEndpoints = statement(
  "prune.delete_endpoints",
  `WITH old AS (
     SELECT app_id, id FROM endpoint WHERE app_id = ANY($1) AND deleted AND drained AND deleted_at < $2
       AND (SELECT TRUE FROM due WHERE due.app_id = endpoint.app_id AND due.endpoint_id = endpoint.id LIMIT 1)
         IS NULL
     FOR UPDATE SKIP LOCKED)
   DELETE FROM endpoint USING old WHERE endpoint.app_id = old.app_id AND endpoint.id = old.id`,
);
const stampApplications = statement(
  "prune.stamp_applications",
  `WITH met AS (
     SELECT id FROM application
     WHERE environment_id = $1 AND id = ANY($2) AND deleted AND deleted_at IS NULL FOR NO KEY UPDATE SKIP LOCKED)
   UPDATE application SET deleted_at = $3 FROM met WHERE application.environment_id = $1 AND application.id = met.id`,
);
const deleteApplications = statement(
  "prune.delete_applications",
  `WITH empty AS (
     SELECT id FROM application WHERE environment_id = $1 AND id = ANY($2) AND deleted
       AND (SELECT TRUE FROM endpoint WHERE endpoint.app_id = application.id LIMIT 1) IS NULL
       AND (SELECT TRUE FROM due WHERE due.app_id = application.id LIMIT 1) IS NULL
       AND (SELECT TRUE FROM message WHERE message.app_id = application.id LIMIT 1) IS NULL
     FOR UPDATE SKIP LOCKED)
   DELETE FROM application USING empty WHERE application.environment_id = $1 AND application.id = empty.id`,
);
/** One scan even with a plan that was made while the table was empty, which a join may not be. */
const forgetKeys = statement(
  "prune.forget_keys",
  `DELETE FROM idempotency WHERE environment_id = $1 AND scope = ANY (ARRAY(
     SELECT scope FROM idempotency WHERE environment_id = $1 AND created_at <= $2
     ORDER BY created_at LIMIT ${PRUNE_ROWS} FOR UPDATE SKIP LOCKED))`,
);

/** How far retention has come in an environment. */
interface Place {
  /** The last application that was done; "" = start over. */
  readonly doneUpTo: string;
  /** In the one after it: the last message that was looked at. */
  readonly within: { readonly appId: string; readonly messageId: string } | null;
}
const START: Place = { doneUpTo: "", within: null };

/**
 * Retention, application by application, in small transactions: several nodes may be at it, for what one holds
 * the others pass over. Where a call ended is remembered, so that the next one does not start over.
 */
export class Pruner {
  readonly #pool: ConnectionPool;
  readonly #places = new Map<string, Place>();

  constructor(pool: ConnectionPool) {
    this.#pool = pool;
  }

  async prune(request: PruneRequest): Promise<number> {
    const { environmentId, now, limit } = request;
    await this.#forgetKeys(environmentId, now - IDEMPOTENCY_TTL_MS);
    const round = new Round(this.#pool, request, this.#places.get(environmentId) ?? START);
    let fromStart = round.place.doneUpTo === "" && round.place.within === null;
    while (round.gone < limit && round.looked < PRUNE_LOOKED_MAX) {
      const more = await round.takePage();
      if (more) continue;
      // The end: what lies before the starting point has not been looked at yet.
      if (fromStart || round.gone > 0) break;
      fromStart = true;
    }
    this.#places.set(environmentId, round.place);
    return round.gone;
  }

  async #forgetKeys(environmentId: string, expired: number): Promise<void> {
    let count: number;
    do {
      ({ count } = await this.#pool.query(forgetKeys, [environmentId, expired]));
    } while (count === PRUNE_ROWS);
  }
}

/** One call's way through the applications. */
class Round {
  readonly #pool: ConnectionPool;
  readonly #request: PruneRequest;
  place: Place;
  /** Rows that were removed, and old messages that were looked at. */
  gone = 0;
  looked = 0;

  constructor(pool: ConnectionPool, request: PruneRequest, place: Place) {
    this.#pool = pool;
    this.#request = request;
    this.place = place;
  }

  /** Does the next applications, as far as the limits go; false: those were the last. */
  async takePage(): Promise<boolean> {
    const { environmentId } = this.#request;
    const { rows } = await this.#pool.query(listApplications, [environmentId, this.place.doneUpTo]);
    const ids = rows.map(([id]) => id);
    if (!(await this.#removeMessages(ids))) return true;
    if (!(await this.#clearPayloads(ids))) return true;
    await this.#removeDeleted(rows);
    const more = ids.length === PRUNE_APPLICATIONS;
    this.place = more ? { doneUpTo: ids.at(-1) ?? "", within: null } : START;
    return more;
  }

  /** False: a limit was met on the way. */
  async #removeMessages(appIds: readonly string[]): Promise<boolean> {
    const { before, now, limit } = this.#request;
    const until = ksuidFloor(ID_PREFIX.message, before);
    const { rows } = await this.#pool.query(withOldMessages, [textArray(appIds), until]);
    const withOld = rows.map(([appId]) => appId).toSorted();
    for (const appId of withOld) {
      let after = this.place.within?.appId === appId ? this.place.within.messageId : "";
      for (;;) {
        const size = Math.min(PRUNE_MESSAGES, limit - this.gone);
        if (size <= 0 || this.looked >= PRUNE_LOOKED_MAX) {
          const doneUpTo = appIds.findLast((id) => id < appId) ?? this.place.doneUpTo;
          // Those that were passed over stay behind; what comes is looked at from the start once round.
          this.place = { doneUpTo, within: { appId, messageId: after } };
          return false;
        }
        const ids = (await this.#pool.query(listOld, [appId, after, until, size])).rows.map(([id]) => id);
        if (ids.length > 0) this.gone += await removeMessages(this.#pool, { appId, ids, now });
        this.looked += ids.length;
        after = ids.at(-1) ?? after;
        if (ids.length < size) break;
      }
    }
    return true;
  }

  async #clearPayloads(appIds: readonly string[]): Promise<boolean> {
    const { now, limit } = this.#request;
    const room = limit - this.gone;
    if (room <= 0) return false;
    const { count } = await this.#pool.query(clearPayloads, [textArray(appIds), now, room]);
    this.gone += count;
    return count < room;
  }

  async #removeDeleted(applications: readonly ApplicationState[]): Promise<void> {
    const { environmentId, before, now } = this.#request;
    const idsOf = (keep: (state: ApplicationState) => boolean): string[] =>
      applications.filter(keep).map(([id]) => id);
    const all = textArray(idsOf(() => true));
    this.gone += (await this.#pool.query(deleteEndpoints, [all, before])).count;
    const met = idsOf(([, deleted, deletedAt]) => deleted && deletedAt === null);
    if (met.length > 0) await this.#pool.query(stampApplications, [environmentId, textArray(met), now]);
    const old = idsOf(([, , deletedAt]) => deletedAt !== null && deletedAt < before);
    if (old.length === 0) return;
    this.gone += (await this.#pool.query(deleteApplications, [environmentId, textArray(old)])).count;
  }
}
