import { LIST_DEFAULT, LIST_MAX } from "@posthaste/core/domain/limits";
import { Type } from "typebox";
import { AppPath, Name, named } from "../fields.ts";
import { MessageOut } from "../message/schemas.ts";
import { ITERATOR_PATTERN } from "./iterator.ts";

export const PollerPath = Type.Object({
  ...AppPath.properties,
  sink_id: Type.String({ ...Name, description: "The polling endpoint's id or uid." }),
});

export const ConsumerPath = Type.Object({
  ...PollerPath.properties,
  consumer_id: Type.String({ ...Name, description: "Any name of your own; made by its first use." }),
});

export const PollLimit = Type.Optional(
  Type.Integer({ minimum: 1, maximum: LIST_MAX, default: LIST_DEFAULT, description: "How many at most." }),
);

export const PollIterator = Type.Optional(
  Type.String({ pattern: ITERATOR_PATTERN, description: "`iterator` of the last answer." }),
);

const Iterator = Type.String({
  pattern: ITERATOR_PATTERN,
  description: "Behind the last message looked at. The same as before when there was nothing new.",
});
const Done = Type.Boolean({ description: "Nothing more is there at the moment." });

const PollingEndpointMessageOut = named("PollingEndpointMessageOut", Type.Object(MessageOut.properties));

export const PollingEndpointOut = named(
  "PollingEndpointOut",
  Type.Object({ data: Type.Array(PollingEndpointMessageOut), iterator: Iterator, done: Done }),
);

export const PollingEndpointConsumerSeekOut = named(
  "PollingEndpointConsumerSeekOut",
  Type.Object({ iterator: Iterator }),
);

const Offset = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

const PollerV2MessageOut = named(
  "PollerV2MessageOut",
  Type.Object({ offset: Offset, ...MessageOut.properties }),
);

export const PollerV2PollOut = named(
  "PollerV2PollOut",
  Type.Object({ data: Type.Array(PollerV2MessageOut), done: Done }),
);

export const PollerV2CommitIn = named(
  "PollerV2CommitIn",
  Type.Object({ offset: { ...Offset, description: "Of the last message that is done with." } }),
);
