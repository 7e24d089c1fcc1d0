import { ID_PREFIX } from "../../packages/core/src/domain/ids.ts";
import { ksuidFloor } from "../../packages/core/src/domain/ksuid.ts";
import { DAY_MS } from "../../packages/core/src/domain/time.ts";
import { openDatabase } from "../../packages/core/src/storage/postgres/database.ts";
import { dayOf, ensureDays } from "../../packages/core/src/storage/postgres/partitions.ts";
import { runSql } from "../../packages/core/src/storage/postgres/testing/run-sql.ts";

export interface Lanes {
  readonly appIds: readonly string[];
  readonly endpointIds: readonly string[];
}

export interface Filling extends Lanes {
  readonly count: number;
  readonly payload: string;
  /** JSON, of each attempt. */
  readonly detail: string;
}

/** As many ids follow each other closely before the next point in time. */
export const IDS_PER_STEM = 100;
/** Less than a tick of time is in what follows them, so any base-62 characters may. */
const STEM_CHARACTERS = 10;
/** Places of a counter, and of random hexadecimal digits: 27 characters with the stem. */
const COUNTER_DIGITS = 4;
export const RANDOM_DIGITS = 13;
const WRITERS = 2;

const ID_TAIL = `lpad(n::text, ${COUNTER_DIGITS}, '0') || left(upper(md5(random()::text)), ${RANDOM_DIGITS})`;

const FILL = `WITH made AS MATERIALIZED (
    SELECT stem || ${ID_TAIL} AS ksuid, ($3::text[])[1 + n % cardinality($3::text[])] AS app_id,
      ($4::text[])[1 + n % cardinality($4::text[])] AS endpoint_id
    FROM unnest($1::text[]) AS s (stem), generate_series(1, $2::integer) AS n),
  stored AS (
    INSERT INTO message (app_id, id, event_type, created_at, payload)
    SELECT app_id, '${ID_PREFIX.message}' || ksuid, 'order.completed', $5::bigint, $6::text FROM made)
  INSERT INTO attempt (app_id, endpoint_id, message_id, id, url, timestamp, status, manual, status_code, duration_ms,
    delivery_state, detail, response_text)
  SELECT app_id, endpoint_id, '${ID_PREFIX.message}' || ksuid, '${ID_PREFIX.attempt}' || ksuid,
    'https://receiver.example/hook', $5::bigint, 0, FALSE, 200, 12, 1, $7::text, 'ok' FROM made`;

const FILL_RETRIES = `INSERT INTO due
    (app_id, endpoint_id, ord, message_id, attempts, next_attempt_at, leased_by, manual, once)
  SELECT ($3::text[])[1 + n % cardinality($3::text[])], ($4::text[])[1 + n % cardinality($4::text[])], 0,
    '${ID_PREFIX.message}' || stem || ${ID_TAIL}, 3, $5::bigint + (random() * ${DAY_MS})::bigint, NULL, FALSE, FALSE
  FROM unnest($1::text[]) AS s (stem), generate_series(1, $2::integer) AS n`;

/** Delivered messages, spread over so many days up to today. */
export async function fillHistory(url: string, days: number, filling: Filling): Promise<void> {
  const today = dayOf(Date.now());
  const midnights = Array.from({ length: days }, (_, ago) => today - ago * DAY_MS);
  await ensurePartitions(url, midnights);
  const open = midnights.entries();
  const writing = Array.from({ length: WRITERS }, async () => {
    for (const [ago, day] of open) {
      const count = Math.floor(((ago + 1) * filling.count) / days) - Math.floor((ago * filling.count) / days);
      await fillDay(url, day, { ...filling, count });
    }
  });
  await Promise.all(writing);
}

async function ensurePartitions(url: string, midnights: readonly number[]): Promise<void> {
  const database = openDatabase({ url, onProblem: (error) => console.error(error.message) });
  try {
    await ensureDays(database.dispatch, midnights);
  } finally {
    await database.close();
  }
}

async function fillDay(url: string, day: number, filling: Filling): Promise<void> {
  const { appIds, endpointIds, payload, detail } = filling;
  const insert = async (stems: readonly string[], perStem: number): Promise<void> => {
    if (stems.length * perStem === 0) return;
    await runSql(url, FILL, [stems, perStem, appIds, endpointIds, day, payload, detail]);
  };
  const { stems, rest } = stemsOf(day, filling.count);
  await insert(stems.slice(1), IDS_PER_STEM);
  await insert(stems.slice(0, 1), rest);
}

/** Deliveries that failed and are due after a month, evenly over the lanes. */
export async function fillRetries(url: string, count: number, { appIds, endpointIds }: Lanes): Promise<void> {
  const now = Date.now();
  const { stems, rest } = stemsOf(dayOf(now), count);
  const dueFrom = now + 30 * DAY_MS;
  await runSql(url, FILL_RETRIES, [stems.slice(1), IDS_PER_STEM, appIds, endpointIds, dueFrom]);
  if (rest > 0) await runSql(url, FILL_RETRIES, [stems.slice(0, 1), rest, appIds, endpointIds, dueFrom]);
}

/** How the ids of a day begin, in their order: the first is for the `rest`, each of the others for a hundred. */
export function stemsOf(day: number, count: number): { stems: string[]; rest: number } {
  // A whole second after midnight: what is cut off must not lead back to the day before.
  const from = day + 1_000;
  const until = Math.max(from, Math.min(day + DAY_MS - 1_000, Date.now()));
  const rounds = Math.floor(count / IDS_PER_STEM);
  const stems = Array.from({ length: 1 + rounds }, (_, place) =>
    ksuidFloor("", from + ((until - from) * place) / (1 + rounds)).slice(0, STEM_CHARACTERS),
  );
  return { stems, rest: count % IDS_PER_STEM };
}
