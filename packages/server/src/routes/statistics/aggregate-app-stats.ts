import { TASK_RESULTS_MAX } from "@posthaste/core/domain/limits";
import { Type } from "typebox";
import { environmentRoute } from "../../route.ts";
import { startedTask, startTask } from "../background-task/schemas.ts";
import { Name, named, nullable, Time } from "../fields.ts";
import { spanOf } from "../time-span.ts";

const AppUsageStatsIn = named(
  "AppUsageStatsIn",
  Type.Object({
    since: Type.String({ ...Time, description: "Deliveries that ended at or after this time." }),
    until: Type.String({ ...Time, description: "Ended before this time." }),
    appIds: Type.Optional(
      nullable(
        Type.Array(Name, {
          maxItems: TASK_RESULTS_MAX,
          uniqueItems: true,
          description: "Ids or uids; default: every application.",
        }),
      ),
    ),
  }),
);

const started = startedTask("AppUsageStatsOut");
const AppUsageStatsOut = named(
  "AppUsageStatsOut",
  Type.Object({
    ...started.properties,
    unresolvedAppIds: Type.Array(Name, {
      uniqueItems: true,
      description: "Those of `appIds` that name nothing.",
    }),
  }),
);

export const aggregateApplicationStats = environmentRoute({
  method: "POST",
  path: "/api/v1/stats/usage/app",
  operationId: "v1.statistics.aggregate-app-stats",
  tag: "Statistics",
  scope: "write:task",
  summary: "Aggregate App Stats",
  description:
    "Counts the deliveries that ended, by application, in a background task: its data then has `appStats`, each with " +
    "`appId` and `messageDestinations`.",
  body: AppUsageStatsIn,
  answers: { 202: AppUsageStatsOut },
  async handle(call, services) {
    const { environmentId, body } = call;
    const span = spanOf(body, { now: services.runtime.clock.now(), place: "body" });
    const found = new Set<string>();
    const unresolvedAppIds: string[] = [];
    for (const ref of body.appIds ?? []) {
      const routed = await services.engine.findApplication({ environmentId, ref });
      if (routed === null) unresolvedAppIds.push(ref);
      else found.add(routed.application.id);
    }
    const appIds = body.appIds === undefined || body.appIds === null ? null : [...found].toSorted();
    const work = { kind: "application.stats", ...span, appIds } as const;
    return startTask(call, work, { services, more: { unresolvedAppIds } });
  },
});
