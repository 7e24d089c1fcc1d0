import type { Clock } from "../runtime/runtime.ts";

/** Short enough that a certificate that was replaced or revoked is looked at again soon. */
const SESSION_MAX_AGE_MS = 600_000;
export const TLS_SESSIONS_MAX = 2_000;

interface Entry {
  readonly session: Buffer;
  readonly verifiedMs: number;
}

/**
 * TLS sessions by origin, so that coming back to a receiver costs no second proof of its certificate. A resumed
 * session keeps the age of the full handshake it descends from.
 */
export class TlsSessions {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(origin: string): Buffer | undefined {
    const entry = this.#entries.get(origin);
    if (!entry) return undefined;
    if (this.#clock.monotonic() - entry.verifiedMs < SESSION_MAX_AGE_MS) return entry.session;
    this.#entries.delete(origin);
    return undefined;
  }

  put(origin: string, session: Buffer): void {
    const verifiedMs = this.#entries.get(origin)?.verifiedMs ?? this.#clock.monotonic();
    this.#entries.delete(origin);
    this.#entries.set(origin, { session, verifiedMs });
    if (this.#entries.size <= TLS_SESSIONS_MAX) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }
}
