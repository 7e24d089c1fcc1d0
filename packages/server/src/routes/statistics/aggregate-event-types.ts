import { KSUID_TICK_MS } from "@posthaste/core/domain/ksuid";
import { environmentRoute } from "../../route.ts";
import { startedTask, startTask } from "../background-task/schemas.ts";

export const aggregateEventTypes = environmentRoute({
  method: "PUT",
  path: "/api/v1/stats/usage/event-types",
  operationId: "v1.statistics.aggregate-event-types",
  tag: "Statistics",
  scope: "write:task",
  summary: "Aggregate Event Types",
  description:
    "Counts the messages of this environment by event type, in a background task: its data then has `eventTypes`.",
  answers: { 202: startedTask("AggregateEventTypesOut") },
  handle(call, services) {
    const until = services.runtime.clock.now() + Math.ceil(KSUID_TICK_MS);
    return startTask(call, { kind: "event-type.aggregate", until }, { services });
  },
});
