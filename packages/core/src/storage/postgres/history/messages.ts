import { ID_PREFIX } from "../../../domain/ids.ts";
import { LIST_SCAN_ROWS } from "../../../domain/limits.ts";
import type { Message } from "../../../domain/message.ts";
import { idRange } from "../../id-range.ts";
import type { MessageQuery, Page } from "../../port.ts";
import type { Connection, SqlValue } from "../database.ts";
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from "../rows/message.ts";
import { statement } from "../statement.ts";
import { collect, type PlacedRow, type Step, toStep } from "./scan.ts";

const find = statement<MessageRow>(
  "message.find",
  `SELECT ${MESSAGE_COLUMNS} FROM message WHERE app_id = $1 AND id = $2`,
);
const findEvent = statement<[messageId: string]>(
  "message.find_event",
  "SELECT message_id FROM message_event WHERE app_id = $1 AND event_id = $2",
);
/** The bounds are those of the ids: they say which days to look into, which a list of ids does not. */
const findMany = statement<MessageRow>(
  "message.find_many",
  `SELECT ${MESSAGE_COLUMNS} FROM message WHERE app_id = $1 AND id = ANY($2) AND id >= $3 AND id <= $4`,
);

/** Conditions on a message's channels, tags and type. The parameters are three, from `first` on; NULL: any. */
export function messageFilter(first: number): string {
  return `($${first}::text IS NULL OR $${first} = ANY(channels))
    AND ($${first + 1}::text IS NULL OR $${first + 1} = ANY(tags))
    AND ($${first + 2}::text[] IS NULL OR event_type = ANY($${first + 2}))`;
}

export function messageFilterValues({ channel, tag, eventTypes }: MessageFilter): SqlValue[] {
  return [channel ?? null, tag ?? null, eventTypes ?? null];
}

type MessageFilter = Pick<MessageQuery, "channel" | "tag" | "eventTypes">;

export function isFiltered({ channel, tag, eventTypes }: MessageFilter): boolean {
  return channel !== undefined || tag !== undefined || eventTypes !== undefined;
}

const listStatements = { ascending: listStatement("ascending"), descending: listStatement("descending") };

/**
 * One step of a list (scan.ts). The partitions hold ascending ranges of ids, so they are read one after the
 * other, and those behind the last row that is needed not at all.
 */
function listStatement(order: Page["order"]) {
  const direction = order === "ascending" ? "ASC" : "DESC";
  return statement<PlacedRow<MessageRow>>(
    `message.list_${order}`,
    `SELECT place, matches, ${MESSAGE_COLUMNS.replace(/payload$/, "CASE WHEN $9 THEN payload END")}
     FROM (
       SELECT ${MESSAGE_COLUMNS}, row_number() OVER (ORDER BY id ${direction}) AS place,
         ${messageFilter(6)} AS matches
       FROM message WHERE app_id = $1 AND id >= $2 AND id < $3
       ORDER BY id ${direction} LIMIT $4) AS scanned
     WHERE matches OR place = $4 ORDER BY id ${direction} LIMIT $5`,
  );
}

export async function findMessage(
  connection: Connection,
  { appId, ref }: { appId: string; ref: string },
): Promise<Message | null> {
  const [row] = (await connection.query(find, [appId, ref])).rows;
  if (row !== undefined) return toMessage(row);
  const [event] = (await connection.query(findEvent, [appId, ref])).rows;
  if (event === undefined) return null;
  const [ofEvent] = (await connection.query(find, [appId, event[0]])).rows;
  return ofEvent === undefined ? null : toMessage(ofEvent);
}

export async function listMessages(connection: Connection, query: MessageQuery): Promise<Message[]> {
  const { rows } = await collect(query.page, (left) => listStep(connection, { ...query, page: left }));
  return rows.map(toMessage);
}

/** One step of the list. */
export async function listStep(connection: Connection, query: MessageQuery): Promise<Step<MessageRow>> {
  const { appId, page } = query;
  const { from, until } = idRange(query, ID_PREFIX.message);
  const looked = isFiltered(query) ? LIST_SCAN_ROWS : page.limit;
  const values = [appId, from, until, looked, page.limit, ...messageFilterValues(query), query.withPayload];
  const answer = await connection.query(listStatements[page.order], values);
  return toStep(answer.rows, { looked, id: ([, id]) => id });
}

/** Those of an application that are there, by id. */
export async function findMessages(
  connection: Connection,
  { appId, ids }: { appId: string; ids: readonly string[] },
): Promise<Map<string, Message>> {
  const sorted = [...new Set(ids)].toSorted();
  const [first, last] = [sorted.at(0), sorted.at(-1)];
  if (first === undefined || last === undefined) return new Map();
  const { rows } = await connection.query(findMany, [appId, sorted, first, last]);
  return new Map(rows.map((row) => [row[1], toMessage(row)]));
}
