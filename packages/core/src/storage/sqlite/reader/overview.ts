import type { DatabaseSync } from "node:sqlite";
import { ID_PREFIX } from "../../../domain/ids.ts";
import { deliveryStateOf, statusOf } from "../../codes.ts";
import { idRange } from "../../id-range.ts";
import { ordinary } from "../../ordinary.ts";
import type { LaneKey } from "../../port.ts";
import type {
  AttemptCountQuery,
  AttemptCountStep,
  OverviewStore,
  OwedCounts,
  Standing,
  TypeCountQuery,
  TypeCountStep,
} from "../../port-overview.ts";
import { toTypeCountStep } from "../../type-counts.ts";
import { query } from "../values.ts";
import { outcomeFilter } from "./attempts.ts";
import { messageFilter } from "./messages.ts";
import { StatementCache } from "./scan.ts";

type DueState = readonly [nextAttemptAt: number | null, held: number];
type LastAttempt = readonly [status: number, statusCode: number];

export function overviewReads(db: DatabaseSync) {
  return {
    listStandings: standings(db),
    countOwed: owedCounts(db),
    countAttempts: attemptCounts(db),
    countAttemptsByType: typeCounts(db),
    countEndpoints: endpointCounts(db),
    countApplications: applicationCounts(db),
  };
}

function standings(db: DatabaseSync) {
  const findDue = query<DueState>(
    db,
    `SELECT next_attempt_at, leased_by IS NOT NULL FROM due
     WHERE app_id = ? AND endpoint_id = ? AND message_id = ?`,
  );
  const findLast = query<LastAttempt>(
    db,
    `SELECT status, status_code FROM attempt INDEXED BY attempt_message
     WHERE app_id = ? AND message_id = ? AND endpoint_id = ? ORDER BY id DESC LIMIT 1`,
  );
  return (request: Parameters<OverviewStore["listStandings"]>[0]): Standing[] => {
    const { appId, endpointId, messageIds } = request;
    return messageIds.flatMap((messageId): Standing[] => {
      const due = findDue.get(appId, endpointId, messageId);
      const last = findLast.get(appId, messageId, endpointId);
      if (due === undefined && last === undefined) return [];
      const statusCode = last?.[1] ?? null;
      if (due === undefined)
        return [{ messageId, state: statusOf(last?.[0] ?? 0), nextAttemptAt: null, statusCode }];
      const held = due[1] === 1;
      const state = held ? "sending" : "pending";
      return [{ messageId, state, nextAttemptAt: held ? null : due[0], statusCode }];
    });
  };
}

function owedCounts(db: DatabaseSync) {
  const count = (where: string) =>
    query<[number]>(
      db,
      `SELECT count(*) FROM (SELECT 1 FROM due ${where.startsWith("INDEXED") ? "" : "WHERE"} ${where} LIMIT ?4)`,
    );
  const lane = "app_id = ?1 AND endpoint_id = ?2";
  const waiting = `INDEXED BY due_waiting
    WHERE ${lane} AND leased_by IS NULL AND next_attempt_at IS NOT NULL AND next_attempt_at`;
  const due = count(`${waiting} <= ?3`);
  const later = count(`${waiting} > ?3`);
  const paused = count(
    `INDEXED BY due_paused WHERE ${lane} AND leased_by IS NULL AND next_attempt_at IS NULL AND ?3 IS NOT NULL`,
  );
  const all = count(`${lane} AND ?3 IS NOT NULL`);
  return ({ appId, endpointId, now, limit }: LaneKey & { now: number; limit: number }): OwedCounts => {
    const ask = (kind: typeof due, most: number): number => kind.get(appId, endpointId, now, most)?.[0] ?? 0;
    const counts = { due: ask(due, limit), later: ask(later, limit), paused: ask(paused, limit) };
    const others = counts.due + counts.later + counts.paused;
    // Those that are held have no index: they are what the others leave of all.
    return { ...counts, held: Math.max(0, ask(all, others + limit) - others) };
  };
}

function endpointCounts(db: DatabaseSync) {
  const count = query<[active: number, disabled: number]>(
    db,
    `SELECT count(*) FILTER (WHERE endpoint.disabled = 0), count(*) FILTER (WHERE endpoint.disabled = 1)
     FROM application CROSS JOIN endpoint ON endpoint.app_id = application.id
     WHERE application.environment_id = ? AND application.deleted = 0 AND endpoint.deleted = 0
       AND ${ordinary("application.")}`,
  );
  return ({ environmentId }: { environmentId: string }) => {
    const [active, disabled] = count.get(environmentId) ?? [0, 0];
    return { active, disabled };
  };
}

/** Whether an application has an endpoint of a kind: its endpoints lie together, and the first one is enough. */
const hasEndpoint = (kind: string): string =>
  `EXISTS (SELECT 1 FROM endpoint WHERE endpoint.app_id = application.id AND endpoint.deleted = 0${kind})`;

function applicationCounts(db: DatabaseSync) {
  const count = query<[withEndpoint: number, withEnabledEndpoint: number]>(
    db,
    `SELECT count(*) FILTER (WHERE ${hasEndpoint("")}), count(*) FILTER (WHERE ${hasEndpoint(" AND endpoint.disabled = 0")})
     FROM application WHERE environment_id = ? AND deleted = 0 AND ${ordinary()}`,
  );
  return ({ environmentId }: { environmentId: string }) => {
    const [withEndpoint, withEnabledEndpoint] = count.get(environmentId) ?? [0, 0];
    return { withEndpoint, withEnabledEndpoint };
  };
}

type CountRow = readonly [
  at: number,
  status: number,
  deliveryState: number,
  matches: number,
  count: number,
  last: string,
];

/**
 * The next ?5 attempts of an endpoint (?1, ?2) from one id to another. Those that are not in the list yet are read from
 * the table itself; in one statement, so in one moment.
 */
const STEP_OF_ATTEMPTS = `SELECT id, seq FROM attempt_list
     WHERE app_id = ?1 AND endpoint_id = ?2 AND id >= ?3 AND id < ?4 AND seq <= (SELECT seq FROM listed)
     UNION ALL
     SELECT id, seq FROM attempt NOT INDEXED
     WHERE seq > (SELECT seq FROM listed) AND app_id = ?1 AND endpoint_id = ?2 AND id >= ?3 AND id < ?4
     ORDER BY id LIMIT ?5`;

function attemptCounts(db: DatabaseSync): (request: AttemptCountQuery) => AttemptCountStep {
  const statements = new StatementCache<CountRow>(db);
  return (request) => {
    const { appId, endpointId, limit, cursor, spanMs } = request;
    const page = { after: cursor, order: "ascending", limit } as const;
    const { from, until } = idRange({ ...request, page }, ID_PREFIX.attempt);
    const outcome = outcomeFilter(request);
    const message = messageFilter(request, "message.");
    const carried =
      message.sql === ""
        ? ""
        : ` AND EXISTS (SELECT 1 FROM message
            WHERE message.app_id = attempt.app_id AND message.id = attempt.message_id${message.sql})`;
    const rows = statements
      .get(
        `SELECT timestamp / CAST(?6 AS INTEGER) * CAST(?6 AS INTEGER) AS at, status, delivery_state, matches, count(*), max(id) FROM (
           SELECT attempt.id, timestamp, attempt.status, delivery_state,
             (1 = 1${outcome.sql.replaceAll(/\bstatus\b/g, "attempt.status").replaceAll(/\bstatus_code\b/g, "attempt.status_code")}${carried}) AS matches
           FROM (
             ${STEP_OF_ATTEMPTS}) AS entry
           CROSS JOIN attempt ON attempt.seq = entry.seq AND attempt.app_id = ?1)
         GROUP BY 1, 2, 3, 4`,
      )
      .all(
        appId,
        endpointId,
        from,
        until,
        limit,
        spanMs ?? Number.MAX_SAFE_INTEGER,
        ...outcome.params,
        ...message.params,
      );
    return toCountStep(rows, limit);
  };
}

function typeCounts(db: DatabaseSync): (request: TypeCountQuery) => TypeCountStep {
  const count = query<[eventType: string | null, status: number, count: number, last: string]>(
    db,
    `SELECT message.event_type, attempt.status, count(*), max(entry.id) FROM (
       ${STEP_OF_ATTEMPTS}) AS entry
     CROSS JOIN attempt ON attempt.seq = entry.seq AND attempt.app_id = ?1
     LEFT JOIN message ON message.app_id = ?1 AND message.id = attempt.message_id
     GROUP BY 1, 2`,
  );
  return (request) => {
    const { appId, endpointId, cursor, limit } = request;
    const page = { after: cursor, order: "ascending", limit } as const;
    const { from, until } = idRange({ ...request, page }, ID_PREFIX.attempt);
    return toTypeCountStep(count.all(appId, endpointId, from, until, limit), limit);
  };
}

function toCountStep(rows: readonly CountRow[], limit: number): AttemptCountStep {
  const looked = rows.reduce((sum, [, , , , count]) => sum + count, 0);
  const last = rows.reduce((max, row) => (row[5] > max ? row[5] : max), "");
  const counts = rows
    .filter(([, , , matches]) => matches === 1)
    .map(([at, status, state, , count]) => ({
      at,
      status: statusOf(status),
      deliveryState: deliveryStateOf(state),
      count,
    }));
  return { counts, looked, cursor: looked < limit ? null : last };
}
