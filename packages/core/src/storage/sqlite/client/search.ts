import { SEARCH_STEPS_MAX } from "../../../domain/limits.ts";
import { withoutPayload } from "../../../domain/message.ts";
import type { SearchStore } from "../../port-search.ts";
import { toMessage } from "../rows/message.ts";
import type { Threads } from "./deliveries.ts";
import { collect, toAttemptWithMessage } from "./history.ts";

export function searchStore({ reader }: Pick<Threads, "reader">): SearchStore {
  return {
    async findMessages(query) {
      const operation = query.words.length === 0 ? "listMessages" : "searchPayloads";
      const { rows, after } = await collect(
        query.page,
        (from) => reader.call(operation, { ...query, ...from }),
        SEARCH_STEPS_MAX,
      );
      const messages = rows.map(toMessage);
      return { messages: query.withPayload ? messages : messages.map(withoutPayload), after };
    },
    async findAttempts(query) {
      const { rows, after } = await collect(
        query.page,
        (from) => reader.call("listAttempts", { ...query, ...from }),
        SEARCH_STEPS_MAX,
      );
      return { attempts: rows.map(toAttemptWithMessage), after };
    },
  };
}
