import type { Runtime } from "../runtime/runtime.ts";
import { AbortFanout } from "./abort-fanout.ts";
import { Attempt, type AttemptContext } from "./attempt.ts";
import type { Egress, EgressOutcome, EgressRequest } from "./egress.ts";
import { failure, notSent } from "./failure.ts";
import type { EgressRules } from "./policy.ts";
import type { ConnectionPool } from "./pool.ts";
import { requestHead } from "./request-head.ts";
import type { ConnectTarget } from "./connector.ts";
import type { TlsProfile } from "./tls-profile.ts";
import { Turns } from "./turns.ts";
import { checkUrl, type CheckedUrl, type RefusedUrl } from "./url-policy.ts";

/** Endpoints whose URL need not be judged again for every request; the rules of an egress never change. */
const CHECKED_URLS_MAX = 10_000;
const CHECKED_URL_MAX_LENGTH = 1_024;

/** Gauges for the operator's metrics. */
export interface EgressStats {
  readonly origins: number;
  readonly connections: number;
  readonly idle: number;
}

/** Sends over HTTP/1.1 connections of a pool; every decision on where to is made before a byte leaves. */
export class HttpEgress implements Egress {
  readonly #runtime: Runtime;
  readonly #rules: EgressRules;
  readonly #pool: ConnectionPool;
  readonly #context: AttemptContext;
  readonly #checkedUrls = new Map<string, CheckedUrl | RefusedUrl>();
  #closed = false;

  constructor(runtime: Runtime, rules: EgressRules, pool: ConnectionPool) {
    this.#runtime = runtime;
    this.#rules = rules;
    this.#pool = pool;
    const { clock, timers } = runtime;
    this.#context = { clock, timers, pool, aborts: new AbortFanout<Attempt>(), turns: new Turns(timers) };
  }

  get stats(): EgressStats {
    return this.#pool.stats;
  }

  post(request: EgressRequest): Promise<EgressOutcome> {
    const startMs = this.#runtime.clock.monotonic();
    if (this.#closed) return Promise.resolve(notSent(failure("interrupted", "egress is closed")));
    const url = this.#check(request.url);
    if (!url.ok) return Promise.resolve(notSent(failure("egress_denied", "URL policy", url.message)));
    const body = typeof request.body === "string" ? Buffer.from(request.body) : request.body;
    const head = requestHead(url, request, body.length);
    if (!head.ok) return Promise.resolve(notSent(head.failure));
    const target = request.tls === undefined || !url.secure ? url : withTls(url, request.tls);
    return new Promise((resolve) => {
      new Attempt(this.#context, { request, target, head: head.text, body, startMs, resolve }).start();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#pool.close();
  }

  #check(text: string): CheckedUrl | RefusedUrl {
    const known = this.#checkedUrls.get(text);
    if (known) return known;
    const checked = checkUrl(text, this.#rules);
    if (text.length > CHECKED_URL_MAX_LENGTH) return checked;
    if (this.#checkedUrls.size >= CHECKED_URLS_MAX) this.#forgetOldestUrl();
    this.#checkedUrls.set(text, checked);
    return checked;
  }

  #forgetOldestUrl(): void {
    for (const oldest of this.#checkedUrls.keys()) {
      this.#checkedUrls.delete(oldest);
      return;
    }
  }
}

/** As if it were another server: neither connections nor TLS sessions are shared with any other profile. */
function withTls(url: CheckedUrl, tls: TlsProfile): ConnectTarget {
  return { ...url, origin: `${url.origin} ${tls.id}`, tls };
}
