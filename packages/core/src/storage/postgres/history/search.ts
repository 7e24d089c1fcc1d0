import { ID_PREFIX } from "../../../domain/ids.ts";
import { SEARCH_STEPS_MAX, SEARCH_TEXT_BYTES_MAX, SEARCH_TEXT_ROWS } from "../../../domain/limits.ts";
import { withoutPayload } from "../../../domain/message.ts";
import { searchProbe, wordMatcher } from "../../../domain/search.ts";
import { idRange } from "../../id-range.ts";
import type { Page } from "../../port.ts";
import type { MessageSearch, SearchStore } from "../../port-search.ts";
import type { Connection, Database } from "../database.ts";
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from "../rows/message.ts";
import { statement } from "../statement.ts";
import { findAttempts } from "./attempts.ts";
import { listStep, messageFilter, messageFilterValues } from "./messages.ts";
import { collect, type Step } from "./scan.ts";

type ScannedRow = readonly [
  /** The last that the statement looked at, and more lies beyond it. */
  last: boolean,
  matches: boolean | null,
  ...row: MessageRow,
];

const scanStatements = { ascending: scanStatement("ascending"), descending: scanStatement("descending") };

/**
 * One step of full text: looks into so many payloads, until so many bytes of them were read, and gives those that may
 * match: the probe is a part of the words, and a payload with escapes is left to the caller to look at. The last one
 * looked at comes in any case, unless nothing lies beyond it. It stops at as many as the page needs.
 */
function scanStatement(order: Page["order"]) {
  const direction = order === "ascending" ? "ASC" : "DESC";
  return statement<ScannedRow>(
    `search.scan_${order}`,
    `WITH scanned AS MATERIALIZED (
       SELECT ${MESSAGE_COLUMNS}, row_number() OVER page AS place,
         sum(octet_length(payload)) OVER page AS bytes
       FROM message WHERE app_id = $1 AND id >= $2 AND id < $3
       WINDOW page AS (ORDER BY id ${direction} ROWS UNBOUNDED PRECEDING)
       ORDER BY id ${direction} LIMIT $4),
     looked AS (SELECT * FROM scanned WHERE place = 1 OR bytes <= $5 OR bytes IS NULL),
     ends AS MATERIALIZED (SELECT max(place) AS place, max(place) = $4 OR max(place) < (SELECT count(*) FROM scanned) AS ahead
       FROM looked)
     SELECT last, matches, ${MESSAGE_COLUMNS} FROM (
       SELECT looked.*, ends.ahead AND looked.place = ends.place AS last, payload IS NOT NULL AND ${messageFilter(6)}
         AND ($9::text IS NULL OR strpos(lower(payload COLLATE "C"), $9) > 0 OR strpos(payload, '\\u') > 0) AS matches
       FROM looked CROSS JOIN ends) AS judged
     WHERE matches OR last ORDER BY id ${direction} LIMIT $10`,
  );
}

export function searchStore({ lists }: Pick<Database, "lists">): SearchStore {
  return {
    async findMessages(query) {
      const take = query.words.length === 0 ? listStep : payloadScan(query.words);
      const { rows, after } = await collect(
        query.page,
        (left) => take(lists, { ...query, page: left }),
        SEARCH_STEPS_MAX,
      );
      const messages = rows.map(toMessage);
      return { messages: query.withPayload ? messages : messages.map(withoutPayload), after };
    },
    findAttempts: (query) => findAttempts(lists, query),
  };
}

function payloadScan(words: readonly string[]) {
  const matches = wordMatcher(words);
  const probe = searchProbe(words);
  return async (connection: Connection, query: MessageSearch): Promise<Step<MessageRow>> => {
    const { appId, page } = query;
    const { from, until } = idRange(query, ID_PREFIX.message);
    const bounds = [appId, from, until, SEARCH_TEXT_ROWS, SEARCH_TEXT_BYTES_MAX];
    const values = [...bounds, ...messageFilterValues(query), probe, page.limit];
    const { rows: scanned } = await connection.query(scanStatements[page.order], values);
    const rows: MessageRow[] = [];
    let after = scanned.length === page.limit ? (scanned.at(-1)?.[3] ?? null) : null;
    for (const [last, mayMatch, ...row] of scanned) {
      if (last) after = row[1];
      const payload = row.at(-1);
      if (mayMatch !== true || typeof payload !== "string" || !matches(payload)) continue;
      rows.push(row);
      if (rows.length === page.limit) break;
    }
    return { rows, after };
  };
}
