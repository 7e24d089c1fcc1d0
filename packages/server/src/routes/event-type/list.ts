import { Type } from "typebox";
import { listAnswer } from "../../paging.ts";
import { environmentRoute } from "../../route.ts";
import { listOf, namePageFields, orderField } from "../fields.ts";
import { EventTypeOut, eventTypeText } from "./schemas.ts";

export const listEventTypes = environmentRoute({
  method: "GET",
  path: "/api/v1/event-type",
  operationId: "v1.event-type.list",
  tag: "Event Type",
  scope: "read:event-type",
  summary: "List Event Types",
  description: "The event types of the environment by name. `iterator` is a name here.",
  query: Type.Object({
    ...namePageFields,
    ...orderField,
    include_archived: Type.Optional(Type.Boolean({ default: false, description: "Archived ones too." })),
    with_content: Type.Optional(Type.Boolean({ default: false, description: "With their schemas." })),
  }),
  answers: { 200: listOf(EventTypeOut) },
  handle({ environmentId, query }, { store }) {
    const withSchemas = query.with_content ?? false;
    const includeArchived = query.include_archived ?? false;
    return listAnswer({
      query,
      defaultOrder: "ascending",
      read: (page) => store.eventTypes.list({ environmentId, page, includeArchived }),
      idOf: ({ name }) => name,
      toText: (eventType) => eventTypeText(eventType, { withSchemas }),
    });
  },
});
