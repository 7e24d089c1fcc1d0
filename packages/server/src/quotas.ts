import { PosthasteError } from "@posthaste/core/domain/errors";
import type { Clock } from "@posthaste/core/runtime/runtime";
import { TokenBucket } from "@posthaste/core/engine/lanes/token-bucket";
import type { Caller } from "./caller.ts";
import { QUOTA_BUCKETS_MAX, QUOTA_BURST_S } from "./http-limits.ts";

/** What this node lets each of them do, a second; null = as much as they like. */
export interface QuotaRates {
  /** Requests with one API key. */
  readonly keyRequestsPerS: number | null;
  /** Requests with one token of a portal, or for sending messages: those are in other people's hands. */
  readonly tokenRequestsPerS: number | null;
  /** Messages for one application, whoever sends them. */
  readonly appMessagesPerS: number | null;
}

export const NO_QUOTAS: QuotaRates = {
  keyRequestsPerS: null,
  tokenRequestsPerS: null,
  appMessagesPerS: null,
};

/** Which of them a request was refused by. */
export type Quota = "key" | "token" | "application" | "broadcast";

export interface QuotaOptions {
  readonly clock: Pick<Clock, "monotonic">;
  /** Told of each request that is refused; for metrics. */
  readonly onRefused?: (quota: Quota) => void;
}

/** Refuses with 429 and Retry-After who asks for more than their share. Nothing is shared with other nodes. */
export class Quotas {
  readonly #keys: Buckets | null;
  readonly #tokens: Buckets | null;
  readonly #applications: Buckets | null;
  /** By environment: each brings one message to every application of it. */
  readonly #broadcasts: Buckets | null;

  constructor(rates: QuotaRates, { clock, onRefused = () => {} }: QuotaOptions) {
    const buckets = (ratePerS: number | null, quota: Quota): Buckets | null =>
      ratePerS === null ? null : new Buckets(ratePerS, { clock, onRefused: () => onRefused(quota) });
    this.#keys = buckets(rates.keyRequestsPerS, "key");
    this.#tokens = buckets(rates.tokenRequestsPerS, "token");
    this.#applications = buckets(rates.appMessagesPerS, "application");
    this.#broadcasts = buckets(rates.appMessagesPerS, "broadcast");
  }

  /** Counts a request of this credential. */
  takeRequest({ id, appId }: Pick<Caller, "id" | "appId">): void {
    if (appId === null) this.#keys?.take(id, 1, "This API key has sent too many requests");
    else this.#tokens?.take(id, 1, "This token has sent too many requests");
  }

  get limitsMessages(): boolean {
    return this.#applications !== null;
  }

  /** Refuses, before a message is read, what `takeMessages` would refuse. */
  expectMessages(appId: string): void {
    this.#applications?.take(appId, 0, TOO_MANY_MESSAGES);
  }

  /** Counts messages of an application: all of a request, or none. */
  takeMessages(appId: string, count: number): void {
    this.#applications?.take(appId, count, TOO_MANY_MESSAGES);
  }

  /** Counts a broadcast, before anything of it is stored. */
  takeBroadcast(environmentId: string): void {
    this.#broadcasts?.take(environmentId, 1, "This environment was sent too many broadcasts");
  }

  /** Counts an application's message of a broadcast. It is there already, so what is missing is owed. */
  countBroadcast(appId: string): void {
    this.#applications?.owe(appId, 1);
  }
}

const TOO_MANY_MESSAGES = "This application was sent too many messages";

/** A token bucket each, of those that were used last: one that is forgotten starts full again. */
class Buckets {
  readonly #ratePerS: number;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #onRefused: () => void;
  readonly #byId = new Map<string, TokenBucket>();

  constructor(ratePerS: number, options: { clock: Pick<Clock, "monotonic">; onRefused: () => void }) {
    this.#ratePerS = ratePerS;
    this.#clock = options.clock;
    this.#onRefused = options.onRefused;
  }

  /**
   * Takes so many at once where there is one: what is missing is owed, so that a batch larger than the whole bucket
   * comes through too, and those behind it wait the longer.
   */
  take(id: string, count: number, refusal: string): void {
    const { bucket, waitMs } = this.#look(id);
    if (waitMs > 0) {
      this.#onRefused();
      const retryAfterS = Math.ceil(waitMs / 1_000);
      throw new PosthasteError("too_many_requests", `${refusal}. Try again in ${retryAfterS} s.`, {
        retryAfterS,
      });
    }
    this.#spend(id, { bucket, count });
  }

  /** Takes them also where there is none. */
  owe(id: string, count: number): void {
    const { bucket } = this.#look(id);
    this.#spend(id, { bucket, count });
  }

  /** A bucket that has earned all that it has by now. */
  #look(id: string): { bucket: TokenBucket; waitMs: number } {
    const now = this.#clock.monotonic();
    const bucket = this.#byId.get(id) ?? new TokenBucket(this.#ratePerS, now, QUOTA_BURST_S);
    return { bucket, waitMs: bucket.waitMs(now) };
  }

  #spend(id: string, { bucket, count }: { bucket: TokenBucket; count: number }): void {
    bucket.take(count);
    // The last in the map is the last that was used.
    this.#byId.delete(id);
    this.#byId.set(id, bucket);
    if (this.#byId.size <= QUOTA_BUCKETS_MAX) return;
    const [oldest] = this.#byId.keys();
    if (oldest !== undefined) this.#byId.delete(oldest);
  }
}
