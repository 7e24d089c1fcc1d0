import { PosthasteError } from "@posthaste/core/domain/errors";
import { Type } from "typebox";
import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { changeEventType, EventTypePath } from "./schemas.ts";

export const deleteEventType = environmentRoute({
  method: "DELETE",
  path: "/api/v1/event-type/:event_type_name",
  operationId: "v1.event-type.delete",
  tag: "Event Type",
  scope: "write:event-type",
  summary: "Delete Event Type",
  description:
    "Archives the event type: endpoints that filter on it go on, lists leave it out, creating it again brings it " +
    "back. With `expunge` it is removed for good.",
  params: EventTypePath,
  query: Type.Object({
    expunge: Type.Optional(
      Type.Boolean({ default: false, description: "Remove it instead of archiving it." }),
    ),
  }),
  answers: { 204: null },
  async handle({ environmentId, params, query }, services) {
    const key = { environmentId, name: params.event_type_name };
    if (query.expunge === true) {
      const deleted = await services.store.eventTypes.delete(key);
      if (!deleted) throw new PosthasteError("not_found", "No event type has this name.");
      await services.engine.eventTypesChanged(environmentId);
      return NO_CONTENT;
    }
    await changeEventType(key, { services, change: (stored) => ({ ...stored, archived: true }) });
    return NO_CONTENT;
  },
});
