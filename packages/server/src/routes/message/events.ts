import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { ksuidFloor } from "@posthaste/core/domain/ksuid";
import { LIST_DEFAULT } from "@posthaste/core/domain/limits";
import type { Message } from "@posthaste/core/domain/message";
import { Type } from "typebox";
import { EVENTS_SETTLED_MS } from "../../http-limits.ts";
import { withinBytes } from "../../paging.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { idPattern } from "../../patterns.ts";
import { AppPath, Channel, named, pageFields } from "../fields.ts";
import { historyFilters, historyQuery } from "../history-filters.ts";
import { MessageOut, messageText, shownPayload } from "./schemas.ts";

const CHANNELS_MAX = 100;

const MessageEventsOut = named(
  "MessageEventsOut",
  Type.Object({
    data: Type.Array(MessageOut),
    iterator: Type.String({ description: "Where to go on, now or later." }),
    done: Type.Boolean({ description: "Nothing lies beyond yet." }),
  }),
);

export const listEvents = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/events",
  operationId: "v1.message.events",
  tag: "Message",
  scope: "read:message",
  summary: "Message Events",
  description:
    "The messages of the application, oldest first, to be read on and on: the `iterator` of each answer goes on behind " +
    `it, also when nothing was there. A message appears ${EVENTS_SETTLED_MS / 1_000} s after it was accepted, so that ` +
    "none is passed over.",
  params: AppPath,
  query: Type.Object({
    limit: pageFields(ID_PREFIX.message).limit,
    iterator: Type.Optional(
      Type.String({ pattern: idPattern(ID_PREFIX.message), description: "Of the answer before." }),
    ),
    event_types: historyFilters.event_types,
    channels: Type.Optional(
      Type.Array(Channel, {
        maxItems: CHANNELS_MAX,
        uniqueItems: true,
        description: "Only messages on any of these.",
      }),
    ),
    after: historyFilters.after,
  }),
  answers: { 200: MessageEventsOut },
  async handle(call, services) {
    const { store, runtime } = services;
    const { limit = LIST_DEFAULT, iterator, channels, ...filters } = call.query;
    const { application } = await findApplication(call, services);
    const range = historyQuery(filters);
    // One more than asked for tells whether there is more.
    const { messages: read, after } = await store.search.findMessages({
      ...range,
      words: [],
      appId: application.id,
      before: runtime.clock.now() - EVENTS_SETTLED_MS,
      page: { limit: limit + 1, after: iterator ?? null, order: "ascending" },
      withPayload: true,
    });
    const looked = withinBytes(read.slice(0, limit), (message) =>
      messageText(message, shownPayload(message, { withContent: true })),
    );
    const wanted = looked.filter(({ item }) => channels === undefined || isOnAny(item, channels));
    const start = iterator ?? ksuidFloor(ID_PREFIX.message, range.after ?? 0);
    const isWhole = looked.length === read.length;
    const tail = JSON.stringify({
      // What the look passed over is not looked at again.
      iterator: (isWhole ? after : null) ?? looked.at(-1)?.item.id ?? start,
      done: isWhole && after === null,
    });
    return { status: 200, text: `{"data":[${wanted.map(({ text }) => text).join(",")}],${tail.slice(1)}` };
  },
});

function isOnAny(message: Message, channels: readonly string[]): boolean {
  return message.channels?.some((channel) => channels.includes(channel)) ?? false;
}
