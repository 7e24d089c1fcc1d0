import type { DatabaseSync } from "node:sqlite";
import { ID_PREFIX } from "../../../domain/ids.ts";
import { LIST_SCAN_ROWS } from "../../../domain/limits.ts";
import type { MessageQuery } from "../../port.ts";
import { idRange } from "../../id-range.ts";
import { MESSAGE_COLUMNS, type MessageRow } from "../rows/message.ts";
import { query, type SqlValue } from "../values.ts";
import {
  type Entry,
  type EntrySource,
  type Filter,
  runStep,
  StatementCache,
  type Step,
  type Stepped,
} from "./scan.ts";

/** Leaves the payload on disk: it stands last. */
const WITHOUT_PAYLOAD = MESSAGE_COLUMNS.replace(/, payload$/, ", NULL");

export function messageReads(db: DatabaseSync) {
  const find = query<MessageRow>(db, `SELECT ${MESSAGE_COLUMNS} FROM message WHERE app_id = ? AND id = ?`);
  const findByEvent = query<MessageRow>(
    db,
    `SELECT ${MESSAGE_COLUMNS} FROM message WHERE app_id = ? AND event_id = ?`,
  );
  return {
    findMessage: ({ appId, ref }: { appId: string; ref: string }) =>
      find.get(appId, ref) ?? findByEvent.get(appId, ref) ?? null,
    listMessages: messageList(db),
  };
}

function messageList(db: DatabaseSync): (request: MessageQuery & Stepped) => Step<MessageRow> {
  const entries = messageEntries(db);
  const rows = new StatementCache<MessageRow>(db);
  return (request) => {
    const { appId, page } = request;
    const filter = messageFilter(request, "");
    const row = rows.get(
      `SELECT ${request.withPayload ? MESSAGE_COLUMNS : WITHOUT_PAYLOAD} FROM message
       WHERE seq = ? AND app_id = ?${filter.sql}`,
    );
    return runStep({
      page,
      range: idRange(request, ID_PREFIX.message),
      size: filter.sql === "" ? page.limit : LIST_SCAN_ROWS,
      mayBeUnlisted: request.unlisted,
      source: entries(request),
      read: ([, seq]) => row.get(seq, appId, ...filter.params) ?? null,
    });
  };
}

/** The messages of an application, in the order of their ids. */
export function messageEntries(
  db: DatabaseSync,
): (request: Pick<MessageQuery, "appId" | "page">) => EntrySource {
  const statements = new StatementCache<Entry>(db);
  // The planner would take the index of ids, which leads through every application's rows.
  const unlisted = query<Entry>(
    db,
    `SELECT id, seq FROM message NOT INDEXED
     WHERE seq > (SELECT seq FROM listed) AND app_id = ? AND id >= ? AND id < ?`,
  );
  return ({ appId, page }) => {
    const listed = statements.get(
      `SELECT id, seq FROM message_list WHERE app_id = ? AND id >= ? AND id < ?
       ORDER BY id ${page.order === "ascending" ? "ASC" : "DESC"} LIMIT ?`,
    );
    return {
      listed: ({ from, until }, limit) => listed.all(appId, from, until, limit),
      unlisted: ({ from, until }) => unlisted.all(appId, from, until),
    };
  };
}

/** Conditions on a message's channels, tags and type. `table` is its name with a dot, or nothing. */
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
