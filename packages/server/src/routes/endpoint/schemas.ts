import type { Endpoint } from "@posthaste/core/domain/endpoint";
import { NAME_MAX_CHARS, NAME_PATTERN } from "@posthaste/core/domain/ids";
import {
  ATTEMPT_TIMEOUT_MIN_MS,
  ATTEMPT_TIMEOUT_MS,
  RETRY_DELAY_MAX_MS,
  RETRY_SCHEDULE_ENTRIES_MAX,
} from "@posthaste/core/domain/limits";
import { SECOND_MS, toIso } from "@posthaste/core/domain/time";
import { Type } from "typebox";
import { SECRET_PATTERN } from "../../patterns.ts";
import { Channel, EndpointId, Metadata, named, nullable, Text, ThrottleRate, Time, Uid } from "../fields.ts";

const URL_MAX_CHARS = 65_536;
const CHANNELS_MAX = 10;
const EVENT_TYPES_MAX = 1_000;

export const Url = Type.String({
  minLength: 1,
  maxLength: URL_MAX_CHARS,
  description: "Where to POST. https, a public host; private networks only where the operator allows them.",
  examples: ["https://example.com/webhook/"],
});

const EventTypes = Type.Array(
  Type.String({ minLength: 1, maxLength: NAME_MAX_CHARS, pattern: NAME_PATTERN }),
  {
    minItems: 1,
    maxItems: EVENT_TYPES_MAX,
    uniqueItems: true,
    description: "Only messages of these types, which must exist; null = all.",
  },
);

const Channels = Type.Array(Channel, {
  minItems: 1,
  maxItems: CHANNELS_MAX,
  uniqueItems: true,
  description: "Only messages on one of these channels; null = every message.",
});

export const Secret = Type.String({
  pattern: SECRET_PATTERN,
  description: "`whsec_` and base64 of 24 to 64 bytes, or `whsk_` and base64 of an ed25519 key pair.",
});
export const SecretIn = Type.String({
  pattern: SECRET_PATTERN,
  description:
    "`whsec_` and base64 of 24 to 64 bytes, or `whsk_` and base64 of an ed25519 key pair; a new `whsec_` when left out.",
});

/** Fields Svix's contract does not know. Answers carry them only when they are set. */
const ours = {
  fifo: Type.Optional(
    Type.Boolean({
      default: false,
      description:
        "One message at a time, in the order they were accepted; a failing one holds back those behind it. " +
        "An addition to Svix's contract.",
    }),
  ),
  timeoutSeconds: Type.Optional(
    nullable(
      Type.Integer({
        minimum: ATTEMPT_TIMEOUT_MIN_MS / SECOND_MS,
        maximum: ATTEMPT_TIMEOUT_MS / SECOND_MS,
        description: "Total bound of one attempt, in seconds; null = 30. An addition to Svix's contract.",
      }),
    ),
  ),
  retrySchedule: Type.Optional(
    nullable(
      Type.Array(Type.Integer({ minimum: 1, maximum: RETRY_DELAY_MAX_MS / SECOND_MS }), {
        maxItems: RETRY_SCHEDULE_ENTRIES_MAX,
        description:
          "Seconds to wait before each further attempt; [] = no retries, null = the server's schedule. " +
          "An addition to Svix's contract.",
      }),
    ),
  ),
};

const editable = {
  description: Type.Optional(Type.String({ ...Text, default: "" })),
  throttleRate: Type.Optional(
    nullable({ ...ThrottleRate, description: "Attempts a second; null = no limit." }),
  ),
  uid: Type.Optional(nullable(Uid)),
  disabled: Type.Optional(
    Type.Boolean({
      default: false,
      description: "Nothing is sent; what is owed waits and no new message is added.",
    }),
  ),
  eventTypes: Type.Optional(nullable(EventTypes)),
  channels: Type.Optional(nullable(Channels)),
  metadata: Type.Optional(Metadata),
  ...ours,
};

export const Headers = Type.Record(Type.String(), Type.String(), {
  description: "Sent with every attempt. Names that frame or sign the request are refused.",
});

export const EndpointIn = named(
  "EndpointIn",
  Type.Object({
    url: Url,
    ...editable,
    secret: Type.Optional(nullable(SecretIn)),
    headers: Type.Optional(nullable(Headers)),
  }),
);

export const EndpointUpsertIn = named("EndpointUpsertIn", Type.Object({ url: Url, ...editable }));

export const EndpointPatch = named("EndpointPatch", Type.Object({ url: Type.Optional(Url), ...editable }));

export const EndpointOut = named(
  "EndpointOut",
  Type.Object({
    id: EndpointId,
    uid: nullable(Uid),
    url: Url,
    description: Type.String(),
    throttleRate: nullable(ThrottleRate),
    eventTypes: nullable(EventTypes),
    channels: nullable(Channels),
    disabled: Type.Boolean(),
    metadata: Metadata,
    createdAt: Time,
    updatedAt: Time,
    ...ours,
    disabledReason: Type.Optional(
      Type.Unsafe<"manual" | "gone" | "failing">({
        type: "string",
        enum: ["manual", "gone", "failing"],
        description:
          "While disabled: `manual` by a person, `gone` it asked for no more (410), `failing` five days of nothing " +
          "but failures. An addition to Svix's contract.",
      }),
    ),
    disabledAt: Type.Optional(Time),
    failingSince: Type.Optional(
      Type.String({
        ...Time,
        description: "Since when every attempt failed. An addition to Svix's contract.",
      }),
    ),
  }),
);

/** As the API shows it. Secrets and headers have operations of their own. */
export function endpointText(endpoint: Endpoint): string {
  const { disabledReason, disabledAt, failingSince, timeoutMs, retryScheduleMs } = endpoint;
  return JSON.stringify({
    id: endpoint.id,
    uid: endpoint.uid,
    url: endpoint.url,
    description: endpoint.description,
    throttleRate: endpoint.throttleRate,
    eventTypes: endpoint.eventTypes,
    channels: endpoint.channels,
    disabled: endpoint.disabled,
    metadata: endpoint.metadata,
    createdAt: toIso(endpoint.createdAt),
    updatedAt: toIso(endpoint.updatedAt),
    // JSON.stringify leaves out what is undefined.
    fifo: endpoint.fifo ? true : undefined,
    timeoutSeconds: timeoutMs === null ? undefined : timeoutMs / SECOND_MS,
    retrySchedule: retryScheduleMs?.map((waitMs) => waitMs / SECOND_MS),
    disabledReason: disabledReason ?? undefined,
    disabledAt: disabledAt === null ? undefined : toIso(disabledAt),
    failingSince: failingSince === null ? undefined : toIso(failingSince),
  });
}
