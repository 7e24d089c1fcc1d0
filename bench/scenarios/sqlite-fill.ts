import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ID_PREFIX } from "../../packages/core/src/domain/ids.ts";
import { DAY_MS } from "../../packages/core/src/domain/time.ts";
import { DATABASE_FILE } from "../../packages/core/src/storage/sqlite/files.ts";
import { type Filling, IDS_PER_STEM, RANDOM_DIGITS, stemsOf } from "./postgres-fill.ts";
import { dayOf } from "../../packages/core/src/storage/postgres/partitions.ts";

const CACHE_KIB = 262_144;

/** The rows of one day, in the order of their making. */
const MADE = `INSERT INTO made (place, ksuid, app_id, endpoint_id)
  SELECT row_number() OVER (ORDER BY stem.place, number.n) - 1,
    stem.stem || printf('%04d', number.n) || substr(hex(randomblob(${Math.ceil(RANDOM_DIGITS / 2)})), 1, ${RANDOM_DIGITS}),
    json_extract(:apps, '$[' || ((stem.place * ${IDS_PER_STEM} + number.n) % :lanes) || ']'),
    json_extract(:endpoints, '$[' || ((stem.place * ${IDS_PER_STEM} + number.n) % :lanes) || ']')
  FROM stem CROSS JOIN number`;
const MESSAGES = `INSERT INTO message (seq, app_id, id, event_type, created_at, payload)
  SELECT :seq + 2 * place, app_id, '${ID_PREFIX.message}' || ksuid, 'order.completed', :day, :payload
  FROM made ORDER BY place`;
const ATTEMPTS = `INSERT INTO attempt (seq, app_id, endpoint_id, message_id, id, url, timestamp, status, manual,
    status_code, duration_ms, delivery_state, detail, response_body)
  SELECT :seq + 2 * place + 1, app_id, endpoint_id, '${ID_PREFIX.message}' || ksuid, '${ID_PREFIX.attempt}' || ksuid,
    'https://receiver.example/hook', :day, 0, 0, 200, 12, 1, :detail, 'ok' FROM made ORDER BY place`;
const MESSAGE_LIST = `INSERT INTO message_list (app_id, id, seq)
  SELECT app_id, '${ID_PREFIX.message}' || ksuid, :seq + 2 * place FROM made ORDER BY app_id, ksuid`;
const ATTEMPT_LIST = `INSERT INTO attempt_list (app_id, endpoint_id, id, seq, status, status_code)
  SELECT app_id, endpoint_id, '${ID_PREFIX.attempt}' || ksuid, :seq + 2 * place + 1, 0, 200
  FROM made ORDER BY app_id, endpoint_id, ksuid`;

/** Delivered messages, spread over so many days up to today, into the folder of a store that is closed. */
export function fillSqlite(directory: string, days: number, filling: Filling): void {
  const db = new DatabaseSync(join(directory, DATABASE_FILE));
  db.exec(`PRAGMA synchronous = OFF; PRAGMA cache_size = -${CACHE_KIB}; PRAGMA temp_store = MEMORY;
    CREATE TEMP TABLE stem (place INTEGER PRIMARY KEY, stem TEXT);
    CREATE TEMP TABLE number (n INTEGER PRIMARY KEY);
    CREATE TEMP TABLE made (place INTEGER PRIMARY KEY, ksuid TEXT, app_id TEXT, endpoint_id TEXT)`);
  const today = dayOf(Date.now());
  let seq = 1;
  for (let ago = days - 1; ago >= 0; ago -= 1) {
    const count = Math.floor(((ago + 1) * filling.count) / days) - Math.floor((ago * filling.count) / days);
    const { stems } = stemsOf(today - ago * DAY_MS, count);
    seq = fillDay(db, { ...filling, stems: stems.slice(1), day: today - ago * DAY_MS, seq });
  }
  db.prepare("UPDATE listed SET seq = ?").run(seq);
  db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  db.close();
}

/** Returns the first place in the sequence behind the day. */
function fillDay(
  db: DatabaseSync,
  day: Filling & { readonly stems: readonly string[]; readonly day: number; readonly seq: number },
): number {
  const { appIds, endpointIds, payload, detail, seq } = day;
  db.exec("BEGIN; DELETE FROM stem; DELETE FROM number; DELETE FROM made");
  db.prepare("INSERT INTO stem SELECT key, value FROM json_each(?)").run(JSON.stringify(day.stems));
  db.prepare(`WITH RECURSIVE to_stem (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM to_stem WHERE n < ?)
     INSERT INTO number SELECT n FROM to_stem`).run(IDS_PER_STEM);
  const lanes = {
    apps: JSON.stringify(appIds),
    endpoints: JSON.stringify(endpointIds),
    lanes: BigInt(appIds.length),
  };
  const { changes } = db.prepare(MADE).run(lanes);
  db.prepare(MESSAGES).run({ seq, day: day.day, payload });
  db.prepare(ATTEMPTS).run({ seq, day: day.day, detail });
  db.prepare(MESSAGE_LIST).run({ seq });
  db.prepare(ATTEMPT_LIST).run({ seq });
  db.exec("COMMIT");
  return seq + 2 * Number(changes);
}
