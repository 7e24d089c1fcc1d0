import { ID_PREFIX } from "../../domain/ids.ts";
import { withoutPayload } from "../../domain/message.ts";
import { wordMatcher } from "../../domain/search.ts";
import type { SearchStore } from "../../storage/port-search.ts";
import { pageOf } from "./control-plane.ts";
import { carries, idRange, listAttempts } from "./history.ts";
import type { ModelState } from "./state.ts";
import type { Sync } from "./sync.ts";

/** Search of the model store: it looks at everything at once. */
export function modelSearch(state: ModelState): Sync<SearchStore> {
  return {
    findMessages(query) {
      const { appId, page, words, withPayload } = query;
      const inRange = idRange(query, ID_PREFIX.message);
      const matches = wordMatcher(words);
      const found = [...(state.messages.get(appId)?.values() ?? [])].filter(
        (message) =>
          inRange(message.id) &&
          carries(message, query) &&
          (words.length === 0 || (message.payload !== null && matches(message.payload))),
      );
      const messages = pageOf(found, page, ({ id }) => id);
      return { messages: withPayload ? messages : messages.map(withoutPayload), after: null };
    },
    findAttempts: (query) => ({ attempts: listAttempts(state, query), after: null }),
  };
}
