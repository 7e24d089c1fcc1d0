import { PosthasteError } from "@posthaste/core/domain/errors";
import { environmentRoute } from "../../route.ts";
import {
  changeEventType,
  EventTypeOut,
  EventTypePath,
  eventTypeText,
  EventTypeUpsertIn,
  newEventType,
} from "./schemas.ts";

export const upsertEventType = environmentRoute({
  method: "PUT",
  path: "/api/v1/event-type/:event_type_name",
  operationId: "v1.event-type.upsert",
  tag: "Event Type",
  scope: "write:event-type",
  summary: "Upsert Event Type",
  description:
    "Replaces the event type's fields, those left out get their defaults; creates it (201) when there is none.",
  params: EventTypePath,
  body: EventTypeUpsertIn,
  answers: { 200: EventTypeOut, 201: EventTypeOut },
  async handle({ environmentId, params, body }, services) {
    const name = params.event_type_name;
    const fresh = newEventType(body, { environmentId, name, now: services.runtime.clock.now() });
    const found = await services.store.eventTypes.find({ environmentId, name });
    if (found === null) {
      const result = await services.store.eventTypes.insert(fresh, {});
      if (result.kind === "inserted")
        return { status: 201, text: eventTypeText(fresh, { withSchemas: true }) };
      throw new PosthasteError("conflict", "This event type is being created by another request. Try again.");
    }
    const changed = await changeEventType(
      { environmentId, name },
      { services, change: ({ createdAt, retryScheduleMs }) => ({ ...fresh, createdAt, retryScheduleMs }) },
    );
    return { status: 200, text: eventTypeText(changed, { withSchemas: true }) };
  },
});
