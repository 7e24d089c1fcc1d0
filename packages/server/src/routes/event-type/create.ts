import { PosthasteError } from "@posthaste/core/domain/errors";
import { environmentRoute } from "../../route.ts";
import { changeEventType, EventTypeIn, EventTypeOut, eventTypeText, newEventType } from "./schemas.ts";

export const createEventType = environmentRoute({
  method: "POST",
  path: "/api/v1/event-type",
  operationId: "v1.event-type.create",
  tag: "Event Type",
  scope: "write:event-type",
  summary: "Create Event Type",
  description:
    "Creates an event type, or brings an archived one of that name back with these fields. Endpoints can filter on " +
    "it from now on. Messages need no event type to exist.",
  body: EventTypeIn,
  answers: { 201: EventTypeOut },
  async handle({ environmentId, body, remember }, services) {
    const { name } = body;
    const eventType = newEventType(body, { environmentId, name, now: services.runtime.clock.now() });
    const answer = { status: 201, text: eventTypeText(eventType, { withSchemas: true }) };
    const result = await services.store.eventTypes.insert(eventType, remember(answer));
    if (result.kind === "inserted") return answer;
    if (!result.existing.archived) {
      throw new PosthasteError("conflict", "An event type with this name already exists.");
    }
    const revived = await changeEventType(
      { environmentId, name },
      {
        services,
        change: ({ createdAt, retryScheduleMs }) => ({ ...eventType, createdAt, retryScheduleMs }),
      },
    );
    return { status: 201, text: eventTypeText(revived, { withSchemas: true }) };
  },
});
