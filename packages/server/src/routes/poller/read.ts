import { LIST_DEFAULT, POLLING_PAGES_MAX, POLLING_SEQUENCE_MAX } from "@posthaste/core/domain/limits";
import type { Message } from "@posthaste/core/domain/message";
import { LIST_BODY_MAX_CHARS } from "../../http-limits.ts";
import type { Services } from "../../route.ts";
import { messageText, shownPayload } from "../message/schemas.ts";

export interface Wanted {
  readonly appId: string;
  /** Only what lies behind this position. */
  readonly after: number;
  readonly limit?: number | undefined;
  /** Null: all. */
  readonly eventTypes: readonly string[] | null;
  readonly eventType?: string | undefined;
  readonly channel?: string | undefined;
}

export interface Polled {
  readonly items: readonly { readonly position: number; readonly text: string }[];
  /** The last that was looked at. */
  readonly position: number;
  readonly done: boolean;
}

/**
 * The next messages that fit. First what is new gets its place in the order, so a poll sees everything that was
 * acknowledged before it began. It looks at a bounded number of messages: with a filter it may answer none and
 * still not be done.
 */
export async function readPolled(wanted: Wanted, { store }: Services): Promise<Polled> {
  const { appId, limit = LIST_DEFAULT } = wanted;
  const { more } = await store.polling.sequence({ appId, limit: POLLING_SEQUENCE_MAX });
  const items: Polled["items"][number][] = [];
  let position = wanted.after;
  let chars = 0;
  for (let page = 0; page < POLLING_PAGES_MAX; page++) {
    const rows = await store.polling.read({ appId, after: position, limit });
    for (const { position: at, message } of rows) {
      if (message !== null && isWanted(message, wanted)) {
        const text = messageText(message, shownPayload(message, { withContent: true }));
        chars += text.length;
        if (items.length > 0 && chars > LIST_BODY_MAX_CHARS) return { items, position, done: false };
        items.push({ position: at, text });
      }
      position = at;
      if (items.length === limit)
        return { items, position, done: !more && at === rows.at(-1)?.position && rows.length < limit };
    }
    if (rows.length < limit) return { items, position, done: !more };
  }
  return { items, position, done: false };
}

function isWanted(message: Message, { eventTypes, eventType, channel }: Wanted): boolean {
  if (eventTypes !== null && !eventTypes.includes(message.eventType)) return false;
  if (eventType !== undefined && eventType !== message.eventType) return false;
  return channel === undefined || message.channels?.includes(channel) === true;
}
