import type { Endpoint } from "@posthaste/core/domain/endpoint";
import { OPERATIONAL_EVENT_TYPES } from "@posthaste/core/domain/operational";
import { toIso } from "@posthaste/core/domain/time";
import { Type } from "typebox";
import { Headers, SecretIn, Url } from "../endpoint/schemas.ts";
import { EndpointId, Metadata, Name, named, nullable, Text, ThrottleRate, Time, Uid } from "../fields.ts";

export const OperationalEndpointPath = Type.Object({
  endpoint_id: Type.String({ ...Name, description: "The operational endpoint's id or uid." }),
});

const EventTypes = Type.Array(
  Type.Unsafe<(typeof OPERATIONAL_EVENT_TYPES)[number]>({
    type: "string",
    enum: [...OPERATIONAL_EVENT_TYPES],
  }),
  {
    minItems: 1,
    uniqueItems: true,
    description:
      "Only these events; null = all but `message.attempt.log`, which comes with every attempt and so only to those that " +
      "name it. `ingest.*` are taken for compatibility with Svix and not sent.",
  },
);

const editable = {
  url: Url,
  description: Type.Optional(Type.String({ ...Text, default: "" })),
  throttleRate: Type.Optional(
    nullable({ ...ThrottleRate, description: "Attempts a second; null = no limit." }),
  ),
  uid: Type.Optional(nullable(Uid)),
  disabled: Type.Optional(
    Type.Boolean({
      default: false,
      description: "Nothing is sent; what is owed waits, nothing new is added.",
    }),
  ),
  eventTypes: Type.Optional(nullable(EventTypes)),
  metadata: Type.Optional(Metadata),
};

export const OperationalWebhookEndpointIn = named(
  "OperationalWebhookEndpointIn",
  Type.Object({
    ...editable,
    secret: Type.Optional(nullable(SecretIn)),
    headers: Type.Optional(nullable(Headers)),
  }),
);

export const OperationalWebhookEndpointUpsertIn = named(
  "OperationalWebhookEndpointUpsertIn",
  Type.Object(editable),
);

export const OperationalWebhookEndpointOut = named(
  "OperationalWebhookEndpointOut",
  Type.Object({
    id: EndpointId,
    uid: nullable(Uid),
    url: Url,
    description: Type.String(),
    throttleRate: nullable(ThrottleRate),
    eventTypes: nullable(EventTypes),
    disabled: Type.Boolean(),
    metadata: Metadata,
    createdAt: Time,
    updatedAt: Time,
    failingSince: Type.Optional(
      Type.String({
        ...Time,
        description: "Since when every attempt failed. An addition to Svix's contract.",
      }),
    ),
  }),
);

/** As the API shows it. */
export function operationalEndpointText(endpoint: Endpoint): string {
  const { failingSince } = endpoint;
  return JSON.stringify({
    id: endpoint.id,
    uid: endpoint.uid,
    url: endpoint.url,
    description: endpoint.description,
    throttleRate: endpoint.throttleRate,
    eventTypes: endpoint.eventTypes,
    disabled: endpoint.disabled,
    metadata: endpoint.metadata,
    createdAt: toIso(endpoint.createdAt),
    updatedAt: toIso(endpoint.updatedAt),
    // JSON.stringify leaves out what is undefined.
    failingSince: failingSince === null ? undefined : toIso(failingSince),
  });
}
