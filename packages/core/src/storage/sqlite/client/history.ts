import type { AttemptWithMessage, HistoryStore, Page } from "../../port.ts";
import type { AttemptListRow } from "../reader/attempts.ts";
import type { Step } from "../reader/scan.ts";
import { toAttempt } from "../rows/attempt.ts";
import { toMessage } from "../rows/message.ts";
import type { Threads } from "./deliveries.ts";
import { Pruner } from "./pruner.ts";

export function historyStore({ writer, reader }: Threads): HistoryStore {
  const pruner = new Pruner({ writer, reader });
  return {
    async findMessage(query) {
      const row = await reader.call("findMessage", query);
      return row === null ? null : toMessage(row);
    },
    async listMessages(query) {
      const { rows } = await collect(query.page, (from) =>
        reader.call("listMessages", { ...query, ...from }),
      );
      return rows.map(toMessage);
    },
    async findAttempt(query) {
      const row = await reader.call("findAttempt", query);
      return row === null ? null : toAttempt(row);
    },
    async listAttempts(query) {
      const { rows } = await collect(query.page, (from) =>
        reader.call("listAttempts", { ...query, ...from }),
      );
      return rows.map(toAttemptWithMessage);
    },
    prune: (request) => pruner.prune(request),
    dropDays: () => Promise.resolve(null),
    cancelOrphans: (request) => writer.call("cancelOrphans", request),
  };
}

/**
 * Takes steps until the page is full or there is nothing more to look at, at most so many; `after`: where it stopped
 * before that.
 */
export async function collect<Row>(
  page: Page,
  take: (from: { page: Page; unlisted: boolean }) => Promise<Step<Row>>,
  stepsMax = Number.POSITIVE_INFINITY,
): Promise<{ rows: Row[]; after: string | null }> {
  const rows: Row[] = [];
  let { after } = page;
  let unlisted = true;
  let steps = 0;
  do {
    const step: Step<Row> = await take({
      page: { ...page, after, limit: page.limit - rows.length },
      unlisted,
    });
    rows.push(...step.rows);
    ({ after, unlisted } = step);
    steps += 1;
  } while (after !== null && rows.length < page.limit && steps < stepsMax);
  return { rows, after: rows.length < page.limit ? after : null };
}

export function toAttemptWithMessage([attempt, message]: AttemptListRow): AttemptWithMessage {
  return { attempt: toAttempt(attempt), message: message === null ? null : toMessage(message) };
}
