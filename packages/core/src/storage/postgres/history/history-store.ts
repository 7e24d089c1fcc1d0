import type { HistoryStore } from "../../port.ts";
import type { Database } from "../database.ts";
import { ATTEMPT_COLUMNS, type AttemptRow, toAttempt } from "../rows/attempt.ts";
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from "../rows/message.ts";
import { statement } from "../statement.ts";

const findMessage = statement<MessageRow>(
  "message.find_any",
  `SELECT ${MESSAGE_COLUMNS} FROM message WHERE app_id = $1
     AND id IN ($2, (SELECT message_id FROM message_event WHERE app_id = $1 AND event_id = $2))`,
);
const findAttempt = statement<AttemptRow>(
  "attempt.find_any",
  `SELECT ${ATTEMPT_COLUMNS} FROM attempt WHERE app_id = $1 AND message_id = $2 AND id = $3`,
);
const listAttempts = statement<AttemptRow>(
  "attempt.list_any",
  `SELECT ${ATTEMPT_COLUMNS} FROM attempt WHERE app_id = $1 AND message_id = $2 ORDER BY id`,
);

/** Stands in until the lists are there. */
export function historyStore({ lists }: Database): HistoryStore {
  const missing = (): never => {
    throw new Error("not there yet");
  };
  return {
    async findMessage({ appId, ref }) {
      const [row] = (await lists.query(findMessage, [appId, ref])).rows;
      return row === undefined ? null : toMessage(row);
    },
    async findAttempt({ appId, messageId, attemptId }) {
      const [row] = (await lists.query(findAttempt, [appId, messageId, attemptId])).rows;
      return row === undefined ? null : toAttempt(row);
    },
    async listAttempts({ appId, messageId }) {
      const { rows } = await lists.query(listAttempts, [appId, messageId ?? ""]);
      return rows.map((row) => ({ attempt: toAttempt(row), message: null }));
    },
    listMessages: missing,
    prune: missing,
    dropDays: missing,
    cancelOrphans: missing,
  };
}
