import type { DatabaseSync } from "node:sqlite";
import { ID_PREFIX } from "../../../domain/ids.ts";
import { LIST_SCAN_ROWS } from "../../../domain/limits.ts";
import type { AttemptQuery, Page } from "../../port.ts";
import { idRange } from "../../id-range.ts";
import { statusCodeOf } from "../../codes.ts";
import { ATTEMPT_COLUMNS, type AttemptRow } from "../rows/attempt.ts";
import { MESSAGE_COLUMNS, type MessageRow } from "../rows/message.ts";
import { query, type SqlValue } from "../values.ts";
import { messageFilter } from "./messages.ts";
import {
  type Entry,
  type EntrySource,
  type Filter,
  runStep,
  StatementCache,
  type Step,
  type Stepped,
} from "./scan.ts";

const WITH_BODY = ATTEMPT_COLUMNS.replaceAll(/\w+/g, "attempt.$&");
const WITHOUT_BODY = WITH_BODY.replace("attempt.response_body", "''");
const STATUS_CODE_CLASS_SIZE = 100;
const SUCCESS_CLASS = 200;

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
    const { appId, page, messageId } = request;
    const filter = messageFilter(request, "message.");
    const join =
      filter.sql === ""
        ? ""
        : "CROSS JOIN message ON message.app_id = attempt.app_id AND message.id = attempt.message_id";
    const row = rows.get(
      `SELECT ${request.withBody ? WITH_BODY : WITHOUT_BODY} FROM attempt ${join}
       WHERE attempt.seq = ? AND attempt.app_id = ?${filter.sql}`,
    );
    return runStep<AttemptListRow>({
      page,
      range: idRange(request, ID_PREFIX.attempt),
      size: filter.sql === "" ? page.limit : LIST_SCAN_ROWS,
      mayBeUnlisted: request.unlisted && messageId === undefined,
      source: messageId === undefined ? ofEndpoint(request) : ofMessage(request, messageId),
      read([, seq]) {
        const attempt = row.get(seq, appId, ...filter.params);
        if (attempt === undefined) return null;
        return [attempt, request.withMessage ? (findMessage.get(appId, attempt[2]) ?? null) : null];
      },
    });
  };
}

function endpointEntries(db: DatabaseSync): (request: AttemptQuery) => EntrySource {
  const statements = new StatementCache<Entry>(db);
  return ({ appId, endpointId = "", page, ...request }) => {
    const filter = outcomeFilter(request);
    const index = succeeds(request) ? "" : "INDEXED BY attempt_list_unsuccessful";
    const where = `app_id = ? AND endpoint_id = ? AND id >= ? AND id < ?${filter.sql}`;
    const listed = statements.get(
      `SELECT id, seq FROM attempt_list ${index} WHERE ${where} ORDER BY id ${direction(page)} LIMIT ?`,
    );
    const unlisted = statements.get(
      `SELECT id, seq FROM attempt NOT INDEXED WHERE seq > (SELECT seq FROM listed) AND ${where}`,
    );
    return {
      listed: ({ from, until }, limit) => listed.all(appId, endpointId, from, until, ...filter.params, limit),
      unlisted: ({ from, until }) => unlisted.all(appId, endpointId, from, until, ...filter.params),
    };
  };
}

/** The attempts of a message have an index of their own, which is never behind. */
function messageEntries(db: DatabaseSync): (request: AttemptQuery, messageId: string) => EntrySource {
  const statements = new StatementCache<Entry>(db);
  return ({ appId, endpointId, page, ...request }, messageId) => {
    const filter = outcomeFilter(request);
    const ofEndpoint = endpointId === undefined ? "" : " AND endpoint_id = ?";
    const params = endpointId === undefined ? filter.params : [endpointId, ...filter.params];
    const listed = statements.get(
      `SELECT id, seq FROM attempt INDEXED BY attempt_message
       WHERE app_id = ? AND message_id = ? AND id >= ? AND id < ?${ofEndpoint}${filter.sql}
       ORDER BY id ${direction(page)} LIMIT ?`,
    );
    return {
      listed: ({ from, until }, limit) => listed.all(appId, messageId, from, until, ...params, limit),
      unlisted: () => [],
    };
  };
}

/** Conditions on how an attempt ended, each with its AND. */
export function outcomeFilter({
  status,
  statusCodeClass,
}: Pick<AttemptQuery, "status" | "statusCodeClass">): Filter {
  let sql = "";
  const params: SqlValue[] = [];
  if (status !== undefined) {
    // Written out for those that did not succeed: the planner has to see that their index applies.
    sql += status === "success" ? " AND status = ?" : " AND status <> 0 AND status = ?";
    params.push(statusCodeOf(status));
  }
  if (statusCodeClass !== undefined) {
    if (statusCodeClass !== SUCCESS_CLASS) sql += " AND status <> 0";
    sql += " AND status_code >= ? AND status_code < ?";
    params.push(statusCodeClass, statusCodeClass + STATUS_CODE_CLASS_SIZE);
  }
  return { sql, params };
}

/** Whether attempts that succeeded are (also) asked for. A status code outside 2xx never is a success. */
function succeeds({ status, statusCodeClass }: Pick<AttemptQuery, "status" | "statusCodeClass">): boolean {
  if (statusCodeClass !== undefined && statusCodeClass !== SUCCESS_CLASS) return false;
  return status === undefined || status === "success";
}

function direction({ order }: Page): "ASC" | "DESC" {
  return order === "ascending" ? "ASC" : "DESC";
}
