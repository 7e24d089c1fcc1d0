import { environmentRoute } from "../../route.ts";
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
  async handle({ environmentId, params }, services) {
    const found = await findEventType({ environmentId, name: params.event_type_name }, services);
    return { status: 200, text: eventTypeText(found, { withSchemas: true }) };
  },
});
