import type { Endpoint } from "../../domain/endpoint.ts";
import { ID_PREFIX } from "../../domain/ids.ts";
import { OAUTH_TIMEOUT_MS, OAUTH_TOKENS_CACHED_MAX } from "../../domain/limits.ts";
import type { OauthConfig } from "../../domain/receiver-access.ts";
import type { Egress, EgressOutcome, EgressRequest } from "../../egress/egress.ts";
import { failure, type Failure, notSent } from "../../egress/failure.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { readTokenAnswer } from "./token-answer.ts";
import { tokenRequest } from "./token-request.ts";

const UNAUTHORIZED = 401;

interface Entry {
  /** What it was asked for with: another one is asked for after a change. */
  readonly config: string;
  /** Null until the first one came. */
  token: Token | null;
  /** The one request under way: whoever needs a token meanwhile waits for it. */
  asking: Promise<Token | Failure> | null;
}

interface Token {
  readonly text: string;
  /** By the monotonic clock. */
  readonly usableUntilMs: number;
}

/**
 * Access tokens towards receivers, in memory only. One request for a token is under way for an endpoint at a time; it
 * goes out through the same guard as everything else.
 */
export class AccessTokens {
  readonly #egress: Egress;
  readonly #runtime: Runtime;
  readonly #abort = new AbortController();
  /** By endpoint, the one used longest ago first. */
  readonly #entries = new Map<string, Entry>();

  constructor({ egress, runtime }: { egress: Egress; runtime: Runtime }) {
    this.#egress = egress;
    this.#runtime = runtime;
  }

  /** Cuts every request for a token, for good. */
  abort(): void {
    this.#abort.abort();
  }

  /**
   * Sends the request with a token. When one from before is answered 401, it is sent once more with a new one. The
   * request's deadline bounds everything together.
   */
  async post(
    request: EgressRequest,
    { endpoint, oauth }: { endpoint: Endpoint; oauth: OauthConfig },
  ): Promise<EgressOutcome> {
    const startMs = this.#runtime.clock.monotonic();
    const leftMs = (): number => request.deadlineMs - (this.#runtime.clock.monotonic() - startMs);
    const entry = this.#entry(endpoint.id, oauth);
    const known = this.#usable(entry);
    const first = known ?? (await this.#ask(entry, { oauth, deadlineMs: request.deadlineMs }));
    if (!isToken(first)) return notSent(first);
    const outcome = await this.#send(request, { token: first, deadlineMs: leftMs() });
    const isRefused = outcome.kind === "response" && outcome.statusCode === UNAUTHORIZED;
    if (!isRefused) return outcome;
    // Only the one that was refused: another attempt may have a new one already.
    if (entry.token === first) entry.token = null;
    if (known === null) return outcome;
    const second = this.#usable(entry) ?? (await this.#ask(entry, { oauth, deadlineMs: leftMs() }));
    // Without a new one the answer to the first is the truth.
    return isToken(second) ? this.#send(request, { token: second, deadlineMs: leftMs() }) : outcome;
  }

  async #send(
    request: EgressRequest,
    { token, deadlineMs }: { token: Token; deadlineMs: number },
  ): Promise<EgressOutcome> {
    if (deadlineMs <= 0) return notSent(failure("oauth_failed", "deadline", TOO_LATE));
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => name.toLowerCase() !== "authorization"),
    );
    headers["authorization"] = `Bearer ${token.text}`;
    return this.#egress.post({ ...request, headers, deadlineMs });
  }

  #entry(endpointId: string, oauth: OauthConfig): Entry {
    const config = JSON.stringify(oauth);
    const known = this.#entries.get(endpointId);
    this.#entries.delete(endpointId);
    const entry = known?.config === config ? known : { config, token: null, asking: null };
    this.#entries.set(endpointId, entry);
    if (this.#entries.size > OAUTH_TOKENS_CACHED_MAX) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    return entry;
  }

  #usable({ token }: Entry): Token | null {
    return token !== null && this.#runtime.clock.monotonic() < token.usableUntilMs ? token : null;
  }

  #ask(entry: Entry, wanted: { oauth: OauthConfig; deadlineMs: number }): Promise<Token | Failure> {
    entry.asking ??= this.#fetch(wanted).then((result) => {
      entry.asking = null;
      if (isToken(result)) entry.token = result;
      return result;
    });
    return entry.asking;
  }

  /** Never rejects. */
  async #fetch({ oauth, deadlineMs }: { oauth: OauthConfig; deadlineMs: number }): Promise<Token | Failure> {
    const { clock, ids } = this.#runtime;
    let request: ReturnType<typeof tokenRequest>;
    try {
      request = tokenRequest(oauth, { now: clock.now(), jti: ids.next(ID_PREFIX.assertion) });
    } catch (error) {
      return failure("oauth_failed", error instanceof Error ? error.message : String(error), BAD_KEY);
    }
    const askedMs = clock.monotonic();
    const outcome = await this.#egress.post({
      ...request,
      deadlineMs: Math.max(1, Math.min(OAUTH_TIMEOUT_MS, deadlineMs)),
      signal: this.#abort.signal,
    });
    const answer = readTokenAnswer(outcome);
    return answer.ok ? { text: answer.token, usableUntilMs: askedMs + answer.usableMs } : answer.failure;
  }
}

const TOO_LATE = "Not sent: getting an access token took all the time that the attempt has.";
const BAD_KEY = "Not sent: no access token. The stored key cannot sign. Set the OAuth configuration again.";

function isToken(result: Token | Failure): result is Token {
  return "text" in result;
}
