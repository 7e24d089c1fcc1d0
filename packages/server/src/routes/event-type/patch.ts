import type { EventType } from "@posthaste/core/domain/event-type";
import { environmentRoute } from "../../route.ts";
import { changeEventType, EventTypeOut, EventTypePatch, EventTypePath, eventTypeText } from "./schemas.ts";

export const patchEventType = environmentRoute({
  method: "PATCH",
  path: "/api/v1/event-type/:event_type_name",
  operationId: "v1.event-type.patch",
  tag: "Event Type",
  scope: "write:event-type",
  summary: "Patch Event Type",
  description:
    "Changes the fields given and leaves the others. `null` takes schemas, groupName or featureFlags away.",
  params: EventTypePath,
  body: EventTypePatch,
  answers: { 200: EventTypeOut },
  async handle({ environmentId, params, body }, services) {
    const change = (stored: EventType): EventType => ({
      ...stored,
      description: body.description ?? stored.description,
      archived: body.archived ?? stored.archived,
      deprecated: body.deprecated ?? stored.deprecated,
      schemas: body.schemas === undefined ? stored.schemas : body.schemas,
      groupName: body.groupName === undefined ? stored.groupName : body.groupName,
      featureFlags: body.featureFlags === undefined ? stored.featureFlags : body.featureFlags,
    });
    const query = { environmentId, name: params.event_type_name };
    const changed = await changeEventType(query, { services, change });
    return { status: 200, text: eventTypeText(changed, { withSchemas: true }) };
  },
});
