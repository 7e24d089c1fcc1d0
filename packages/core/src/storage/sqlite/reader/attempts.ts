import type { DatabaseSync } from "node:sqlite";
import { ID_PREFIX } from "../../../domain/ids.ts";
import type { AttemptQuery, Page } from "../../port.ts";
import { statusCodeOf } from "../codes.ts";
import { ATTEMPT_COLUMNS, type AttemptRow } from "../rows/attempt.ts";
import { MESSAGE_COLUMNS, type MessageRow } from "../rows/message.ts";
import { query, type SqlValue } from "../values.ts";
import { messageFilter } from "./messages.ts";
import {
  type Entry,
  type EntrySource,
  type Filter,
  idRange,
  runStep,
  StatementCache,
  type Step,
  type Stepped,
} from "./scan.ts";

const WITH_BODY = ATTEMPT_COLUMNS.replaceAll(/\w+/g, "attempt.$&");
const WITHOUT_BODY = WITH_BODY.replace("attempt.response_body", "''");
const STATUS_CODE_CLASS_SIZE = 100;

/** An attempt, and its message when asked for (null when that is gone). */
export type AttemptListRow = readonly [attempt: AttemptRow, message: MessageRow | null];

export function attemptReads(db: DatabaseSync) {
  const find = query<AttemptRow>(
    db,
    `SELECT ${ATTEMPT_COLUMNS} FROM attempt WHERE app_id = ? AND message_id = ? AND id = ?`,
  );
  return {
    findAttempt: (request: { appId: string; messageId: string; attemptId: string }) =>
      find.get(request.appId, request.messageId, request.attemptId) ?? null,
    listAttempts: attemptList(db),
  };
}

function attemptList(db: DatabaseSync): (request: AttemptQuery & Stepped) => Step<AttemptListRow> {
  const rows = new StatementCache<AttemptRow>(db);
  const ofEndpoint = endpointEntries(db);
  const ofMessage = messageEntries(db);
  const findMessage = query<MessageRow>(
    db,
    `SELECT ${MESSAGE_COLUMNS} FROM message WHERE app_id = ? AND id = ?`,
  );
  return (request) => {
    const { appId, page, messageId, endpointId } = request;
    const filter = attemptFilter(request);
    const row = rows.get(
      `SELECT ${request.withBody ? WITH_BODY : WITHOUT_BODY} FROM attempt${filter.join}
       WHERE attempt.seq = ? AND attempt.app_id = ?${filter.sql}`,
    );
    return runStep<AttemptListRow>({
      page,
      range: idRange(request, ID_PREFIX.attempt),
      filtered: filter.sql !== "",
      mayBeUnlisted: request.unlisted && messageId === undefined,
      source:
        messageId === undefined
          ? ofEndpoint({ appId, endpointId: endpointId ?? "", order: page.order })
          : ofMessage({ appId, messageId, order: page.order }),
      read([, seq]) {
        const attempt = row.get(seq, appId, ...filter.params);
        if (attempt === undefined) return null;
        return [attempt, request.withMessage ? (findMessage.get(appId, attempt[2]) ?? null) : null];
      },
    });
  };
}

function endpointEntries(db: DatabaseSync) {
  const statements = new StatementCache<Entry>(db);
  const unlisted = query<Entry>(
    db,
    `SELECT id, seq FROM attempt NOT INDEXED
     WHERE seq > (SELECT seq FROM listed) AND app_id = ? AND endpoint_id = ? AND id >= ? AND id < ?`,
  );
  return (of: { appId: string; endpointId: string; order: Page["order"] }): EntrySource => ({
    listed: ({ from, until }, limit) =>
      statements
        .get(
          `SELECT id, seq FROM attempt_list WHERE app_id = ? AND endpoint_id = ? AND id >= ? AND id < ?
           ORDER BY id ${of.order === "ascending" ? "ASC" : "DESC"} LIMIT ?`,
        )
        .all(of.appId, of.endpointId, from, until, limit),
    unlisted: ({ from, until }) => unlisted.all(of.appId, of.endpointId, from, until),
  });
}

/** The attempts of a message have an index, which is never behind. */
function messageEntries(db: DatabaseSync) {
  const statements = new StatementCache<Entry>(db);
  return (of: { appId: string; messageId: string; order: Page["order"] }): EntrySource => ({
    listed: ({ from, until }, limit) =>
      statements
        .get(
          `SELECT id, seq FROM attempt INDEXED BY attempt_message
           WHERE app_id = ? AND message_id = ? AND id >= ? AND id < ?
           ORDER BY id ${of.order === "ascending" ? "ASC" : "DESC"} LIMIT ?`,
        )
        .all(of.appId, of.messageId, from, until, limit),
    unlisted: () => [],
  });
}

function attemptFilter(request: AttemptQuery): Filter & { readonly join: string } {
  const ofMessage = messageFilter(request, "message.");
  let sql = "";
  const params: SqlValue[] = [];
  if (request.messageId !== undefined && request.endpointId !== undefined) {
    sql += " AND attempt.endpoint_id = ?";
    params.push(request.endpointId);
  }
  if (request.status !== undefined) {
    sql += " AND attempt.status = ?";
    params.push(statusCodeOf(request.status));
  }
  if (request.statusCodeClass !== undefined) {
    sql += " AND attempt.status_code >= ? AND attempt.status_code < ?";
    params.push(request.statusCodeClass, request.statusCodeClass + STATUS_CODE_CLASS_SIZE);
  }
  const join = " CROSS JOIN message ON message.app_id = attempt.app_id AND message.id = attempt.message_id";
  return {
    sql: sql + ofMessage.sql,
    params: [...params, ...ofMessage.params],
    join: ofMessage.sql === "" ? "" : join,
  };
}
