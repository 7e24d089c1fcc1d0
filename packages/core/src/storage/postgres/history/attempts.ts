import type { Attempt } from "../../../domain/attempt.ts";
import { ID_PREFIX } from "../../../domain/ids.ts";
import { ksuidFloor, ksuidTime } from "../../../domain/ksuid.ts";
import { LIST_SCAN_ROWS, NODE_CLOCKS_APART_MAX_MS, SEARCH_STEPS_MAX } from "../../../domain/limits.ts";
import { statusCodeOf } from "../../codes.ts";
import { type IdRange, idRange } from "../../id-range.ts";
import type { AttemptQuery, AttemptWithMessage, Page } from "../../port.ts";
import type { FoundAttempts } from "../../port-search.ts";
import type { Connection, SqlValue } from "../database.ts";
import { ATTEMPT_COLUMNS, type AttemptRow, toAttempt } from "../rows/attempt.ts";
import { type Statement, statement } from "../statement.ts";
import { findMessages, isFiltered, messageFilter, messageFilterValues } from "./messages.ts";
import { collect, type PlacedRow, toStep } from "./scan.ts";

const STATUS_CODE_CLASS_SIZE = 100;
const SUCCESS_CLASS = 200;

const find = statement<AttemptRow>(
  "attempt.find",
  `SELECT ${ATTEMPT_COLUMNS} FROM attempt WHERE app_id = $1 AND message_id = $2 AND id = $3`,
);

/** What a list is of; each has an index in the order of the ids. */
const OWNERS = {
  endpoint: "endpoint_id = $2",
  /** Written out: the planner has to see that the index of these applies. */
  unsuccessful: "endpoint_id = $2 AND status <> 0",
  message: "message_id = $2",
} as const;
type Owner = keyof typeof OWNERS;

/** Kept from becoming a join, which might read all messages of the application first. */
const MESSAGE_MATCHES = `(SELECT ${messageFilter(11)} FROM message
  WHERE message.app_id = $1 AND message.id = attempt.message_id)`;

/** One step of a list (scan.ts), for each shape of a query. */
const listStatements = new Map<string, Statement<PlacedRow<AttemptRow>>>();
for (const owner of ["endpoint", "unsuccessful", "message"] as const) {
  for (const order of ["ascending", "descending"] as const) {
    for (const filtered of [false, true]) {
      const direction = order === "ascending" ? "ASC" : "DESC";
      const name = listName({ owner, order, filtered });
      const text = `SELECT place, matches, ${ATTEMPT_COLUMNS.replaceAll(/response_\w+/g, "CASE WHEN $7 THEN $& END")}
        FROM (
          SELECT ${ATTEMPT_COLUMNS}, row_number() OVER (ORDER BY id ${direction}) AS place,
            ($8::smallint IS NULL OR status = $8)
              AND ($9::smallint IS NULL OR status_code >= $9 AND status_code < $9 + ${STATUS_CODE_CLASS_SIZE})
              AND ($10::text IS NULL OR endpoint_id = $10)
              ${filtered ? `AND ${MESSAGE_MATCHES}` : ""} AS matches
          FROM attempt WHERE app_id = $1 AND ${OWNERS[owner]} AND id >= $3 AND id < $4
          ORDER BY id ${direction} LIMIT $5) AS scanned
        WHERE matches OR place = $5 ORDER BY id ${direction} LIMIT $6`;
      listStatements.set(name, statement(name, text));
    }
  }
}

function listName(shape: { owner: Owner; order: Page["order"]; filtered: boolean }): string {
  return `attempt.list_of_${shape.owner}_${shape.order}${shape.filtered ? "_by_message" : ""}`;
}

export async function findAttempt(
  connection: Connection,
  { appId, messageId, attemptId }: { appId: string; messageId: string; attemptId: string },
): Promise<Attempt | null> {
  const [row] = (await connection.query(find, [appId, messageId, attemptId])).rows;
  return row === undefined ? null : toAttempt(row);
}

export async function listAttempts(
  connection: Connection,
  query: AttemptQuery,
): Promise<AttemptWithMessage[]> {
  const { rows } = await collect(query.page, (left) => takeStep(connection, { ...query, page: left }));
  return withMessages(connection, query, rows.map(toAttempt));
}

/** The same in a bounded number of steps. */
export async function findAttempts(connection: Connection, query: AttemptQuery): Promise<FoundAttempts> {
  const { rows, after } = await collect(
    query.page,
    (left) => takeStep(connection, { ...query, page: left }),
    SEARCH_STEPS_MAX,
  );
  return { attempts: await withMessages(connection, query, rows.map(toAttempt)), after };
}

async function withMessages(
  connection: Connection,
  { appId, withMessage }: AttemptQuery,
  attempts: readonly Attempt[],
): Promise<AttemptWithMessage[]> {
  if (!withMessage) return attempts.map((attempt) => ({ attempt, message: null }));
  const ids = attempts.map(({ messageId }) => messageId);
  const messages = await findMessages(connection, { appId, ids });
  return attempts.map((attempt) => ({ attempt, message: messages.get(attempt.messageId) ?? null }));
}

async function takeStep(connection: Connection, query: AttemptQuery) {
  const { appId, page, messageId, endpointId, status, statusCodeClass } = query;
  const owner = ownerOf(query);
  const filtered = isFiltered(query);
  const listed = listStatements.get(listName({ owner, order: page.order, filtered }));
  if (listed === undefined) throw new Error("a list has no statement");
  const { from, until } = rangeOf(query);
  const ofBoth = messageId !== undefined && endpointId !== undefined;
  const narrowed = filtered || ofBoth || status !== undefined || statusCodeClass !== undefined;
  const looked = narrowed ? LIST_SCAN_ROWS : page.limit;
  const values: SqlValue[] = [appId, messageId ?? endpointId ?? "", from, until, looked, page.limit];
  values.push(query.withBody, status === undefined ? null : statusCodeOf(status), statusCodeClass ?? null);
  values.push(ofBoth ? endpointId : null);
  if (filtered) values.push(...messageFilterValues(query));
  const answer = await connection.query(listed, values);
  return toStep(answer.rows, { looked, id: (row) => row[3] });
}

function ownerOf({ messageId, status, statusCodeClass }: AttemptQuery): Owner {
  if (messageId !== undefined) return "message";
  // A status code outside 2xx never is a success.
  const succeeds =
    (statusCodeClass === undefined || statusCodeClass === SUCCESS_CLASS) &&
    (status === undefined || status === "success");
  return succeeds ? "endpoint" : "unsuccessful";
}

/** The attempts of a message are not older than it is, so the days before it need not be looked into. */
function rangeOf(query: AttemptQuery): IdRange {
  const range = idRange(query, ID_PREFIX.attempt);
  const { messageId } = query;
  const madeAt = messageId === undefined ? null : ksuidTime(ID_PREFIX.message, messageId);
  if (madeAt === null) return range;
  const oldest = ksuidFloor(ID_PREFIX.attempt, madeAt - NODE_CLOCKS_APART_MAX_MS);
  return oldest > range.from ? { ...range, from: oldest } : range;
}
