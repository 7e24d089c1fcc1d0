import type { DatabaseSync } from "node:sqlite";
import { ID_PREFIX } from "../../../domain/ids.ts";
import type { AttemptQuery } from "../../port.ts";
import { statusCodeOf } from "../codes.ts";
import { ATTEMPT_COLUMNS, type AttemptRow } from "../rows/attempt.ts";
import { MESSAGE_COLUMNS, type MessageRow } from "../rows/message.ts";
import { query, type SqlValue } from "../values.ts";
import { type Filter, messageFilter } from "./messages.ts";
import { type IdRange, idRange, type ListStatements, listStatements, runStep, type Step } from "./scan.ts";

const WITH_BODY = ATTEMPT_COLUMNS.replaceAll(/\w+/g, "attempt.$&");
const WITHOUT_BODY = WITH_BODY.replace("attempt.response_body", "''");
const STATUS_CODE_CLASS_SIZE = 100;

/** An attempt, and its message when asked for (null when that is gone). */
export type AttemptListRow = readonly [attempt: AttemptRow, message: MessageRow | null];

export function attemptReads(db: DatabaseSync) {
  const lists = listStatements<AttemptRow>(db);
  const findMessage = query<MessageRow>(
    db,
    `SELECT ${MESSAGE_COLUMNS} FROM message WHERE app_id = ? AND id = ?`,
  );
  const find = query<AttemptRow>(
    db,
    `SELECT ${ATTEMPT_COLUMNS} FROM attempt WHERE app_id = ? AND message_id = ? AND id = ?`,
  );
  return {
    findAttempt: (request: { appId: string; messageId: string; attemptId: string }) =>
      find.get(request.appId, request.messageId, request.attemptId) ?? null,
    listAttempts(request: AttemptQuery): Step<AttemptListRow> {
      const { rows, after } = listAttempts(lists, request);
      return {
        after,
        rows: rows.map((row) => [
          row,
          request.withMessage ? (findMessage.get(row[0], row[2]) ?? null) : null,
        ]),
      };
    },
  };
}

function listAttempts({ rows, ends }: ListStatements<AttemptRow>, request: AttemptQuery): Step<AttemptRow> {
  const { appId, page, messageId, endpointId } = request;
  const byMessage = messageId !== undefined;
  const owner = messageId ?? endpointId;
  if (owner === undefined) throw new Error("a list of attempts is of one endpoint or of one message");
  const index = byMessage ? "attempt_message" : "attempt_endpoint";
  const from = `FROM attempt INDEXED BY ${index}`;
  const where = `WHERE attempt.app_id = ? AND attempt.${byMessage ? "message_id" : "endpoint_id"} = ?
    AND attempt.id >= ? AND attempt.id < ?`;
  const direction = page.order === "ascending" ? "ASC" : "DESC";
  const ofMessage = messageFilter(request, "message.");
  const filter = attemptFilter(request, ofMessage);
  // Read for each attempt of the step: a message is one seek away.
  const join =
    ofMessage.sql === ""
      ? ""
      : "CROSS JOIN message ON message.app_id = attempt.app_id AND message.id = attempt.message_id";
  const columns = request.withBody ? WITH_BODY : WITHOUT_BODY;
  return runStep({
    page,
    range: idRange(request, ID_PREFIX.attempt),
    filtered: filter.sql !== "",
    findEnd: (range: IdRange, offset) =>
      ends
        .get(`SELECT id ${from} ${where} ORDER BY id ${direction} LIMIT 1 OFFSET ?`)
        .get(appId, owner, range.from, range.until, offset)?.[0] ?? null,
    read: (range) =>
      rows
        .get(
          `SELECT ${columns} ${from} ${join} ${where}${filter.sql} ORDER BY attempt.id ${direction} LIMIT ?`,
        )
        .all(appId, owner, range.from, range.until, ...filter.params, page.limit),
  });
}

function attemptFilter(request: AttemptQuery, ofMessage: Filter): Filter {
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
  return { sql: sql + ofMessage.sql, params: [...params, ...ofMessage.params] };
}
