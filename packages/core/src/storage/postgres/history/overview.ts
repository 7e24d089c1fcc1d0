import { ID_PREFIX } from "../../../domain/ids.ts";
import { ksuidFloor, ksuidTime } from "../../../domain/ksuid.ts";
import { NODE_CLOCKS_APART_MAX_MS } from "../../../domain/limits.ts";
import { deliveryStateOf, statusCodeOf, statusOf } from "../../codes.ts";
import { idRange } from "../../id-range.ts";
import { ordinary } from "../../ordinary.ts";
import type { AttemptCountQuery, AttemptCountStep, OverviewStore, Standing } from "../../port-overview.ts";
import { toTypeCountStep } from "../../type-counts.ts";
import { textArray } from "../arrays.ts";
import type { Connection, Database } from "../database.ts";
import { statement } from "../statement.ts";
import { isFiltered, messageFilter, messageFilterValues } from "./messages.ts";

const STATUS_CODE_CLASS_SIZE = 100;

type StandingRow = [
  messageId: string,
  owed: boolean,
  nextAttemptAt: number | null,
  held: boolean,
  status: number | null,
  statusCode: number | null,
];

/** Lookups by key for each message; the oldest id says from which day on attempts of them can be. */
const listStandings = statement<StandingRow>(
  "overview.list_standings",
  `SELECT asked.id, d.message_id IS NOT NULL, d.next_attempt_at, d.leased_by IS NOT NULL, a.status, a.status_code
   FROM unnest($3::text[]) AS asked (id)
   LEFT JOIN LATERAL (
     SELECT message_id, next_attempt_at, leased_by FROM due
     WHERE app_id = $1 AND endpoint_id = $2 AND ord = 0 AND message_id = asked.id
     UNION ALL
     SELECT message_id, next_attempt_at, leased_by FROM due
     WHERE app_id = $1 AND message_id = asked.id AND endpoint_id = $2 AND ord <> 0
     LIMIT 1) AS d ON TRUE
   LEFT JOIN LATERAL (
     SELECT status, status_code FROM attempt
     WHERE app_id = $1 AND message_id = asked.id AND endpoint_id = $2 AND id >= $4
     ORDER BY id DESC LIMIT 1) AS a ON TRUE
   WHERE d.message_id IS NOT NULL OR a.status IS NOT NULL`,
);

/** Each kind by an index, up to a bound; those that are held have none: they are what the others leave of all. */
const countOwed = statement<[due: number, later: number, paused: number, all: number]>(
  "overview.count_owed",
  `SELECT due::integer, later::integer, paused::integer, (
     SELECT count(*) FROM (SELECT FROM due WHERE app_id = $1 AND endpoint_id = $2 LIMIT due + later + paused + $4)
       AS each)::integer
   FROM (SELECT
     (SELECT count(*) FROM (SELECT FROM due WHERE app_id = $1 AND endpoint_id = $2 AND leased_by IS NULL
        AND next_attempt_at IS NOT NULL AND next_attempt_at <= $3 LIMIT $4) AS each) AS due,
     (SELECT count(*) FROM (SELECT FROM due WHERE app_id = $1 AND endpoint_id = $2 AND leased_by IS NULL
        AND next_attempt_at IS NOT NULL AND next_attempt_at > $3 LIMIT $4) AS each) AS later,
     (SELECT count(*) FROM (SELECT FROM due WHERE app_id = $1 AND endpoint_id = $2 AND leased_by IS NULL
        AND next_attempt_at IS NULL LIMIT $4) AS each) AS paused) AS counted`,
);

const countEndpoints = statement<[active: number, disabled: number]>(
  "overview.count_endpoints",
  `SELECT count(*) FILTER (WHERE NOT e.disabled)::integer, count(*) FILTER (WHERE e.disabled)::integer
   FROM application AS a JOIN endpoint AS e ON e.app_id = a.id
   WHERE a.environment_id = $1 AND NOT a.deleted AND NOT e.deleted AND ${ordinary("a.")}`,
);

const countApplications = statement<[withEndpoint: number, withEnabledEndpoint: number]>(
  "overview.count_applications",
  `SELECT count(*)::integer, count(*) FILTER (WHERE has.enabled)::integer
   FROM application AS a JOIN LATERAL (
     SELECT bool_or(NOT e.disabled) AS enabled FROM endpoint AS e WHERE e.app_id = a.id AND NOT e.deleted
     HAVING count(*) > 0) AS has ON TRUE
   WHERE a.environment_id = $1 AND NOT a.deleted AND ${ordinary("a.")}`,
);

type CountRow = [
  at: number,
  status: number,
  deliveryState: number,
  matches: boolean | null,
  count: number,
  last: string,
];

const count = (name: string, more: string) =>
  statement<CountRow>(
    name,
    `SELECT at, status, delivery_state, matches, count(*)::integer, max(id) FROM (
       SELECT id, timestamp / $6::bigint * $6 AS at, status, delivery_state,
         ($7::smallint IS NULL OR status = $7)
           AND ($8::smallint IS NULL OR status_code >= $8 AND status_code < $8 + ${STATUS_CODE_CLASS_SIZE})
           ${more} AS matches
       FROM attempt WHERE app_id = $1 AND endpoint_id = $2 AND id >= $3 AND id < $4
       ORDER BY id LIMIT $5) AS scanned
     GROUP BY 1, 2, 3, 4`,
  );
const countAll = count("overview.count_attempts", "");
/** Kept from becoming a join, which might read all messages of the application first. */
const countFiltered = count(
  "overview.count_attempts_by_message",
  `AND (SELECT ${messageFilter(9)} FROM message WHERE message.app_id = $1 AND message.id = attempt.message_id)`,
);

/** One look-up of a message for each attempt; its day is that of its id. */
const countByType = statement<[eventType: string | null, status: number, count: number, last: string]>(
  "overview.count_attempts_by_type",
  `SELECT event_type, status, count(*)::integer, max(id) FROM (
     SELECT scanned.id, scanned.status, (
       SELECT event_type FROM message WHERE message.app_id = $1 AND message.id = scanned.message_id) AS event_type
     FROM (
       SELECT id, status, message_id FROM attempt
       WHERE app_id = $1 AND endpoint_id = $2 AND id >= $3 AND id < $4 ORDER BY id LIMIT $5) AS scanned) AS typed
   GROUP BY 1, 2`,
);

export function overviewStore({ lists }: Pick<Database, "lists">): OverviewStore {
  return {
    async listStandings({ appId, endpointId, messageIds }) {
      const [oldest] = messageIds.toSorted();
      if (oldest === undefined) return [];
      const madeAt = ksuidTime(ID_PREFIX.message, oldest);
      const from = madeAt === null ? "" : ksuidFloor(ID_PREFIX.attempt, madeAt - NODE_CLOCKS_APART_MAX_MS);
      const values = [appId, endpointId, textArray(messageIds), from];
      return (await lists.query(listStandings, values)).rows.map(toStanding);
    },
    async countOwed({ appId, endpointId, now, limit }) {
      const { rows } = await lists.query(countOwed, [appId, endpointId, now, limit]);
      const [[due, later, paused, all] = [0, 0, 0, 0]] = rows;
      return { due, later, paused, held: Math.max(0, all - due - later - paused) };
    },
    countAttempts: (query) => countAttempts(lists, query),
    async countAttemptsByType(query) {
      const { appId, endpointId, cursor, limit } = query;
      const page = { after: cursor, order: "ascending", limit } as const;
      const { from, until } = idRange({ ...query, page }, ID_PREFIX.attempt);
      const { rows } = await lists.query(countByType, [appId, endpointId, from, until, limit]);
      return toTypeCountStep(rows, limit);
    },
    async countEndpoints({ environmentId }) {
      const [[active, disabled] = [0, 0]] = (await lists.query(countEndpoints, [environmentId])).rows;
      return { active, disabled };
    },
    async countApplications({ environmentId }) {
      const { rows } = await lists.query(countApplications, [environmentId]);
      const [[withEndpoint, withEnabledEndpoint] = [0, 0]] = rows;
      return { withEndpoint, withEnabledEndpoint };
    },
  };
}

function toStanding([messageId, owed, nextAttemptAt, held, status, statusCode]: StandingRow): Standing {
  if (!owed) return { messageId, state: statusOf(status ?? 0), nextAttemptAt: null, statusCode };
  return {
    messageId,
    state: held ? "sending" : "pending",
    nextAttemptAt: held ? null : nextAttemptAt,
    statusCode,
  };
}

async function countAttempts(lists: Connection, query: AttemptCountQuery): Promise<AttemptCountStep> {
  const { appId, endpointId, cursor, limit, spanMs, status, statusCodeClass } = query;
  const page = { after: cursor, order: "ascending", limit } as const;
  const { from, until } = idRange({ ...query, page }, ID_PREFIX.attempt);
  const values = [
    appId,
    endpointId,
    from,
    until,
    limit,
    spanMs ?? Number.MAX_SAFE_INTEGER,
    status === undefined ? null : statusCodeOf(status),
    statusCodeClass ?? null,
  ];
  const { rows } = isFiltered(query)
    ? await lists.query(countFiltered, [...values, ...messageFilterValues(query)])
    : await lists.query(countAll, values);
  const looked = rows.reduce((sum, row) => sum + row[4], 0);
  const last = rows.reduce((max, row) => (row[5] > max ? row[5] : max), "");
  const counts = rows
    .filter(([, , , matches]) => matches === true)
    .map(([at, code, state, , number]) => ({
      at,
      status: statusOf(code),
      deliveryState: deliveryStateOf(state),
      count: number,
    }));
  return { counts, looked, cursor: looked < limit ? null : last };
}
