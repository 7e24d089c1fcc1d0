import { hash, timingSafeEqual } from "node:crypto";
import { type Credential, environmentOfToken, isOperatorText } from "@posthaste/core/domain/credential";
import { isPortalReadOnly } from "@posthaste/core/domain/environment";
import { PosthasteError } from "@posthaste/core/domain/errors";
import type { Clock } from "@posthaste/core/runtime/runtime";
import type { Store } from "@posthaste/core/storage/port";
import { type Caller, OPERATOR } from "./caller.ts";
import { CREDENTIAL_CACHE_MS, CREDENTIAL_LOOKUPS_MAX, CREDENTIALS_CACHED_MAX } from "./http-limits.ts";
import { CAPABILITIES, permissionsFor, viewingOnly } from "./permission.ts";

interface Known {
  readonly caller: Caller;
  /** On the monotonic clock. */
  readonly until: number;
}

/** Where credentials are kept, and what their environments allow. */
interface CredentialSources {
  readonly credentials: Pick<Store["credentials"], "find">;
  readonly environments: Pick<Store["environments"], "find">;
}

/**
 * Who calls, by API key, token or the operator's key. Those of environments are found by their SHA-256, so no comparison
 * of secrets happens and nothing can be learned from its timing; the memory holds hashes only.
 */
export class Credentials {
  readonly #store: CredentialSources;
  readonly #clock: Clock;
  /** SHA-256 of the operator's key; null: there is none, and nobody is the operator. */
  readonly #operator: Buffer | null;
  readonly #known = new Map<string, Known>();
  /** Look-ups under way, so that a burst with one key asks once. */
  readonly #asking = new Map<string, Promise<Caller>>();
  /** How often something was ended here. */
  #endings = 0;

  constructor(
    store: CredentialSources,
    { clock, operatorKey = null }: { clock: Clock; operatorKey?: string | null | undefined },
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#operator = operatorKey === null ? null : Buffer.from(hashToken(operatorKey));
  }

  /** Who sends an Authorization header: at once when the key is known, else after asking the store. */
  callerOf(authorization: string | undefined): Caller | Promise<Caller> {
    const key = bearer(authorization);
    if (key === null) throw new PosthasteError("authentication_failed");
    const keyHash = hashToken(key);
    const known = this.#knownBy(keyHash);
    if (known !== null) return known;
    if (this.#isOperator(key, keyHash)) return OPERATOR;
    // What does not look like a key is not worth a question.
    if (environmentOfToken(key) === null) throw new PosthasteError("authentication_failed");
    if (!this.#known.has(keyHash) && this.#asking.size >= CREDENTIAL_LOOKUPS_MAX) {
      throw new PosthasteError("too_many_requests", undefined, { retryAfterS: 1 });
    }
    return this.#askOnce(keyHash);
  }

  #knownBy(keyHash: string): Caller | null {
    const known = this.#known.get(keyHash);
    return known !== undefined && known.until > this.#clock.monotonic() ? known.caller : null;
  }

  /** Hashes of one length are compared, in a time that does not depend on where they differ. */
  #isOperator(key: string, keyHash: string): boolean {
    return (
      this.#operator !== null && isOperatorText(key) && timingSafeEqual(this.#operator, Buffer.from(keyHash))
    );
  }

  #askOnce(keyHash: string): Promise<Caller> {
    const running = this.#asking.get(keyHash);
    if (running !== undefined) return running;
    const asking = this.#ask(keyHash).finally(() => this.#asking.delete(keyHash));
    this.#asking.set(keyHash, asking);
    return asking;
  }

  /** What was ended or narrowed here is asked for anew at once; other nodes notice within CREDENTIAL_CACHE_MS. */
  forgetAll(): void {
    this.#known.clear();
    this.#endings++;
  }

  async #ask(keyHash: string): Promise<Caller> {
    const asked = this.#clock.monotonic();
    const endings = this.#endings;
    const found = await this.#find(keyHash);
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

  /** The credential as it counts now: a portal token of a read-only environment views, and does nothing else. */
  async #find(keyHash: string): Promise<Credential | null> {
    const found = await this.#store.credentials.find(keyHash);
    if (found?.kind !== "portal") return found;
    const environment = await this.#store.environments.find(found.environmentId);
    if (environment === null || !isPortalReadOnly(environment)) return found;
    return { ...found, scopes: viewingOnly(found.scopes ?? CAPABILITIES) };
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
