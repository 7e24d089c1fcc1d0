import type { Attempt } from "../../domain/attempt.ts";
import { ID_PREFIX } from "../../domain/ids.ts";
import { ksuidFloor } from "../../domain/ksuid.ts";
import type { Message } from "../../domain/message.ts";
import type { AttemptQuery, AttemptWithMessage, HistoryStore, MessageQuery } from "../../storage/port.ts";
import { pageOf } from "./control-plane.ts";
import { cancelOrphans, prune } from "./retention.ts";
import type { ModelState } from "./state.ts";
import type { Sync } from "./sync.ts";

/** Messages and attempts of the model store. */
export function modelHistory(state: ModelState): Sync<HistoryStore> {
  return {
    findMessage({ appId, ref }) {
      const messages = state.messages.get(appId);
      const byEvent = () => [...(messages?.values() ?? [])].find(({ eventId }) => eventId === ref);
      return messages?.get(ref) ?? byEvent() ?? null;
    },
    listMessages(query) {
      const { appId, page, withPayload } = query;
      const inRange = idRange(query, ID_PREFIX.message);
      const found = [...(state.messages.get(appId)?.values() ?? [])].filter(
        (message) => inRange(message.id) && carries(message, query),
      );
      const listed = pageOf(found, page, ({ id }) => id);
      return withPayload ? listed : listed.map((message) => ({ ...message, payload: null }));
    },
    findAttempt: ({ appId, messageId, attemptId }) =>
      state.attempts.get(appId)?.find(({ id, messageId: of }) => id === attemptId && of === messageId) ??
      null,
    listAttempts: (query) => listAttempts(state, query),
    prune: (request) => prune(state, request),
    dropDays: () => null,
    cancelOrphans: (request) => cancelOrphans(state, request),
  };
}

export function listAttempts(state: ModelState, query: AttemptQuery): AttemptWithMessage[] {
  const { appId, page, withBody, withMessage } = query;
  const inRange = idRange(query, ID_PREFIX.attempt);
  const found = (state.attempts.get(appId) ?? []).filter(
    (attempt) => inRange(attempt.id) && isAskedFor(state, attempt, query),
  );
  return pageOf(found, page, ({ id }) => id).map((attempt) => ({
    attempt: withBody ? attempt : { ...attempt, responseBody: "" },
    message: withMessage ? (state.findMessage(appId, attempt.messageId) ?? null) : null,
  }));
}

type AttemptFilter = Pick<
  AttemptQuery,
  "endpointId" | "messageId" | "status" | "statusCodeClass" | "channel" | "tag" | "eventTypes"
>;

/** Whether an attempt passes the filters of a list. */
export function isAskedFor(state: ModelState, attempt: Attempt, query: AttemptFilter): boolean {
  const { endpointId, messageId, status, statusCodeClass: hundred } = query;
  if (endpointId !== undefined && attempt.endpointId !== endpointId) return false;
  if (messageId !== undefined && attempt.messageId !== messageId) return false;
  if (status !== undefined && attempt.status !== status) return false;
  if (hundred !== undefined && Math.floor(attempt.statusCode / 100) * 100 !== hundred) return false;
  if (query.channel === undefined && query.tag === undefined && query.eventTypes === undefined) return true;
  const message = state.findMessage(attempt.appId, attempt.messageId);
  return message !== undefined && carries(message, query);
}

/** Whether a message has the channel, the tag and one of the types that are asked for. */
export function carries(
  { channels, tags, eventType }: Message,
  { channel, tag, eventTypes }: Pick<MessageQuery, "channel" | "tag" | "eventTypes">,
): boolean {
  if (channel !== undefined && channels?.includes(channel) !== true) return false;
  if (tag !== undefined && tags?.includes(tag) !== true) return false;
  return eventTypes === undefined || eventTypes.includes(eventType);
}

/** Ids carry their time, so a range of times is one of ids. */
export function idRange(
  { before, after }: { before?: number | undefined; after?: number | undefined },
  prefix: string,
): (id: string) => boolean {
  const from = after === undefined ? "" : ksuidFloor(prefix, after);
  const until = before === undefined ? null : ksuidFloor(prefix, before);
  return (id) => id >= from && (until === null || id < until);
}
