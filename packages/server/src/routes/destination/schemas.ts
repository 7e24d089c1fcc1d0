import type { PollingEndpoint } from "@posthaste/core/domain/polling-endpoint";
import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { PosthasteError } from "@posthaste/core/domain/errors";
import { toIso } from "@posthaste/core/domain/time";
import { Type } from "typebox";
import { AppPath, Metadata, Name, named, nullable, Time } from "../fields.ts";
import { FIRST_ITERATOR } from "../poller/iterator.ts";

const UID_MAX_CHARS = 60;
const EVENT_TYPES_MAX = 100;
const BATCH_MAX = 1_000;
const WAIT_MAX_S = 300;

const DestinationUid = Type.String({
  minLength: 1,
  maxLength: UID_MAX_CHARS,
  pattern: "^(?!sink_)[a-zA-Z0-9_-]+$",
  examples: ["warehouse"],
  description: "Your own name for it; accepted wherever the id is.",
});
const EventTypes = Type.Array(Name, {
  maxItems: EVENT_TYPES_MAX,
  description: "Only messages of these types; none named: all.",
});
const PollingType = Type.Unsafe<"pollingEndpoint">({
  type: "string",
  enum: ["pollingEndpoint"],
  description: "The one kind of destination there is.",
});
const BatchSize = Type.Integer({
  minimum: 1,
  maximum: BATCH_MAX,
  description: "Means nothing for this type.",
});
const MaxWait = Type.Integer({
  minimum: 0,
  maximum: WAIT_MAX_S,
  description: "Means nothing for this type.",
});
const Status = Type.Unsafe<"enabled">({ type: "string", enum: ["enabled"] });

export const DestinationIn = named(
  "PollingDestinationIn",
  Type.Object({
    type: PollingType,
    uid: Type.Optional(nullable(DestinationUid)),
    eventTypes: Type.Optional(EventTypes),
    metadata: Type.Optional(Metadata),
    status: Type.Optional(Status),
    batchSize: Type.Optional(BatchSize),
    maxWaitSecs: Type.Optional(MaxWait),
  }),
);

export const DestinationOut = named(
  "PollingDestinationOut",
  Type.Object({
    id: Type.String({ pattern: `^${ID_PREFIX.pollingEndpoint}[A-Za-z0-9]{22}$` }),
    uid: nullable(DestinationUid),
    type: PollingType,
    status: Status,
    eventTypes: EventTypes,
    metadata: Metadata,
    batchSize: BatchSize,
    maxWaitSecs: MaxWait,
    currentIterator: Type.String({ description: "Where a poll begins that has no iterator." }),
    createdAt: Time,
    updatedAt: Time,
  }),
);

export const DestinationPath = Type.Object({
  ...AppPath.properties,
  destination_id: Type.String({ ...Name, description: "The polling endpoint's id or uid." }),
});

const DEFAULT_BATCH = 100;

export function destinationText(endpoint: PollingEndpoint): string {
  const { id, uid, eventTypes, metadata, createdAt, updatedAt } = endpoint;
  return JSON.stringify({
    id,
    uid,
    type: "pollingEndpoint",
    status: "enabled",
    eventTypes: eventTypes ?? [],
    metadata,
    batchSize: DEFAULT_BATCH,
    maxWaitSecs: 0,
    currentIterator: FIRST_ITERATOR,
    createdAt: toIso(createdAt),
    updatedAt: toIso(updatedAt),
  });
}

/** The polling endpoint an id or uid names among these; 404 when none has it. */
export function findPollingEndpoint(endpoints: readonly PollingEndpoint[], ref: string): PollingEndpoint {
  const endpoint = endpoints.find(({ id, uid }) => id === ref || uid === ref);
  if (endpoint === undefined) {
    throw new PosthasteError("not_found", "No polling endpoint has this id or uid.");
  }
  return endpoint;
}
