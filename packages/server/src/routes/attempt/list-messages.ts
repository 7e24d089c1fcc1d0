import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { LIST_MAX, STANDING_PAGES_MAX } from "@posthaste/core/domain/limits";
import type { Message } from "@posthaste/core/domain/message";
import type { MessageQuery, Page } from "@posthaste/core/storage/port";
import type { Standing } from "@posthaste/core/storage/port-overview";
import { Type } from "typebox";
import { lookAnswer } from "../../paging.ts";
import { environmentRoute, type Services } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { standingFields, standingOut, standingWord, type StandingWord } from "../delivery-standing.ts";
import { EndpointPath, listOf, named, pageFields } from "../fields.ts";
import { historyFilters, historyQuery } from "../history-filters.ts";
import { findMessages } from "../message/find.ts";
import { MessageOut, messageText, shownPayload, WithContent } from "../message/schemas.ts";
import { attemptListFields } from "./schemas.ts";

const EndpointMessageOut = named(
  "EndpointMessageOut",
  Type.Object({ ...MessageOut.properties, ...standingFields }),
);

interface StandingMessage {
  readonly message: Message;
  readonly standing: Standing;
}

export const listAttemptedMessages = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/msg",
  operationId: "v1.message-attempt.list-attempted-messages",
  tag: "Message Attempt",
  scope: "read:attempt",
  summary: "List Attempted Messages",
  description:
    "The messages of an endpoint, newest first, and how each stands: delivered, waiting, failed. One call looks through a " +
    "bounded number of the application's messages and may answer fewer than the limit, or none: go on with `iterator` " +
    "until `done`.",
  params: EndpointPath,
  query: Type.Object({
    ...pageFields(ID_PREFIX.message),
    ...historyFilters,
    status: Type.Optional(standingFields.status),
    with_content: WithContent,
    expanded_statuses: attemptListFields.expanded_statuses,
  }),
  answers: { 200: listOf(EndpointMessageOut) },
  async handle(call, services) {
    const { query, params } = call;
    const { application, endpoints } = await findApplication(call, services);
    const { id: endpointId } = findEndpoint(endpoints, params.endpoint_id);
    const withContent = query.with_content ?? true;
    const expanded = query.expanded_statuses ?? false;
    const filters = { appId: application.id, ...historyQuery(query), withPayload: withContent };
    const states = asked(query.status, expanded);
    return lookAnswer({
      query,
      defaultOrder: "descending",
      look: (page) => readStanding({ filters, endpointId, states, page }, services),
      idOf: ({ message }) => message.id,
      toText({ message, standing }) {
        const shown = standingOut(standing, { expanded, createdAt: message.createdAt });
        const text = messageText(message, shownPayload(message, { withContent }));
        return `${text.slice(0, -1)},${JSON.stringify(shown).slice(1)}`;
      },
    });
  },
});

/** Without the newer words, canceled counts as failed. */
function asked(status: number | undefined, expanded: boolean): ReadonlySet<StandingWord> | null {
  const word = status === undefined ? undefined : standingWord(status);
  if (word === undefined) return null;
  if (word === "canceled" && !expanded) return new Set();
  return new Set(word === "fail" && !expanded ? ["fail", "canceled"] : [word]);
}

/**
 * Reads on through the application's messages until so many were for this endpoint, a page at a time, so many pages at
 * most.
 */
async function readStanding(
  request: {
    filters: Omit<MessageQuery, "page">;
    endpointId: string;
    states: ReadonlySet<StandingWord> | null;
    page: Page;
  },
  services: Services,
): Promise<{ items: StandingMessage[]; after: string | null }> {
  const { filters, endpointId, states, page } = request;
  const found: StandingMessage[] = [];
  let { after } = page;
  for (let pages = 0; pages < STANDING_PAGES_MAX; pages++) {
    const query = { ...filters, words: [], page: { ...page, after, limit: LIST_MAX } };
    const { items: messages, after: stopped } = await findMessages(query, services);
    const standings = await services.store.overview.listStandings({
      appId: filters.appId,
      endpointId,
      messageIds: messages.map(({ id }) => id),
    });
    const byMessage = new Map(standings.map((standing) => [standing.messageId, standing]));
    for (const message of messages) {
      const standing = byMessage.get(message.id);
      if (standing === undefined || states?.has(standing.state) === false) continue;
      found.push({ message, standing });
      if (found.length === page.limit) return { items: found, after: null };
    }
    const isFull = messages.length === LIST_MAX;
    after = isFull ? (messages.at(-1)?.id ?? null) : stopped;
    // A look that stopped before its page was full has used up what one call may look at.
    if (after === null || !isFull) return { items: found, after };
  }
  return { items: found, after };
}
