/** The parts that schemas of several nouns are made of. */
import {
  CHANNEL_MAX_CHARS,
  CHANNEL_PATTERN,
  ID_PREFIX,
  NAME_MAX_CHARS,
  NAME_PATTERN,
  TAG_PATTERN,
} from "@posthaste/core/domain/ids";
import { LIST_DEFAULT, LIST_MAX, METADATA_MAX_BYTES, THROTTLE_RATE_MAX } from "@posthaste/core/domain/limits";
import { Type, type Static, type TObject, type TSchema, type TUnsafe } from "typebox";
import { idPattern, iteratorPattern, TEXT_PATTERN } from "../patterns.ts";

/** The same schema, null allowed. JSON Schema's short form gives clearer errors than a union. */
export function nullable<Schema extends TSchema & { type: string }>(
  schema: Schema,
): TUnsafe<Static<Schema> | null> {
  return Type.Unsafe<Static<Schema> | null>({ ...schema, type: [schema.type, "null"] });
}

/** A schema with a name of its own in the API's description. */
export function named<Schema extends TSchema>(name: string, schema: Schema): Schema {
  return { ...schema, $id: name };
}

export const Name = Type.String({ minLength: 1, maxLength: NAME_MAX_CHARS, pattern: NAME_PATTERN });
export const Text = Type.String({ pattern: TEXT_PATTERN, examples: ["Spring launch"] });
export const Time = Type.String({ format: "date-time", examples: ["2026-03-14T09:26:53.589Z"] });
export const ThrottleRate = Type.Integer({ minimum: 1, maximum: THROTTLE_RATE_MAX });
export const Channel = Type.String({
  minLength: 1,
  maxLength: CHANNEL_MAX_CHARS,
  pattern: CHANNEL_PATTERN,
  examples: ["eu"],
});
export const Tag = Type.String({
  minLength: 1,
  maxLength: CHANNEL_MAX_CHARS,
  pattern: TAG_PATTERN,
  examples: ["launch"],
});

export const Uid = Type.String({
  minLength: 1,
  maxLength: NAME_MAX_CHARS,
  pattern: NAME_PATTERN,
  examples: ["customer-42"],
  description: "Your own name for it; accepted wherever the id is. Must not look like an id.",
});

export const Metadata = Type.Record(Type.String(), Text, {
  description: `Texts of your own. At most ${METADATA_MAX_BYTES} bytes as JSON.`,
});

export const ApplicationId = Type.String({ pattern: idPattern(ID_PREFIX.application) });
export const EndpointId = Type.String({ pattern: idPattern(ID_PREFIX.endpoint) });
export const MessageId = Type.String({ pattern: idPattern(ID_PREFIX.message) });
export const AttemptId = Type.String({ pattern: idPattern(ID_PREFIX.attempt) });

const AppRef = Type.String({ ...Name, description: "The application's id or uid." });
const EndpointRef = Type.String({ ...Name, description: "The endpoint's id or uid." });
const MessageRef = Type.String({ ...Name, description: "The message's id or eventId." });

export const AppPath = Type.Object({ app_id: AppRef });
export const EndpointPath = Type.Object({ app_id: AppRef, endpoint_id: EndpointRef });
export const MessagePath = Type.Object({ app_id: AppRef, msg_id: MessageRef });
export const ResendPath = Type.Object({ app_id: AppRef, msg_id: MessageRef, endpoint_id: EndpointRef });
export const AttemptPath = Type.Object({ app_id: AppRef, msg_id: MessageRef, attempt_id: AttemptId });

const Limit = Type.Integer({
  minimum: 1,
  maximum: LIST_MAX,
  default: LIST_DEFAULT,
  description: "How many at most.",
});

const Order = Type.Unsafe<"ascending" | "descending">({
  type: "string",
  enum: ["ascending", "descending"],
  description: "By time of creation; names by alphabet.",
});

const ITERATOR = "`iterator` of the last answer goes on, its `prevIterator` goes back.";

/** `limit` and `iterator` of a list of ids. */
export function pageFields(prefix: string): {
  limit: typeof OptionalLimit;
  iterator: ReturnType<typeof optionalIterator>;
} {
  return { limit: OptionalLimit, iterator: optionalIterator(iteratorPattern(prefix)) };
}

/** `limit` and `iterator` of a list of names. */
export const namePageFields = {
  limit: Type.Optional(Limit),
  iterator: optionalIterator("^-?[a-zA-Z0-9\\-_.]+$"),
};

const OptionalLimit = Type.Optional(Limit);
export const orderField = { order: Type.Optional(Order) };

function optionalIterator(pattern: string): ReturnType<typeof Type.Optional<ReturnType<typeof Type.String>>> {
  return Type.Optional(Type.String({ maxLength: NAME_MAX_CHARS + 1, pattern, description: ITERATOR }));
}

/** One page of a list. */
export function listOf(item: TSchema & { $id?: string }): TObject {
  return named(
    `ListResponse_${item.$id}_`,
    Type.Object({
      data: Type.Array(item),
      iterator: Type.Unsafe<string | null>({ type: ["string", "null"] }),
      prevIterator: Type.Unsafe<string | null>({ type: ["string", "null"] }),
      done: Type.Boolean({ description: "Nothing lies beyond in the direction that was read." }),
    }),
  );
}
