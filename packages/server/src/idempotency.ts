import { hash } from "node:crypto";
import { invalidField, PosthasteError } from "@posthaste/core/domain/errors";
import { IDEMPOTENCY_KEY_MAX_CHARS } from "@posthaste/core/domain/limits";
import type { Clock } from "@posthaste/core/runtime/runtime";
import { AlreadyAnswered, type EnvironmentStore, type Idempotent } from "@posthaste/core/storage/port";
import type { Answer } from "./answer.ts";
import { IDEMPOTENT_IN_FLIGHT_MAX } from "./http-limits.ts";

/** What an Idempotency-Key stands for: both SHA-256, base64. */
export interface KeyedRequest {
  readonly environmentId: string;
  /** Of environment, method, path and key. */
  readonly scope: string;
  /** Of query and body. */
  readonly bodyHash: string;
}

/** The hashes of a request, or null when it carries no key. */
export function keyedRequest(request: {
  readonly environmentId: string;
  readonly method: string;
  /** As sent, with its query. */
  readonly url: string;
  readonly key: string | readonly string[] | undefined;
  readonly body: Uint8Array;
}): KeyedRequest | null {
  const { key, url } = request;
  if (key === undefined) return null;
  if (typeof key !== "string" || key === "" || key.length > IDEMPOTENCY_KEY_MAX_CHARS) {
    const msg = `Must have 1 to ${IDEMPOTENCY_KEY_MAX_CHARS} characters. Leave it out to send without a key.`;
    throw invalidField(["header", "idempotency-key"], msg);
  }
  const mark = url.indexOf("?");
  const query = mark === -1 ? "" : url.slice(mark);
  const path = (mark === -1 ? url : url.slice(0, mark)).replace(/\/$/, "");
  // No part can hold a line break, so no two requests share one text.
  const scope = `${request.environmentId}\n${request.method}\n${path}\n${key}`;
  return {
    environmentId: request.environmentId,
    scope: hash("sha256", scope, "base64"),
    bodyHash: hash("sha256", Buffer.concat([Buffer.from(`${query}\n`), request.body]), "base64"),
  };
}

interface InFlight {
  readonly bodyHash: string;
  readonly answer: Promise<Answer>;
}

/** Turns an answer into what the store writes beside the entity, in the same transaction. */
export type Remember = (answer: Answer) => Idempotent;

/**
 * Control-plane POSTs with a key happen once: a second request waits for the first, a later one gets the
 * remembered answer. Only what was written is remembered, so a refusal can be tried again.
 */
export class AnswerMemory {
  readonly #store: Pick<EnvironmentStore, "findAnswer">;
  readonly #clock: Clock;
  readonly #inFlight = new Map<string, InFlight>();

  constructor(store: Pick<EnvironmentStore, "findAnswer">, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Runs `work` unless the request was answered before or is being answered now. */
  once(request: KeyedRequest | null, work: (remember: Remember) => Promise<Answer>): Promise<Answer> {
    if (request === null) return work(() => ({}));
    const { scope, bodyHash } = request;
    const running = this.#inFlight.get(scope);
    if (running !== undefined) {
      return running.bodyHash === bodyHash ? running.answer : Promise.reject(conflict());
    }
    if (this.#inFlight.size >= IDEMPOTENT_IN_FLIGHT_MAX) {
      return Promise.reject(new PosthasteError("too_many_requests", undefined, { retryAfterS: 1 }));
    }
    const answer = this.#answer(request, work).finally(() => this.#inFlight.delete(scope));
    this.#inFlight.set(scope, { bodyHash, answer });
    return answer;
  }

  async #answer(request: KeyedRequest, work: (remember: Remember) => Promise<Answer>): Promise<Answer> {
    const createdAt = this.#clock.now();
    const known = await this.#recall(request, createdAt);
    if (known !== null) return known;
    const { environmentId, scope, bodyHash } = request;
    try {
      return await work(({ status, text }) => ({
        idempotency: { environmentId, scope, bodyHash, createdAt, statusCode: status, body: text },
      }));
    } catch (error) {
      // Another node was faster, and nothing of this request was written.
      const theirs = error instanceof AlreadyAnswered ? await this.#recall(request, createdAt) : null;
      if (theirs === null) throw error;
      return theirs;
    }
  }

  async #recall({ environmentId, scope, bodyHash }: KeyedRequest, now: number): Promise<Answer | null> {
    const known = await this.#store.findAnswer({ environmentId, scope, now });
    if (known === null) return null;
    if (known.bodyHash !== bodyHash) throw conflict();
    return { status: known.statusCode, text: known.body };
  }
}

function conflict(): PosthasteError {
  return new PosthasteError("idempotency_conflict");
}
