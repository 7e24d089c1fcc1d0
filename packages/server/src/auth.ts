import { hash } from "node:crypto";
import { environmentOfKey } from "@posthaste/core/domain/environment";
import { PosthasteError } from "@posthaste/core/domain/errors";
import type { Clock } from "@posthaste/core/runtime/runtime";
import type { EnvironmentStore } from "@posthaste/core/storage/port";
import { API_KEY_CACHE_MS, API_KEYS_CACHED_MAX } from "./http-limits.ts";

interface Known {
  readonly environmentId: string;
  /** On the monotonic clock. */
  readonly until: number;
}

/**
 * Which environment an API key belongs to. Keys are found by their SHA-256, so no comparison of secrets
 * happens here and nothing can be learned from its timing; the memory holds hashes only.
 */
export class ApiKeys {
  readonly #store: Pick<EnvironmentStore, "findApiKey">;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  /** Look-ups under way, so that a burst with one key asks once. */
  readonly #asking = new Map<string, Promise<string>>();

  constructor(store: Pick<EnvironmentStore, "findApiKey">, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** The environment of an Authorization header: at once when the key is known, else after asking the store. */
  environmentOf(authorization: string | undefined): string | Promise<string> {
    const key = bearer(authorization);
    if (key === null) throw new PosthasteError("authentication_failed");
    const keyHash = hashApiKey(key);
    const known = this.#known.get(keyHash);
    if (known !== undefined && known.until > this.#clock.monotonic()) return known.environmentId;
    // What does not look like a key is not worth a question.
    if (environmentOfKey(key) === null) throw new PosthasteError("authentication_failed");
    return this.#askOnce(keyHash);
  }

  #askOnce(keyHash: string): Promise<string> {
    const running = this.#asking.get(keyHash);
    if (running !== undefined) return running;
    const asking = this.#ask(keyHash).finally(() => this.#asking.delete(keyHash));
    this.#asking.set(keyHash, asking);
    return asking;
  }

  async #ask(keyHash: string): Promise<string> {
    const found = await this.#store.findApiKey(keyHash);
    this.#known.delete(keyHash);
    if (found === null) throw new PosthasteError("authentication_failed");
    if (this.#known.size >= API_KEYS_CACHED_MAX) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    const { environmentId } = found;
    this.#known.set(keyHash, { environmentId, until: this.#clock.monotonic() + API_KEY_CACHE_MS });
    return environmentId;
  }
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
