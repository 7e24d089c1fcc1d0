import { SECOND_MS } from "@posthaste/core/domain/time";
import { parseRetryAfterMs } from "@posthaste/core/domain/retry-schedule";
import { type OperatorReply, operatorRequest } from "@posthaste/core/egress/operator-request";
import type { Runtime } from "@posthaste/core/runtime/runtime";
import { GO_ON, ImportStopped, Refused } from "./refusals.ts";
import { readPage, readProblem } from "./wire.ts";

const REQUEST_TIMEOUT_MS = 60 * SECOND_MS;
const REPLY_MAX_BYTES = 64 * 1_048_576;
/** One page of a list: of event types with long schemas it is still small enough. */
const PAGE_SIZE = 100;
const TRIES_MAX = 8;
const WAIT_FIRST_MS = 500;
const WAIT_MAX_MS = 60 * SECOND_MS;
const NEVER = new AbortController().signal;

export interface ApiOptions {
  /** For messages: "Svix" or "Posthaste". */
  readonly name: string;
  /** Without `/api/v1`. */
  readonly url: string;
  readonly token: string;
  /** Told why it waits before it asks again. */
  readonly onProgress: (sentence: string) => void;
  readonly runtime: Pick<Runtime, "timers" | "random" | "ids" | "clock">;
}

/**
 * One side of the copy. Every request is tried again while the server is busy or away, as long as it asks for with 429
 * and `Retry-After`; a POST carries a key, so that one whose answer was lost is done once.
 */
export class Api {
  readonly #options: ApiOptions;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /** The answer's body; null when the thing is not there, or not offered. */
  async find(path: string): Promise<unknown> {
    try {
      return await this.#send("GET", path);
    } catch (error) {
      if (error instanceof Refused && (error.status === 404 || error.status === 405)) return null;
      throw error;
    }
  }

  send(method: "POST" | "PUT" | "PATCH", path: string, body: unknown): Promise<unknown> {
    return this.#send(method, path, JSON.stringify(body));
  }

  /** Every item of a list, a page at a time. */
  async *list(path: string): AsyncGenerator {
    for (let iterator: string | null = null; ;) {
      const query = new URLSearchParams({
        limit: String(PAGE_SIZE),
        ...(iterator === null ? {} : { iterator }),
      });
      const separator = path.includes("?") ? "&" : "?";
      const page = readPage(await this.#send("GET", `${path}${separator}${query.toString()}`));
      yield* page.data;
      const next = page.iterator ?? null;
      if (page.done || next === null || next === iterator) return;
      iterator = next;
    }
  }

  async #send(method: string, path: string, body: string | null = null): Promise<unknown> {
    const { runtime, name, url, onProgress } = this.#options;
    const key = method === "POST" ? runtime.ids.next("import_") : null;
    for (let tries = 1; ; tries++) {
      const reply = await this.#try(method, path, { body, key });
      const busy = reply instanceof Error || reply.status === 429 || reply.status >= 500;
      if (!busy) return this.#read(reply, method, path);
      if (tries >= TRIES_MAX)
        throw new ImportStopped(`${name} does not answer: ${describe(reply)}. ${GO_ON}`);
      const waitMs = this.#waitMs(reply, tries);
      const waitS = Math.ceil(waitMs / SECOND_MS);
      onProgress(
        `${name} at ${url}: ${describe(reply)}; asking again in ${waitS} s (${tries} of ${TRIES_MAX})`,
      );
      await runtime.timers.sleep(waitMs, NEVER);
    }
  }

  /** An error: no answer came. */
  async #try(
    method: string,
    path: string,
    { body, key }: { body: string | null; key: string | null },
  ): Promise<OperatorReply | Error> {
    const { url, token, runtime } = this.#options;
    const headers = {
      accept: "application/json",
      authorization: `Bearer ${token}`,
      "user-agent": "posthaste-import",
      ...(body === null ? {} : { "content-type": "application/json" }),
      ...(key === null ? {} : { "idempotency-key": key }),
    };
    const request = { method, url: `${url}/api/v1${path}`, headers, body };
    const bounds = { deadlineMs: REQUEST_TIMEOUT_MS, replyMaxBytes: REPLY_MAX_BYTES };
    try {
      return await operatorRequest({ ...request, ...bounds }, runtime.timers);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** What the server asks for, or twice as long each time; never quite the same for two who wait. */
  #waitMs(reply: OperatorReply | Error, tries: number): number {
    const { clock, random } = this.#options.runtime;
    const asked =
      "retryAfter" in reply && reply.retryAfter ? parseRetryAfterMs(reply.retryAfter, clock.now()) : null;
    const waitMs = asked ?? WAIT_FIRST_MS * 2 ** (tries - 1);
    return Math.min(waitMs, WAIT_MAX_MS) * (1 + 0.2 * random.unit());
  }

  #read({ status, text }: OperatorReply, method: string, path: string): unknown {
    const { name } = this.#options;
    if (status === 401 || status === 403) {
      throw new ImportStopped(
        `${name} refuses the token (${status}, ${method} ${path}). ${detailOf(text)}`.trim(),
      );
    }
    if (status >= 300 && status < 400) {
      throw new ImportStopped(
        `${name} answers with a redirect (${status}). Give the address that it leads to.`,
      );
    }
    if (status >= 400) throw new Refused(status, `${status} ${detailOf(text)}`.trim());
    if (text === "") return null;
    try {
      return JSON.parse(text);
    } catch {
      throw new ImportStopped(`${name} answers something that is not JSON: is its address right?`);
    }
  }
}

/** What `fetch` says itself is only that it failed; the reason is its cause. */
function describe(reply: OperatorReply | Error): string {
  if (!(reply instanceof Error)) return `it answered ${reply.status}`;
  const { cause } = reply;
  return `no answer came (${cause instanceof Error && cause.message !== "" ? cause.message : reply.message})`;
}

/** What a refusal says to people. */
function detailOf(text: string): string {
  try {
    const { detail } = readProblem(JSON.parse(text));
    if (typeof detail === "string") return detail;
    return detail.map(({ loc, msg }) => `${loc.join(".")}: ${msg}`).join("; ");
  } catch {
    return "";
  }
}
