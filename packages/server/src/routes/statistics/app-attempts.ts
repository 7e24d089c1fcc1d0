import { invalidField } from "@posthaste/core/domain/errors";
import { COUNT_ROWS_MAX, COUNT_SPANS_MAX } from "@posthaste/core/domain/limits";
import { DAY_MS, HOUR_MS, MINUTE_MS, toIso } from "@posthaste/core/domain/time";
import { Type } from "typebox";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { assertCounted, Tally } from "../attempt/tally.ts";
import { historyFilters } from "../history-filters.ts";
import { AppPath, named, Time } from "../fields.ts";
import { timeOf } from "../time-span.ts";

const PERIOD_MS = { OneDay: DAY_MS, OneHour: HOUR_MS, FiveMinutes: 5 * MINUTE_MS } as const;
/** Periods that are shown when no start is given. */
const PERIODS_DEFAULT = 28;

const Period = Type.Unsafe<keyof typeof PERIOD_MS>({ type: "string", enum: Object.keys(PERIOD_MS) });
const Counts = Type.Optional(
  Type.Array(Type.Integer(), { description: "One number for each period, the oldest first." }),
);

const AttemptStatisticsResponse = named(
  "AttemptStatisticsResponse",
  Type.Object({
    startDate: Time,
    endDate: Time,
    period: Period,
    data: named(
      "AttemptStatisticsData",
      Type.Object({ successCount: Counts, failureCount: Counts, canceledCount: Counts }),
    ),
  }),
);

export const countApplicationAttempts = environmentRoute({
  method: "GET",
  path: "/api/v1/stats/app/:app_id/attempt",
  operationId: "v1.stats.app-attempts",
  tag: "Statistics",
  scope: "read:statistics",
  summary: "App Attempts",
  description:
    "The attempts of an application by how they ended, period by period (UTC). Default: the last 28 days. Of endpoints " +
    `that were deleted nothing is counted. At most ${COUNT_SPANS_MAX} periods. 400 (\`limit_reached\`) when its endpoints ` +
    `together have ${COUNT_ROWS_MAX} attempts or more in them: ask for fewer.`,
  params: AppPath,
  query: Type.Object({
    startDate: Type.Optional(
      Type.String({ ...Time, description: "The period in which this lies is the first." }),
    ),
    endDate: Type.Optional(Type.String({ ...Time, description: "Attempts before this time; default: now." })),
    period: Type.Optional(Period),
    event_types: historyFilters.event_types,
  }),
  answers: { 200: AttemptStatisticsResponse },
  async handle(call, services) {
    const asked = call.query;
    const { application, endpoints } = await findApplication(call, services);
    const period = asked.period ?? "OneDay";
    const spanMs = PERIOD_MS[period];
    const end = timeOf(asked.endDate, ["query", "endDate"]) ?? services.runtime.clock.now() + 1;
    const from = timeOf(asked.startDate, ["query", "startDate"]) ?? end - (PERIODS_DEFAULT - 1) * spanMs;
    const start = Math.floor(from / spanMs) * spanMs;
    const spans = Math.ceil((end - start) / spanMs);
    if (spans < 1 || spans > COUNT_SPANS_MAX) {
      throw invalidField(
        ["query", "startDate"],
        `Must be before endDate by at most ${COUNT_SPANS_MAX} periods.`,
      );
    }
    const zeros = (): number[] => Array.from({ length: spans }, () => 0);
    const counts = { success: zeros(), fail: zeros(), canceled: zeros() };
    const tally = new Tally(services);
    for (const { id: endpointId } of endpoints) {
      const lane = { appId: application.id, endpointId, eventTypes: asked.event_types };
      const query = { ...lane, after: start, before: end, spanMs };
      const complete = await tally.attempts(query, ({ at, status, count }) => {
        // An id and its attempt's time may lie on two sides of a border.
        const place = Math.min(spans - 1, Math.max(0, (at - start) / spanMs));
        const sums = counts[status];
        sums[place] = (sums[place] ?? 0) + count;
      });
      assertCounted(complete);
    }
    return jsonAnswer(200, {
      startDate: toIso(start),
      endDate: toIso(end),
      period,
      data: { successCount: counts.success, failureCount: counts.fail, canceledCount: counts.canceled },
    });
  },
});
