import { PosthasteError } from "@posthaste/core/domain/errors";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { EventTypePath, findEventType } from "./schemas.ts";
import { isShown } from "./shown.ts";
import { RetryScheduleInOut, shownSchedule } from "./retry-schedule-schemas.ts";

export const getRetrySchedule = environmentRoute({
  method: "GET",
  path: "/api/v1/event-type/:event_type_name/retry-schedule",
  operationId: "v1.event-type.get-retry-schedule",
  tag: "Event Type",
  scope: "read:event-type",
  summary: "Get Retry Schedule",
  description: "The event type's own waits between attempts; null when the server's apply.",
  params: EventTypePath,
  answers: { 200: RetryScheduleInOut },
  async handle({ caller, environmentId, params }, services) {
    const eventType = await findEventType({ environmentId, name: params.event_type_name }, services);
    if (!isShown(caller, eventType)) throw new PosthasteError("not_found", "No event type has this name.");
    return jsonAnswer(200, shownSchedule(eventType.retryScheduleMs));
  },
});
