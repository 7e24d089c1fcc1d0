import type { Attempt } from "../../domain/attempt.ts";
import type { EndpointRequest, Post } from "../ledger.ts";
import { deliveryId, HEARD_MS, type Validator } from "./validator.ts";

export const onlyAcceptedIsSent: Validator = {
  name: "onlyAcceptedIsSent",
  promise: "a POST carries a stored message, byte for byte, under its id",
  watch: ({ state }, violated) => ({
    on(event) {
      if (event.kind !== "posted") return;
      const { appId, messageId, endpointId, request } = event.post;
      const message = state.findMessage(appId, messageId);
      if (message === undefined) violated(`${messageId} was sent to ${endpointId}, but is not stored`);
      else if (message.payload !== Buffer.from(request.body).toString()) {
        violated(
          `${messageId} was sent to ${endpointId} as ${Buffer.from(request.body).toString()} instead of ${message.payload}`,
        );
      }
    },
  }),
};

export const everyPostIsRecorded: Validator = {
  name: "everyPostIsRecorded",
  promise: "every POST is one recorded attempt, except what was in flight when its process died",
  watch(facts, violated) {
    const unrecorded = new Map<string, Post[]>();
    const recorded = new Set<string>();
    return {
      on(event) {
        if (event.kind === "posted") {
          const { post } = event;
          const key = keyOf(post, post.wallAt, post.process.name);
          unrecorded.set(key, [...(unrecorded.get(key) ?? []), post]);
        }
        if (event.kind !== "committed") return;
        for (const { attempt } of event.batch.settled) {
          if (attempt === null || attempt.status === "canceled" || recorded.has(attempt.id)) continue;
          recorded.add(attempt.id);
          const key = keyOf(attempt, attempt.timestamp, event.process.name);
          if (unrecorded.get(key)?.shift() === undefined) {
            violated(
              `${attempt.id} of ${attempt.messageId} to ${attempt.endpointId} is recorded, but no POST belongs to it`,
            );
          }
        }
      },
      end() {
        for (const { process, messageId, endpointId, startedAt } of [...unrecorded.values()].flat()) {
          if (process.alive)
            violated(
              `the POST of ${messageId} to ${endpointId} at ${startedAt.toFixed(0)} ms is not recorded`,
            );
        }
        const twice = firstTwice([...facts.state.attempts.values()].flat());
        if (twice !== null)
          violated(
            `${twice.messageId} to ${twice.endpointId} has two records of the attempt at ${twice.timestamp}`,
          );
        for (const attempt of [...facts.state.attempts.values()].flat()) {
          if (attempt.status !== "canceled" && !recorded.has(attempt.id)) {
            violated(`${attempt.id} of ${attempt.messageId} is stored, but was never part of a commit`);
          }
        }
      },
    };
  },
};

/** Two attempts of a delivery do not begin in the same millisecond at the same process. */
function keyOf(key: { endpointId: string; messageId: string }, timestamp: number, process: string): string {
  return `${deliveryId(key)} ${timestamp} ${process}`;
}

/** An attempt's time, place and message once more. */
function firstTwice(attempts: readonly Attempt[]): Attempt | null {
  const ids = new Set<string>();
  for (const attempt of attempts) {
    if (ids.has(attempt.id)) return attempt;
    ids.add(attempt.id);
  }
  return null;
}

export const nothingAfterCancel: Validator = {
  name: "nothingAfterCancel",
  promise: "once a client is told that an endpoint is deleted or disabled, nothing more is sent to it",
  watch({ scenario, state, calmSince }, violated) {
    const closedAt = new Map<string, { askedAt: number; at: number; how: string; answer: string }>();
    const enabling = new Enabling();
    return {
      on(event) {
        if (event.kind === "asked" && event.request.kind === "enable") enabling.ask(event.request);
        if (event.kind === "answered") {
          const { request } = event;
          if (request.kind === "enable") enabling.answer(request);
          if (request.kind !== "delete" && request.kind !== "disable") return;
          if (request.answer !== "done" && request.answer !== "gone") return;
          // A node that has not heard yet of a new endpoint says as well that there is none.
          if (request.answer === "gone" && state.endpoint(request)?.deleted === false) return;
          closedAt.set(request.endpointId, {
            askedAt: request.askedAt,
            at: request.answeredAt ?? 0,
            how: request.kind,
            answer: request.answer,
          });
        }
        if (event.kind !== "posted") return;
        const { endpointId, messageId, startedAt } = event.post;
        const closed = closedAt.get(endpointId);
        // Of two requests at once either may have been the last.
        if (closed === undefined || enabling.since(endpointId, closed.askedAt)) return;
        // The other nodes hear of it a little later, and so does one that could not read it when it was written.
        const unread = scenario.nodes > 1 || closed.answer === "gone";
        const from = unread ? Math.max(closed.at, calmSince()) + HEARD_MS : closed.at;
        if (startedAt > from) {
          const late = (startedAt - closed.at).toFixed(0);
          violated(`${messageId} was sent to ${endpointId} ${late} ms after the ${closed.how} was answered`);
        }
      },
    };
  },
};

/** Requests that enable endpoints, and so undo an answer that was given meanwhile or before. */
class Enabling {
  readonly #open = new Map<string, Set<EndpointRequest>>();
  readonly #last = new Map<string, number>();

  ask(request: EndpointRequest): void {
    this.#open.set(request.endpointId, (this.#open.get(request.endpointId) ?? new Set()).add(request));
  }

  /** One that was not told what became of it may still come through. */
  answer(request: EndpointRequest): void {
    if (request.answer === "lost") return;
    this.#open.get(request.endpointId)?.delete(request);
    this.#last.set(request.endpointId, request.answeredAt ?? 0);
  }

  since(endpointId: string, at: number): boolean {
    return (this.#open.get(endpointId)?.size ?? 0) > 0 || (this.#last.get(endpointId) ?? -1) >= at;
  }
}
