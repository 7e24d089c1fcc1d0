import { PosthasteError } from "@posthaste/core/domain/errors";
import { environmentRoute } from "../../route.ts";
import { isShown } from "./shown.ts";
import { EventTypeOut, EventTypePath, eventTypeText, findEventType } from "./schemas.ts";

export const getEventType = environmentRoute({
  method: "GET",
  path: "/api/v1/event-type/:event_type_name",
  operationId: "v1.event-type.get",
  tag: "Event Type",
  scope: "read:event-type",
  summary: "Get Event Type",
  description: "The event type of that name with its schemas, archived or not; 404 when there is none.",
  params: EventTypePath,
  answers: { 200: EventTypeOut },
  async handle({ environmentId, params, caller }, services) {
    const found = await findEventType({ environmentId, name: params.event_type_name }, services);
    if (!isShown(caller, found)) throw new PosthasteError("not_found", "No event type has this name.");
    return { status: 200, text: eventTypeText(found, { withSchemas: true }) };
  },
});
