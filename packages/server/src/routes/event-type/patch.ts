import { environmentRoute } from "../../route.ts";
import {
  EventTypeOut,
  EventTypePatch,
  EventTypePath,
  eventTypeText,
  findEventType,
  updateEventType,
} from "./schemas.ts";

export const patchEventType = environmentRoute({
  method: "PATCH",
  path: "/api/v1/event-type/:event_type_name",
  operationId: "v1.event-type.patch",
  tag: "Event Type",
  scope: "environment",
  summary: "Patch Event Type",
  description:
    "Changes the fields given and leaves the others. `null` takes schemas, groupName or featureFlags away.",
  params: EventTypePath,
  body: EventTypePatch,
  answers: { 200: EventTypeOut },
  handle({ environmentId, params, body }, services) {
    const query = { environmentId, name: params.event_type_name };
    return services.writes.run(`${environmentId}/${query.name}`, async () => {
      const stored = await findEventType(query, services);
      const changed = {
        ...stored,
        description: body.description ?? stored.description,
        archived: body.archived ?? stored.archived,
        deprecated: body.deprecated ?? stored.deprecated,
        schemas: body.schemas === undefined ? stored.schemas : body.schemas,
        groupName: body.groupName === undefined ? stored.groupName : body.groupName,
        featureFlags: body.featureFlags === undefined ? stored.featureFlags : body.featureFlags,
        updatedAt: services.runtime.clock.now(),
      };
      await updateEventType(changed, services);
      return { status: 200, text: eventTypeText(changed, { withSchemas: true }) };
    });
  },
});
