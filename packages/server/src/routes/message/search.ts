import { invalidField } from "@posthaste/core/domain/errors";
import { ID_PREFIX } from "@posthaste/core/domain/ids";
import {
  LIST_MAX,
  SEARCH_TEXT_MAX_CHARS,
  SEARCH_TEXT_ROWS,
  SEARCH_WORDS_MAX,
} from "@posthaste/core/domain/limits";
import { searchWords } from "@posthaste/core/domain/search";
import { Type } from "typebox";
import { lookAnswer } from "../../paging.ts";
import { TEXT_PATTERN } from "../../patterns.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { AppPath, Channel, listOf, Name, named, nullable, pageFields, Tag, Time } from "../fields.ts";
import { EVENT_TYPES_MAX, historyQuery } from "../history-filters.ts";
import { findMessages } from "./find.ts";
import { MessageOut, messageText, shownPayload } from "./schemas.ts";

const { iterator: Iterator } = pageFields(ID_PREFIX.message);

const MessageSearchIn = named(
  "MessageSearchIn",
  Type.Object({
    text: Type.Optional(
      nullable(
        Type.String({
          pattern: TEXT_PATTERN,
          maxLength: SEARCH_TEXT_MAX_CHARS,
          examples: ["ada@example.com"],
          description: `Only messages whose payload has every one of these words, at most ${SEARCH_WORDS_MAX}.`,
        }),
      ),
    ),
    channel: Type.Optional(nullable({ ...Channel, description: "Only messages on this channel." })),
    tag: Type.Optional(nullable({ ...Tag, description: "Only messages with this tag." })),
    event_types: Type.Optional(
      nullable(
        Type.Array(Name, {
          maxItems: EVENT_TYPES_MAX,
          uniqueItems: true,
          examples: [["order.completed"]],
          description: "Only these types.",
        }),
      ),
    ),
    before: Type.Optional(nullable({ ...Time, description: "Only what was made before this time." })),
    after: Type.Optional(nullable({ ...Time, description: "Only what was made at or after this time." })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: LIST_MAX, examples: [50] })),
    iterator: Type.Optional(nullable({ ...Iterator })),
    with_content: Type.Optional(
      Type.Boolean({ default: false, description: "true shows the payloads as well." }),
    ),
  }),
);

/** A POST, so that addresses and names that are looked for stand in no log of URLs. */
export const searchMessages = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/msg/search",
  operationId: "v1.message.search",
  tag: "Message",
  scope: "read:message",
  summary: "Search Messages",
  description:
    "The messages that have all that is asked for, newest first. Of payloads the values are looked into, not the " +
    "names of fields, and whole words only, whatever their case: `example.com` and `ada@example.com` find " +
    "`Ada@Example.com`, `ada@ex` does not. " +
    `One call looks through ${SEARCH_TEXT_ROWS} messages at most and may answer fewer than the limit, or none: go on with ` +
    "`iterator` until `done`.",
  params: AppPath,
  body: MessageSearchIn,
  idempotency: "none",
  answers: { 200: listOf(MessageOut) },
  async handle(call, services) {
    const { body } = call;
    const { application } = await findApplication(call, services);
    const withContent = body.with_content ?? false;
    const filters = { appId: application.id, ...historyQuery(body, "body"), withPayload: withContent };
    const words = wordsOf(body.text);
    return lookAnswer({
      query: body,
      defaultOrder: "descending",
      look: (page) => findMessages({ ...filters, words, page }, services),
      idOf: ({ id }) => id,
      toText: (message) => messageText(message, shownPayload(message, { withContent })),
    });
  },
});

function wordsOf(text: string | null | undefined): string[] {
  if (text === undefined || text === null) return [];
  const words = searchWords(text);
  if (words.length === 0) throw invalidField(["body", "text"], "Must have a word: letters or digits.");
  if (words.length > SEARCH_WORDS_MAX) {
    throw invalidField(["body", "text"], `Must have at most ${SEARCH_WORDS_MAX} words.`);
  }
  return words;
}
