import type { DatabaseSync } from "node:sqlite";
import { ID_PREFIX } from "../../../domain/ids.ts";
import { SEARCH_TEXT_BYTES_MAX, SEARCH_TEXT_ROWS } from "../../../domain/limits.ts";
import { wordMatcher } from "../../../domain/search.ts";
import { idRange } from "../../id-range.ts";
import type { MessageSearch } from "../../port-search.ts";
import { MESSAGE_COLUMNS, type MessageRow } from "../rows/message.ts";
import { messageEntries, messageFilter } from "./messages.ts";
import { runStep, StatementCache, type Step, type Stepped } from "./scan.ts";

/** One step of full text: looks into the payloads of so many messages, in the order of the page. */
export function searchReads(db: DatabaseSync) {
  const entries = messageEntries(db);
  const rows = new StatementCache<MessageRow>(db);
  return {
    searchPayloads(request: MessageSearch & Stepped): Step<MessageRow> {
      const { appId, page, words } = request;
      const filter = messageFilter(request, "");
      const matches = wordMatcher(words);
      const row = rows.get(
        `SELECT ${MESSAGE_COLUMNS} FROM message
         WHERE seq = ? AND app_id = ? AND payload IS NOT NULL${filter.sql}`,
      );
      let chars = 0;
      return runStep({
        page,
        range: idRange(request, ID_PREFIX.message),
        size: SEARCH_TEXT_ROWS,
        mayBeUnlisted: request.unlisted,
        source: entries(request),
        isSpent: () => chars >= SEARCH_TEXT_BYTES_MAX,
        read([, seq]) {
          const found = row.get(seq, appId, ...filter.params);
          const payload = found?.at(-1);
          if (found === undefined || typeof payload !== "string") return null;
          chars += payload.length;
          return matches(payload) ? found : null;
        },
      });
    },
  };
}
