import type { PersonField } from "./person-fields.ts";
import { exactly, objectOf, time, type Schema } from "./schema.ts";

/** The groups in which people choose event types, in display order. */
export const eventGroups = [
  { name: "purchases", title: "Purchases" },
  { name: "subscriptions", title: "Subscriptions" },
  { name: "customers", title: "Customers" },
  { name: "courses", title: "Courses" },
] as const;

export type EventGroupName = (typeof eventGroups)[number]["name"];

/** The Standard Webhooks envelope. `timestamp` is when it happened, not when it was sent. */
export interface EventPayload<Name extends string = string, Data extends object = object> {
  readonly type: Name;
  readonly timestamp: string;
  readonly data: Data;
}

/** One event type of the catalog. */
export interface CatalogEventType<Name extends string = string, Data extends object = object> {
  readonly name: Name;
  /** Changes only when a payload that was valid before would not be any more. */
  readonly version: string;
  readonly group: EventGroupName;
  /** For people, as the end of "When …": plain words, no jargon. */
  readonly sentence: string;
  /** For developers, one line: exactly when it is sent. */
  readonly description: string;
  /** JSON Schema 2020-12 of the whole payload, without any reference to elsewhere. */
  readonly schema: Schema<EventPayload<Name, Data>>;
  readonly example: EventPayload<Name, Data>;
  readonly personFields: readonly PersonField[];
}

/** What an author writes; the envelope's schema is the same for all and is added here. */
export function defineEventType<const Name extends string, Data extends object>(definition: {
  readonly name: Name;
  readonly group: EventGroupName;
  readonly sentence: string;
  readonly description: string;
  readonly data: Schema<Data>;
  readonly example: { readonly timestamp: string; readonly data: NoInfer<Data> };
  readonly personFields: readonly PersonField[];
}): CatalogEventType<Name, Data> {
  const { name, group, sentence, description, data, example, personFields } = definition;
  const envelope: Schema<EventPayload<Name, Data>> = objectOf({
    description,
    required: {
      type: exactly("The event type.", name),
      timestamp: time("When it happened (not when it was sent): ISO 8601, UTC."),
      data,
    },
  });
  return {
    name,
    version: "1",
    group,
    sentence,
    description,
    schema: { $schema: "https://json-schema.org/draft/2020-12/schema", title: name, ...envelope },
    example: { type: name, timestamp: example.timestamp, data: example.data },
    personFields,
  };
}
