import type { Message } from "@posthaste/core/domain/message";
import { DELIVER_AT_AHEAD_MAX_MS } from "@posthaste/core/domain/limits";
import { HOUR_MS, toIso } from "@posthaste/core/domain/time";
import { Type } from "typebox";
import { ApplicationIn } from "../application/schemas.ts";
import { Channel, MessageId, Name, named, nullable, Tag, Time } from "../fields.ts";

const CHANNELS_MAX = 10;
const TAGS_MAX = 5;
const RETENTION_DAYS_MAX = 90;
const RETENTION_HOURS_MAX = 2_160;

export const EventId = Type.String({
  ...Name,
  description: "Your own id of the event; a second one is refused (409).",
});
export const EventTypeName = Type.String({
  ...Name,
  description: "Such as order.completed; need not exist.",
});
export const Channels = Type.Array(Channel, { minItems: 1, maxItems: CHANNELS_MAX, uniqueItems: true });
const Tags = Type.Array(Tag, { maxItems: TAGS_MAX, uniqueItems: true });
export const Payload = Type.Unsafe<object>({
  type: "object",
  additionalProperties: true,
  description: "Sent byte for byte as it stands in the request: digits, order of keys and white space stay.",
});

/** How long the payload stays. */
export const retentionFields = {
  payloadRetentionPeriod: Type.Optional(
    nullable(
      Type.Integer({
        minimum: 1,
        maximum: RETENTION_DAYS_MAX,
        description: "Days after which the payload is deleted; the message stays. Default: it stays as long.",
      }),
    ),
  ),
  payloadRetentionHours: Type.Optional(
    nullable(
      Type.Integer({
        minimum: 1,
        maximum: RETENTION_HOURS_MAX,
        description: "The same in hours; wins over days.",
      }),
    ),
  ),
};

export const MessageIn = named(
  "MessageIn",
  Type.Object({
    eventType: EventTypeName,
    payload: Payload,
    eventId: Type.Optional(nullable(EventId)),
    channels: Type.Optional(nullable(Channels)),
    tags: Type.Optional(nullable(Tags)),
    application: Type.Optional(
      nullable({ ...ApplicationIn, description: "Created first when the one in the path does not exist." }),
    ),
    transformationsParams: Type.Optional(
      Type.Unsafe<{ rawPayload?: string | null; headers?: Record<string, unknown> | null } | null>({
        type: ["object", "null"],
        additionalProperties: true,
        properties: {
          rawPayload: {
            type: ["string", "null"],
            description: "Sent as it is instead of `payload`; need not be JSON.",
          },
          headers: {
            type: ["object", "null"],
            description: "Only `content-type: application/json` is offered.",
          },
        },
      }),
    ),
    deliverAt: Type.Optional(
      nullable({
        ...Time,
        description:
          `Nothing is sent before this time, at most ${DELIVER_AT_AHEAD_MAX_MS / HOUR_MS} hours ahead; one that has ` +
          "passed means at once. On a FIFO endpoint the message keeps its place: what comes after it waits as well.",
      }),
    ),
    ...retentionFields,
  }),
);

export const MessageOut = named(
  "MessageOut",
  Type.Object({
    id: MessageId,
    eventType: EventTypeName,
    eventId: nullable(EventId),
    channels: nullable(Channels),
    tags: nullable(Tags),
    timestamp: Time,
    deliverAt: Type.Optional(nullable({ ...Time, description: "Of a scheduled message only." })),
    payload: Type.Unsafe<object>({
      type: "object",
      additionalProperties: true,
      description:
        'As it was sent. `{}` without content, `{"expired":true}` once deleted, `{"rawPayload":"…"}` when it ' +
        "was not a JSON object.",
    }),
  }),
);

export const WithContent = Type.Optional(
  Type.Boolean({ default: true, description: "false leaves the payload out of the answer." }),
);

const NO_PAYLOAD = "{}";
const EXPIRED = '{"expired":true}';

/** As the API shows it; `payload` is JSON text and stands in the answer as it is. */
export function messageText(message: Message, payload: string): string {
  const { channels, eventId, tags } = message;
  // Ids, names and channels hold nothing that JSON would escape.
  return (
    `{"id":"${message.id}","eventType":"${message.eventType}",` +
    `"eventId":${eventId === null ? "null" : `"${eventId}"`},` +
    `"channels":${channels === null ? "null" : JSON.stringify(channels)},` +
    `"tags":${tags === null ? "null" : JSON.stringify(tags)},` +
    `"timestamp":"${isoOf(message.createdAt)}",` +
    (message.deliverAt === null ? "" : `"deliverAt":"${toIso(message.deliverAt)}",`) +
    `"payload":${payload}}`
  );
}

let lastTime = Number.NaN;
let lastIso = "";

/** Messages of one millisecond share their text: under load, printing a date costs more than all the rest. */
function isoOf(time: number): string {
  if (time !== lastTime) {
    lastIso = toIso(time);
    lastTime = time;
  }
  return lastIso;
}

/** The payload of a message for an answer, as a JSON object whatever was sent. */
export function shownPayload(message: Message, { withContent }: { withContent: boolean }): string {
  if (!withContent) return NO_PAYLOAD;
  if (message.payload === null) return EXPIRED;
  return isJsonObject(message.payload) ? message.payload : JSON.stringify({ rawPayload: message.payload });
}

/** A raw payload can be any text, so it is looked at before it becomes part of an answer. */
function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
