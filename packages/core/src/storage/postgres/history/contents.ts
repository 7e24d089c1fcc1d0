import { EXPUNGED, type ContentStore } from "../../port-contents.ts";
import { textArray } from "../arrays.ts";
import type { Database } from "../database.ts";
import { statement } from "../statement.ts";
import { forgetWipes, wipePayloads } from "./wipe.ts";

/**
 * The bounds are those of the ids: they say which days to look into. A claim reads the payload in its own statement, so
 * one that comes later finds none. Rows are locked in the order of the key, as by every other batch.
 */
const expungeMessages = statement(
  "message.expunge",
  `WITH held AS MATERIALIZED (
     SELECT m.app_id, m.id FROM message AS m
     WHERE m.app_id = $1 AND m.id = ANY($2::text[]) AND m.id >= $3 AND m.id <= $4 AND m.payload IS NOT NULL
     ORDER BY m.app_id, m.id FOR NO KEY UPDATE)
   UPDATE message SET payload = NULL FROM held
   WHERE message.app_id = $1 AND message.id = held.id AND message.id >= $3 AND message.id <= $4`,
);
const expungeAttempt = statement(
  "attempt.expunge",
  `UPDATE attempt SET response_text = '${EXPUNGED}', response_bytes = NULL
   WHERE app_id = $1 AND message_id = $2 AND id = $3`,
);

export function contentStore({ lists, dispatch }: Pick<Database, "lists" | "dispatch">): ContentStore {
  return {
    async expungeMessages({ appId, ids }) {
      const sorted = ids.toSorted();
      const [first, last] = [sorted.at(0), sorted.at(-1)];
      if (first === undefined || last === undefined) return;
      await lists.query(expungeMessages, [appId, textArray(sorted), first, last]);
    },
    wipe: (request) => wipePayloads(dispatch, request),
    forgetWipes: (request) => forgetWipes(dispatch, request),
    async expungeAttempt({ appId, messageId, attemptId }) {
      return (await lists.query(expungeAttempt, [appId, messageId, attemptId])).count > 0;
    },
  };
}
