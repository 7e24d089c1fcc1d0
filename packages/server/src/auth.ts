import { hash } from "node:crypto";
import { type ApiKey, environmentOfKey } from "@posthaste/core/domain/environment";
import { PosthasteError } from "@posthaste/core/domain/errors";
import type { Clock } from "@posthaste/core/runtime/runtime";
import type { EnvironmentStore } from "@posthaste/core/storage/port";
import type { Caller } from "./caller.ts";
import { API_KEY_CACHE_MS, API_KEYS_CACHED_MAX } from "./http-limits.ts";
import { ALL_PERMISSIONS } from "./permission.ts";

interface Known {
  readonly caller: Caller;
  /** On the monotonic clock. */
  readonly until: number;
}

/**
 * Who calls with an API key. Keys are found by their SHA-256, so no comparison of secrets
 * happens here and nothing can be learned from its timing; the memory holds hashes only.
 */
export class ApiKeys {
  readonly #store: Pick<EnvironmentStore, "findApiKey">;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  /** Look-ups under way, so that a burst with one key asks once. */
  readonly #asking = new Map<string, Promise<Caller>>();

  constructor(store: Pick<EnvironmentStore, "findApiKey">, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Who sends an Authorization header: at once when the key is known, else after asking the store. */
  callerOf(authorization: string | undefined): Caller | Promise<Caller> {
    const key = bearer(authorization);
    if (key === null) throw new PosthasteError("authentication_failed");
    const keyHash = hashApiKey(key);
    const known = this.#known.get(keyHash);
    if (known !== undefined && known.until > this.#clock.monotonic()) return known.caller;
    // What does not look like a key is not worth a question.
    if (environmentOfKey(key) === null) throw new PosthasteError("authentication_failed");
    return this.#askOnce(keyHash);
  }

  #askOnce(keyHash: string): Promise<Caller> {
    const running = this.#asking.get(keyHash);
    if (running !== undefined) return running;
    const asking = this.#ask(keyHash).finally(() => this.#asking.delete(keyHash));
    this.#asking.set(keyHash, asking);
    return asking;
  }

  async #ask(keyHash: string): Promise<Caller> {
    const asked = this.#clock.monotonic();
    const found = await this.#store.findApiKey(keyHash);
    this.#known.delete(keyHash);
    if (found === null) throw new PosthasteError("authentication_failed");
    if (this.#known.size >= API_KEYS_CACHED_MAX) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    const caller = callerOf(found);
    // From the question on: what was taken away right after it was read may not live longer than what was just asked.
    this.#known.set(keyHash, { caller, until: asked + API_KEY_CACHE_MS });
    return caller;
  }
}

function callerOf({ id, environmentId }: ApiKey): Caller {
  return { id, environmentId, appId: null, permissions: ALL_PERMISSIONS };
}

/** SHA-256, hex: what is stored of a key, and what a request's key is looked up by. */
export function hashApiKey(key: string): string {
  return hash("sha256", key, "hex");
}

const SCHEME = "bearer ";

function bearer(authorization: string | undefined): string | null {
  if (authorization === undefined) return null;
  const scheme = authorization.slice(0, SCHEME.length);
  if (scheme !== "Bearer " && scheme.toLowerCase() !== SCHEME) return null;
  return authorization.slice(SCHEME.length).trim();
}
