import { Type } from "typebox";
import { Channel, Name, Tag, Time } from "./fields.ts";
import { timeOf } from "./time-span.ts";

export const EVENT_TYPES_MAX = 100;

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
  readonly channel?: string | null;
  readonly tag?: string | null;
  readonly event_types?: readonly string[] | null;
  readonly before?: string | null;
  readonly after?: string | null;
}

/** The same for the store; null is what was left out. `place`: where the filters stand in the request. */
export function historyQuery(
  query: HistoryQuery,
  place: "query" | "body" = "query",
): {
  channel: string | undefined;
  tag: string | undefined;
  eventTypes: readonly string[] | undefined;
  before: number | undefined;
  after: number | undefined;
} {
  return {
    channel: query.channel ?? undefined,
    tag: query.tag ?? undefined,
    eventTypes: query.event_types ?? undefined,
    before: timeOf(query.before, [place, "before"]),
    after: timeOf(query.after, [place, "after"]),
  };
}
