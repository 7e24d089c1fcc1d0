import { PosthasteError } from "@posthaste/core/domain/errors";
import type { EventType } from "@posthaste/core/domain/event-type";
import { toIso } from "@posthaste/core/domain/time";
import { Type, type Static } from "typebox";
import { changeRecord } from "../../change-record.ts";
import type { Services } from "../../route.ts";
import { Name, named, nullable, Text, Time } from "../fields.ts";

const FLAGS_MAX = 100;

const Schemas = Type.Unsafe<Record<string, unknown> | null>({
  type: ["object", "null"],
  additionalProperties: true,
  description: "JSON Schema of the payload, by version.",
});

const FeatureFlags = Type.Array(Name, {
  minItems: 1,
  maxItems: FLAGS_MAX,
  uniqueItems: true,
  description: "Kept and shown; nothing is hidden by them yet.",
});

const fields = {
  archived: Type.Optional(
    Type.Boolean({ default: false, description: "No longer offered for new endpoints." }),
  ),
  deprecated: Type.Optional(Type.Boolean({ default: false })),
  schemas: Type.Optional(Schemas),
  groupName: Type.Optional(nullable(Name)),
  featureFlags: Type.Optional(nullable(FeatureFlags)),
};

export const EventTypeIn = named(
  "EventTypeIn",
  Type.Object({
    name: Type.String({ ...Name, description: "Dotted, such as order.completed." }),
    description: Text,
    ...fields,
  }),
);

export const EventTypeUpsertIn = named("EventTypeUpsertIn", Type.Object({ description: Text, ...fields }));

export const EventTypePatch = named(
  "EventTypePatch",
  Type.Object({ description: Type.Optional(Text), ...fields }),
);

export const EventTypeOut = named(
  "EventTypeOut",
  Type.Object({
    name: Name,
    description: Type.String(),
    archived: Type.Boolean(),
    deprecated: Type.Boolean(),
    schemas: Schemas,
    groupName: nullable(Name),
    featureFlags: nullable(FeatureFlags),
    createdAt: Time,
    updatedAt: Time,
  }),
);

export const EventTypePath = Type.Object({
  event_type_name: Type.String({ ...Name, description: "The event type's name." }),
});

/** As the API shows it; its schemas only on request, they can be long. */
export function eventTypeText(eventType: EventType, { withSchemas }: { withSchemas: boolean }): string {
  return JSON.stringify({
    name: eventType.name,
    description: eventType.description,
    archived: eventType.archived,
    deprecated: eventType.deprecated,
    schemas: withSchemas ? eventType.schemas : null,
    groupName: eventType.groupName,
    featureFlags: eventType.featureFlags,
    createdAt: toIso(eventType.createdAt),
    updatedAt: toIso(eventType.updatedAt),
  });
}

/** A new event type with these fields, not stored yet. */
export function newEventType(
  given: Static<typeof EventTypeUpsertIn>,
  { environmentId, name, now }: { environmentId: string; name: string; now: number },
): EventType {
  return {
    environmentId,
    name,
    description: given.description,
    archived: given.archived ?? false,
    deprecated: given.deprecated ?? false,
    schemas: given.schemas ?? null,
    groupName: given.groupName ?? null,
    featureFlags: given.featureFlags ?? null,
    retryScheduleMs: null,
    createdAt: now,
    updatedAt: now,
  };
}

/** The stored event type of that name; 404 when there is none. */
export async function findEventType(
  query: { environmentId: string; name: string },
  { store }: Services,
): Promise<EventType> {
  const found = await store.eventTypes.find(query);
  if (found === null) throw new PosthasteError("not_found", "No event type has this name.");
  return found;
}

/** Changes a stored event type on top of whatever it is by then. */
export function changeEventType(
  query: { environmentId: string; name: string },
  { services, change }: { services: Services; change: (stored: EventType) => EventType },
): Promise<EventType> {
  const { store, runtime } = services;
  return services.writes.run(`${query.environmentId}/${query.name}`, () =>
    changeRecord({
      noun: "event type",
      clock: runtime.clock,
      read: () => findEventType(query, services),
      change,
      write: (eventType, basedOn) => store.eventTypes.update(eventType, { basedOn }),
    }),
  );
}
