import { hash } from "node:crypto";
import { type Credential, environmentOfToken } from "@posthaste/core/domain/credential";
import { PosthasteError } from "@posthaste/core/domain/errors";
import type { Clock } from "@posthaste/core/runtime/runtime";
import type { CredentialStore } from "@posthaste/core/storage/port";
import type { Caller } from "./caller.ts";
import { CREDENTIAL_CACHE_MS, CREDENTIAL_LOOKUPS_MAX, CREDENTIALS_CACHED_MAX } from "./http-limits.ts";
import { permissionsFor } from "./permission.ts";

interface Known {
  readonly caller: Caller;
  /** On the monotonic clock. */
  readonly until: number;
}

/**
 * Who calls, by API key or token. They are found by their SHA-256, so no comparison of secrets
 * happens here and nothing can be learned from its timing; the memory holds hashes only.
 */
export class Credentials {
  readonly #store: Pick<CredentialStore, "find">;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  /** Look-ups under way, so that a burst with one key asks once. */
  readonly #asking = new Map<string, Promise<Caller>>();
  /** How often something was ended here. */
  #endings = 0;

  constructor(store: Pick<CredentialStore, "find">, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Who sends an Authorization header: at once when the key is known, else after asking the store. */
  callerOf(authorization: string | undefined): Caller | Promise<Caller> {
    const key = bearer(authorization);
    if (key === null) throw new PosthasteError("authentication_failed");
    const keyHash = hashToken(key);
    const known = this.#known.get(keyHash);
    if (known !== undefined && known.until > this.#clock.monotonic()) return known.caller;
    // What does not look like a key is not worth a question.
    if (environmentOfToken(key) === null) throw new PosthasteError("authentication_failed");
    if (known === undefined && this.#asking.size >= CREDENTIAL_LOOKUPS_MAX) {
      throw new PosthasteError("too_many_requests", undefined, { retryAfterS: 1 });
    }
    return this.#askOnce(keyHash);
  }

  #askOnce(keyHash: string): Promise<Caller> {
    const running = this.#asking.get(keyHash);
    if (running !== undefined) return running;
    const asking = this.#ask(keyHash).finally(() => this.#asking.delete(keyHash));
    this.#asking.set(keyHash, asking);
    return asking;
  }

  /** What was ended here is asked for anew at once; other nodes notice within CREDENTIAL_CACHE_MS. */
  forgetAll(): void {
    this.#known.clear();
    this.#endings++;
  }

  async #ask(keyHash: string): Promise<Caller> {
    const asked = this.#clock.monotonic();
    const endings = this.#endings;
    const found = await this.#store.find(keyHash);
    this.#known.delete(keyHash);
    const caller = found && callerOf(found);
    const leftMs = (found?.expiresAt ?? Number.POSITIVE_INFINITY) - this.#clock.now();
    if (caller === null || leftMs <= 0) throw new PosthasteError("authentication_failed");
    if (this.#known.size >= CREDENTIALS_CACHED_MAX) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    // What was ended while the answer travelled may be this one.
    if (endings !== this.#endings) return caller;
    // From the question on, so that what is taken away while the answer travels is not kept for longer.
    this.#known.set(keyHash, { caller, until: asked + Math.min(CREDENTIAL_CACHE_MS, leftMs) });
    return caller;
  }
}

function callerOf(credential: Credential): Caller | null {
  const permissions = permissionsFor(credential);
  if (permissions === null) return null;
  const { id, environmentId, appId, sessionId, kind, featureFlags } = credential;
  return {
    id,
    environmentId,
    permissions,
    appId,
    sessionId,
    featureFlags: kind === "portal" ? featureFlags : null,
  };
}

/** SHA-256, hex: what is stored of a key or token, and what a request's is looked up by. */
export function hashToken(key: string): string {
  return hash("sha256", key, "hex");
}

const SCHEME = "bearer ";

function bearer(authorization: string | undefined): string | null {
  if (authorization === undefined) return null;
  const scheme = authorization.slice(0, SCHEME.length);
  if (scheme !== "Bearer " && scheme.toLowerCase() !== SCHEME) return null;
  return authorization.slice(SCHEME.length).trim();
}
