import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { changeEventType, EventTypePath } from "./schemas.ts";
import { RetryScheduleInOut, shownSchedule, waitsOf } from "./retry-schedule-schemas.ts";

export const setRetrySchedule = environmentRoute({
  method: "PUT",
  path: "/api/v1/event-type/:event_type_name/retry-schedule",
  operationId: "v1.event-type.set-retry-schedule",
  tag: "Event Type",
  scope: "write:event-type",
  summary: "Set Retry Schedule",
  description:
    "The waits between attempts of this event type's messages, from the next failure on. An endpoint's own schedule " +
    "wins over it, it wins over the server's. null takes it away.",
  params: EventTypePath,
  body: RetryScheduleInOut,
  answers: { 200: RetryScheduleInOut },
  async handle({ environmentId, params, body }, services) {
    const retryScheduleMs = waitsOf(body);
    const changed = await changeEventType(
      { environmentId, name: params.event_type_name },
      { services, change: (stored) => ({ ...stored, retryScheduleMs }) },
    );
    await services.engine.eventTypesChanged(environmentId);
    return jsonAnswer(200, shownSchedule(changed.retryScheduleMs));
  },
});
