import type { AttemptStatus } from "@posthaste/core/domain/attempt";
import { KSUID_TICK_MS } from "@posthaste/core/domain/ksuid";
import { COUNT_ROWS_MAX } from "@posthaste/core/domain/limits";
import { DAY_MS, toIso } from "@posthaste/core/domain/time";
import { Type } from "typebox";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { assertCounted, Tally } from "../attempt/tally.ts";
import { AppPath, named, Time } from "../fields.ts";
import { historyFilters } from "../history-filters.ts";
import { spanOf } from "../time-span.ts";
import { findApplication } from "./find.ts";

const Count = Type.Integer({ minimum: 0 });
const OfType = named(
  "AppAttemptEventTypeStats",
  Type.Object({ success: Count, failure: Count, canceled: Count }),
);
const AppAttemptStatsOut = named(
  "AppAttemptStatsOut",
  Type.Object({
    since: Time,
    until: Time,
    total_success: Count,
    total_failure: Count,
    total_canceled: Count,
    by_event_type: Type.Record(Type.String(), OfType),
  }),
);

type Counts = Record<"success" | "failure" | "canceled", number>;
const WORDS = {
  success: "success",
  fail: "failure",
  canceled: "canceled",
} as const satisfies Record<AttemptStatus, keyof Counts>;

export const getApplicationAttemptStats = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/stats/attempts",
  operationId: "v1.application.stats.attempts",
  tag: "Application",
  scope: "read:statistics",
  summary: "Get Application Attempt Statistics",
  description:
    "The attempts of an application in a span of time by how they ended, in all and by event type. Of endpoints that were " +
    "deleted, and of messages that are gone, nothing is counted. 400 (`limit_reached`) when its endpoints together have " +
    `${COUNT_ROWS_MAX} attempts or more in it: ask for a shorter one.`,
  params: AppPath,
  query: Type.Object({
    since: Type.Optional(
      Type.String({ ...Time, description: "Attempts at or after this time; default: the last 24 hours." }),
    ),
    until: Type.Optional(
      Type.String({ ...Time, description: "Attempts before this time; default, and at the latest: now." }),
    ),
    event_types: historyFilters.event_types,
  }),
  answers: { 200: AppAttemptStatsOut },
  async handle(call, services) {
    const { query } = call;
    const { application, endpoints } = await findApplication(call, services);
    // Ids carry their time in ticks: those of this moment belong to it.
    const now = services.runtime.clock.now() + Math.ceil(KSUID_TICK_MS);
    const given = { ...query, since: query.since ?? toIso(now - DAY_MS) };
    const { since, until } = spanOf(given, { now, place: "query" });
    const total: Counts = { success: 0, failure: 0, canceled: 0 };
    const byType = new Map<string, Counts>();
    const wanted = query.event_types === undefined ? null : new Set(query.event_types);
    const tally = new Tally(services);
    for (const { id: endpointId } of endpoints) {
      const lane = { appId: application.id, endpointId, after: since, before: until };
      const complete = await tally.byType(lane, ({ eventType, status, count }) => {
        if (wanted?.has(eventType) === false) return;
        const ofType = byType.get(eventType) ?? { success: 0, failure: 0, canceled: 0 };
        byType.set(eventType, ofType);
        for (const counts of [total, ofType]) counts[WORDS[status]] += count;
      });
      assertCounted(complete);
    }
    return jsonAnswer(200, {
      since: toIso(since),
      until: toIso(until),
      total_success: total.success,
      total_failure: total.failure,
      total_canceled: total.canceled,
      by_event_type: Object.fromEntries(byType),
    });
  },
});
