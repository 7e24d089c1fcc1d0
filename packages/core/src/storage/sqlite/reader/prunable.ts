import type { DatabaseSync } from "node:sqlite";
import { ID_PREFIX } from "../../../domain/ids.ts";
import { ksuidFloor } from "../../../domain/ksuid.ts";
import { lanesOwedBefore, OWED } from "../owed.ts";
import { query } from "../values.ts";

/** Applications looked at in one step, so that others get their turn on the reader between two steps. */
const APPLICATIONS_PER_STEP = 200;

export interface PruneScan {
  readonly environmentId: string;
  /** Goes on behind this application; "" = from the start. */
  readonly after: string;
  readonly before: number;
  readonly now: number;
  readonly limit: number;
}

type Key = readonly [appId: string, id: string];

/** What retention may remove. The writer looks again before it does. */
export interface Prunable {
  readonly messages: Key[];
  readonly payloads: Key[];
  readonly endpoints: Key[];
  readonly applications: string[];
  /** Deleted applications that maintenance meets for the first time. */
  readonly firstMet: string[];
  /** The last application that was looked at to its end; null when it was the last of all. */
  readonly after: string | null;
}

/** Finds what retention may remove, one application after the other, also the deleted ones. */
export function prunableReads(db: DatabaseSync) {
  const listApplications = query<[id: string, deleted: number, deletedAt: number | null]>(
    db,
    `SELECT id, deleted, deleted_at FROM application
     WHERE environment_id = ? AND id > ? ORDER BY id LIMIT ${APPLICATIONS_PER_STEP}`,
  );
  const find = prunableStatements(db);
  return {
    findPrunable(scan: PruneScan): Prunable {
      const applications = listApplications.all(scan.environmentId, scan.after);
      const found: Prunable = {
        messages: [],
        payloads: [],
        endpoints: [],
        applications: [],
        firstMet: [],
        after: null,
      };
      let after = scan.after;
      for (const [appId, deleted, deletedAt] of applications) {
        const room = scan.limit - found.messages.length - found.payloads.length;
        if (room <= 0) return { ...found, after };
        const messages = find.messages(appId, scan, room);
        const payloads = find.payloads(appId, scan, room - messages.length);
        found.messages.push(...messages);
        found.payloads.push(...payloads);
        // There may be more of this one: it comes first again.
        if (messages.length + payloads.length >= room) return { ...found, after };
        found.endpoints.push(...find.endpoints(appId, scan));
        if (deleted === 1 && deletedAt === null) found.firstMet.push(appId);
        if (deletedAt !== null && deletedAt < scan.before && find.isEmpty(appId)) {
          found.applications.push(appId);
        }
        after = appId;
      }
      return { ...found, after: applications.length < APPLICATIONS_PER_STEP ? null : after };
    },
  };
}

function prunableStatements(db: DatabaseSync) {
  const oldMessages = query<[id: string]>(
    db,
    `SELECT id FROM message_list WHERE app_id = ?1 AND id < ?2 AND NOT ${OWED("message_list.id")}
     ORDER BY id LIMIT ?4`,
  );
  const owedLanes = lanesOwedBefore(db);
  const expiredPayloads = query<[id: string]>(
    db,
    `SELECT id FROM message INDEXED BY message_payload_expiry
     WHERE app_id = ? AND payload_expires_at IS NOT NULL AND payload IS NOT NULL AND payload_expires_at <= ?
     LIMIT ?`,
  );
  const oldEndpoints = query<[id: string]>(
    db,
    `SELECT id FROM endpoint INDEXED BY endpoint_deleted
     WHERE app_id = ? AND deleted = 1 AND drained = 1 AND deleted_at < ?`,
  );
  const anyLeft = query<[number]>(
    db,
    `SELECT 1 FROM message_list WHERE app_id = ?1
     UNION ALL SELECT 1 FROM endpoint WHERE app_id = ?1
     UNION ALL SELECT 1 FROM due WHERE app_id = ?1 LIMIT 1`,
  );
  return {
    messages(appId: string, { before }: PruneScan, limit: number): Key[] {
      const floor = ksuidFloor(ID_PREFIX.message, before);
      return oldMessages
        .all(appId, floor, JSON.stringify(owedLanes(appId, floor)), limit)
        .map(([id]): Key => [appId, id]);
    },
    payloads: (appId: string, { now }: PruneScan, limit: number) =>
      expiredPayloads.all(appId, now, limit).map(([id]): Key => [appId, id]),
    endpoints: (appId: string, { before }: PruneScan) =>
      oldEndpoints.all(appId, before).map(([id]): Key => [appId, id]),
    isEmpty: (appId: string) => anyLeft.get(appId) === undefined,
  };
}
