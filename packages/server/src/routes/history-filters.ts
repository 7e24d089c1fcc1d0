import { invalidField } from "@posthaste/core/domain/errors";
import { parseTime } from "@posthaste/core/domain/time";
import { Type } from "typebox";
import { Channel, Name, Tag, Time } from "./fields.ts";

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
    before: timeOf(query.before, "before"),
    after: timeOf(query.after, "after"),
  };
}

export function timeOf(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const time = parseTime(text);
  if (time === null)
    throw invalidField(["query", name], "Must be a time with its zone, such as 2026-03-14T09:26:53Z.");
  return time;
}
