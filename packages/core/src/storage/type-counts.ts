import { statusOf } from "./codes.ts";
import type { TypeCountStep } from "./port-overview.ts";

/** What both databases answer; without an event type: the message is gone. */
export type TypeCountRow = readonly [
  eventType: string | null,
  status: number,
  count: number,
  /** The last attempt among them. */
  last: string,
];

/** One step of counting; `limit`: how many attempts it was to look at. */
export function toTypeCountStep(rows: readonly TypeCountRow[], limit: number): TypeCountStep {
  const looked = rows.reduce((sum, [, , count]) => sum + count, 0);
  const last = rows.reduce((max, row) => (row[3] > max ? row[3] : max), "");
  const counts = rows.flatMap(([eventType, status, count]) =>
    eventType === null ? [] : [{ eventType, status: statusOf(status), count }],
  );
  return { counts, looked, cursor: looked < limit ? null : last };
}
