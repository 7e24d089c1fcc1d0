import type { DatabaseSync } from "node:sqlite";
import { ID_PREFIX } from "../../../domain/ids.ts";
import type { MessageQuery } from "../../port.ts";
import { MESSAGE_COLUMNS, type MessageRow } from "../rows/message.ts";
import { query, type SqlValue } from "../values.ts";
import { type IdRange, idRange, type ListStatements, listStatements, runStep, type Step } from "./scan.ts";

/** Leaves the payload on disk: it stands last. */
const WITHOUT_PAYLOAD = MESSAGE_COLUMNS.replace(/, payload$/, ", NULL");

export function messageReads(db: DatabaseSync) {
  const lists = listStatements<MessageRow>(db);
  const find = query<MessageRow>(db, `SELECT ${MESSAGE_COLUMNS} FROM message WHERE app_id = ? AND id = ?`);
  const findByEvent = query<MessageRow>(
    db,
    `SELECT ${MESSAGE_COLUMNS} FROM message WHERE app_id = ? AND event_id = ?`,
  );
  return {
    findMessage: ({ appId, ref }: { appId: string; ref: string }) =>
      find.get(appId, ref) ?? findByEvent.get(appId, ref) ?? null,
    listMessages: (request: MessageQuery) => listMessages(lists, request),
  };
}

function listMessages({ rows, ends }: ListStatements<MessageRow>, request: MessageQuery): Step<MessageRow> {
  const { appId, page } = request;
  const filter = messageFilter(request, "");
  const order = page.order === "ascending" ? "ASC" : "DESC";
  const columns = request.withPayload ? MESSAGE_COLUMNS : WITHOUT_PAYLOAD;
  const where = "WHERE app_id = ? AND id >= ? AND id < ?";
  return runStep({
    page,
    range: idRange(request, ID_PREFIX.message),
    filtered: filter.sql !== "",
    findEnd: ({ from, until }: IdRange, offset) =>
      ends
        .get(`SELECT id FROM message ${where} ORDER BY id ${order} LIMIT 1 OFFSET ?`)
        .get(appId, from, until, offset)?.[0] ?? null,
    read: ({ from, until }) =>
      rows
        .get(`SELECT ${columns} FROM message ${where}${filter.sql} ORDER BY id ${order} LIMIT ?`)
        .all(appId, from, until, ...filter.params, page.limit),
  });
}

export interface Filter {
  readonly sql: string;
  readonly params: readonly SqlValue[];
}

/** Conditions on a message's channels, tags and type. `table` is its alias with a dot, or nothing. */
export function messageFilter(
  { channel, tag, eventTypes }: Pick<MessageQuery, "channel" | "tag" | "eventTypes">,
  table: "" | "message.",
): Filter {
  const conditions: string[] = [];
  const params: SqlValue[] = [];
  for (const [column, value] of [
    ["channels", channel],
    ["tags", tag],
  ] as const) {
    if (value === undefined) continue;
    // The quick look for the text spares most rows the parsing of their JSON.
    conditions.push(
      ` AND instr(${table}${column}, ?) > 0 AND EXISTS (SELECT 1 FROM json_each(${table}${column}) WHERE value = ?)`,
    );
    params.push(JSON.stringify(value), value);
  }
  if (eventTypes !== undefined) {
    conditions.push(` AND ${table}event_type IN (SELECT value FROM json_each(?))`);
    params.push(JSON.stringify(eventTypes));
  }
  return { sql: conditions.join(""), params };
}
