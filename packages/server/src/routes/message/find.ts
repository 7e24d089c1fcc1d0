import { PosthasteError } from "@posthaste/core/domain/errors";
import type { Message } from "@posthaste/core/domain/message";
import type { MessageSearch } from "@posthaste/core/storage/port-search";
import type { Services } from "../../route.ts";

/** The message an id or event id names in this application; 404 when there is none. */
export async function findMessage(
  query: { appId: string; ref: string },
  { store }: Services,
): Promise<Message> {
  const message = await store.history.findMessage(query);
  if (message === null) throw new PosthasteError("not_found", "No message has this id or eventId.");
  return message;
}

/** One bounded look for messages, as lists take it. */
export async function findMessages(
  query: MessageSearch,
  { store }: Services,
): Promise<{ items: readonly Message[]; after: string | null }> {
  const { messages, after } = await store.search.findMessages(query);
  return { items: messages, after };
}
