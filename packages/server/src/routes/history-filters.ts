import { Type } from "typebox";
import { Channel, Name, Tag, Time } from "./fields.ts";
import { timeOf } from "./time-span.ts";

const EVENT_TYPES_MAX = 100;

/** What lists of messages and of attempts can be narrowed by. */
export const historyFilters = {
  channel: Type.Optional(Type.String({ ...Channel, description: "Only messages on this channel." })),
  tag: Type.Optional(Type.String({ ...Tag, description: "Only messages with this tag." })),
  event_types: Type.Optional(
    Type.Array(Name, {
      maxItems: EVENT_TYPES_MAX,
      uniqueItems: true,
      description: "Only these, separated by commas.",
    }),
  ),
  before: Type.Optional(Type.String({ ...Time, description: "Only what was made before this time." })),
  after: Type.Optional(Type.String({ ...Time, description: "Only what was made at or after this time." })),
};

interface HistoryQuery {
  readonly channel?: string;
  readonly tag?: string;
  readonly event_types?: readonly string[];
  readonly before?: string;
  readonly after?: string;
}

/** The same for the store. */
export function historyQuery(query: HistoryQuery): {
  channel: string | undefined;
  tag: string | undefined;
  eventTypes: readonly string[] | undefined;
  before: number | undefined;
  after: number | undefined;
} {
  return {
    channel: query.channel,
    tag: query.tag,
    eventTypes: query.event_types,
    before: timeOf(query.before, ["query", "before"]),
    after: timeOf(query.after, ["query", "after"]),
  };
}
