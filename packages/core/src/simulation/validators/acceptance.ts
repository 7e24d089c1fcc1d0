import { wants } from "../../domain/filter.ts";
import { CHANGE_STALE_MS } from "../../domain/limits.ts";
import type { MessageRequest, Post } from "../ledger.ts";
import { deliveryId, type Facts, HEARD_MS, type Validator } from "./validator.ts";

export const answeredIsStored: Validator = {
  name: "answeredIsStored",
  promise: "when a client is told that its event was accepted, the message is stored, as it was given",
  watch: ({ state }, violated) => ({
    on(event) {
      if (event.kind !== "answered" || event.request.kind !== "message") return;
      const { answer, event: asked } = event.request;
      if (answer?.kind !== "accepted") return;
      const stored = state.findMessage(asked.appId, answer.messageId);
      if (stored === undefined)
        violated(`event ${asked.number} was accepted as ${answer.messageId}, which is not stored`);
      else if (asked.key === null && stored.payload !== asked.payload) {
        violated(
          `event ${asked.number} was accepted with the payload ${asked.payload}, but ${stored.payload} is stored`,
        );
      }
    },
  }),
};

export const everyAcceptedMessageEnds: Validator = {
  name: "everyAcceptedMessageEnds",
  promise: "every delivery of an accepted message ends (succeeded, failed, canceled) or is visibly paused",
  watch(facts, violated) {
    const owed = new Map<string, { appId: string; endpointId: string; messageId: string }>();
    return {
      on(event) {
        if (event.kind !== "committed") return;
        for (const [index, { message, deliveries }] of event.batch.accepted.entries()) {
          if (event.result.accepted[index]?.kind !== "accepted") continue;
          for (const { endpointId } of deliveries) {
            const key = { appId: message.appId, endpointId, messageId: message.id };
            owed.set(deliveryId(key), key);
          }
        }
      },
      end() {
        for (const key of owed.values()) {
          const problem = unfinished(facts, key);
          if (problem !== null) violated(`${key.messageId} to ${key.endpointId} ${problem}`);
        }
        for (const request of facts.ledger.messages) {
          const missing = missingDelivery(facts, request, owed);
          if (missing !== null) violated(missing);
        }
      },
    };
  },
};

/** What is wrong with a delivery after everything has calmed down; null when it has ended. */
export function unfinished(
  { state, fleet }: Facts,
  key: { appId: string; endpointId: string; messageId: string },
): string | null {
  const row = state.dueRow(key);
  const endpoint = state.endpoint(key);
  if (row !== undefined) {
    if (row.leasedBy !== null) {
      const holder = fleet.processOf(row.leasedBy);
      return `is still leased to ${holder?.name ?? row.leasedBy}, which ${holder?.alive === true ? "lives" : "is gone"}`;
    }
    if (row.nextAttemptAt !== null) return `still waits for an attempt (${row.attempts} made)`;
    const paused = endpoint !== undefined && !endpoint.deleted && endpoint.entity.disabled;
    return paused ? null : "is paused, but its endpoint is not";
  }
  const attempts = (state.attempts.get(key.appId) ?? []).filter(
    ({ endpointId, messageId }) => endpointId === key.endpointId && messageId === key.messageId,
  );
  const ended = attempts.some(
    ({ deliveryState }) => deliveryState !== "pending" && deliveryState !== "paused",
  );
  return ended ? null : `is owed no more, though none of its ${attempts.length} attempts ended it`;
}

/** An endpoint that was there all the time a message was being accepted, and was not sent it. */
function missingDelivery(
  { ledger, state, scenario }: Facts,
  request: MessageRequest,
  owed: ReadonlyMap<string, unknown>,
): string | null {
  const { event, answer, askedAt, answeredAt } = request;
  if (answer?.kind !== "accepted" || answeredAt === null) return null;
  const message = state.findMessage(event.appId, answer.messageId);
  // A repeated request answers with the first one's message, whose endpoints were decided then.
  if (message === undefined || message.payload !== event.payload) return null;
  const first = ledger.messages.find(
    (other) => other.event === event || other.event.payload === event.payload,
  );
  for (const { entity, deleted } of state.endpoints.values()) {
    if (entity.appId !== event.appId || !wants({ ...entity, disabled: false }, message)) continue;
    const requests = ledger.endpoints.filter(
      ({ endpointId, kind }) => endpointId === entity.id && kind !== "resend",
    );
    const created = requests.find(
      ({ kind, answer: told }) => kind === "create" && told === "done",
    )?.answeredAt;
    const heardMs = scenario.nodes === 1 ? 0 : CHANGE_STALE_MS + HEARD_MS;
    const isNew =
      requests.some(({ kind }) => kind === "create") &&
      (created ?? Number.POSITIVE_INFINITY) + heardMs > (first?.askedAt ?? askedAt);
    const touched = requests.some(({ kind, askedAt: at }) => kind !== "create" && at <= answeredAt);
    const off =
      deleted ||
      entity.disabled ||
      ledger.posts.some((post) => post.endpointId === entity.id && isGone(post));
    if (isNew || touched || off) continue;
    if (!owed.has(deliveryId({ endpointId: entity.id, messageId: message.id }))) {
      return `event ${event.number} was accepted as ${message.id} without a delivery to ${entity.id}, which wants it`;
    }
  }
  return null;
}

/** An answer that disables an endpoint, though it may have been enabled since. */
function isGone({ outcome }: Post): boolean {
  return outcome?.kind === "response" && outcome.statusCode === 410;
}

export const oneMessagePerKey: Validator = {
  name: "oneMessagePerKey",
  promise:
    "a key makes one message, and every request with it and the same body is answered with that message",
  watch({ ledger, state }, violated) {
    const answers = new Map<string, { messageId: string; payload: string }>();
    return {
      on(event) {
        if (event.kind !== "answered" || event.request.kind !== "message") return;
        const { answer, event: asked } = event.request;
        if (answer?.kind !== "accepted" || asked.key === null) return;
        const first = answers.get(asked.key);
        if (first === undefined)
          answers.set(asked.key, { messageId: answer.messageId, payload: asked.payload });
        else if (first.messageId !== answer.messageId) {
          violated(`the key ${asked.key} was answered with ${first.messageId} and with ${answer.messageId}`);
        } else if (first.payload !== asked.payload) {
          violated(`the key ${asked.key} was answered with ${first.messageId} for two bodies`);
        }
      },
      end() {
        for (const [key, payloads] of payloadsByKey(ledger.messages)) {
          const stored = [...state.messages.values()].flatMap((messages) =>
            [...messages.values()].filter(({ payload }) => payload !== null && payloads.has(payload)),
          );
          if (stored.length > 1) violated(`the key ${key} made ${stored.map(({ id }) => id).join(" and ")}`);
        }
        for (const [eventId, ids] of idsByEvent(state)) {
          if (ids.length > 1) violated(`the event id ${eventId} is that of ${ids.join(" and ")}`);
        }
      },
    };
  },
};

function payloadsByKey(requests: readonly MessageRequest[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const { event } of requests) {
    if (event.key === null) continue;
    found.set(event.key, (found.get(event.key) ?? new Set()).add(event.payload));
  }
  return found;
}

function idsByEvent(state: Facts["state"]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [appId, messages] of state.messages) {
    for (const { id, eventId } of messages.values()) {
      if (eventId === null) continue;
      const name = `${appId} ${eventId}`;
      found.set(name, [...(found.get(name) ?? []), id]);
    }
  }
  return found;
}
