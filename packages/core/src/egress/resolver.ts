import { Resolver as CaresResolver } from "node:dns";
import type { Runtime } from "../runtime/runtime.ts";

/** Looks a name up. Never rejects; judging the addresses is the connector's business. */
export interface Resolver {
  /** `name` is a full host name without trailing dot; search domains never apply. */
  resolve(name: string): Promise<Resolution>;
}

export type Resolution =
  | {
      readonly ok: true;
      /** Every A and AAAA record, IPv4 first; never empty. */
      readonly addresses: readonly string[];
    }
  | { readonly ok: false; readonly reason: ResolveFailure; readonly detail: string };

export type ResolveFailure =
  | "not_found" // the name, or any address for it, does not exist
  | "timeout" // no name server answered
  | "failed" // the name servers cannot say
  | "busy"; // too many lookups are under way

export interface DnsResolverOptions {
  readonly runtime: Runtime;
  /** Name servers as `address` or `address:port`. Default: those of the system. */
  readonly servers?: readonly string[];
  /** Default 2,000 ms for each try; two tries. */
  readonly timeoutMs?: number;
  /** Lookups at a time; more wait. Default 256. */
  readonly concurrency?: number;
}

const TIMEOUT_MS = 2_000;
const TRIES = 2;
/** A busy receiver opens connections in bursts; seconds are enough, and a moved server is found again soon. */
const POSITIVE_CACHE_MS = 5_000;
/** Short, so that a repaired name works at the next try; long enough that a broken one costs little. */
const NEGATIVE_CACHE_MS = 2_000;
export const CACHE_ENTRIES_MAX = 2_000;
/** Names behind silent name servers hold their place for seconds, so this is generous: a lookup is a packet. */
const LOOKUPS_MAX = 256;
export const LOOKUPS_WAITING_MAX = 4_096;
/** More records than any real receiver has. */
const ADDRESSES_MAX = 64;

const LOOPBACK: Resolution = { ok: true, addresses: ["127.0.0.1", "::1"] };

/**
 * DNS through c-ares, not getaddrinfo: that one blocks one of the few threads that also serve files and
 * crypto, applies search domains and reads other sources. `localhost` alone is answered without DNS.
 */
export function dnsResolver(options: DnsResolverOptions): Resolver {
  const timeout = options.timeoutMs ?? TIMEOUT_MS;
  const cares = new CaresResolver({ timeout, tries: TRIES, maxTimeout: timeout });
  if (options.servers) cares.setServers(options.servers);
  return new CachedResolver(options.runtime, options.concurrency ?? LOOKUPS_MAX, (name) =>
    lookUp(cares, name),
  );
}

interface CacheEntry {
  readonly resolution: Promise<Resolution>;
  /** Infinity while the lookup is under way: whoever asks meanwhile shares it. */
  expiresMs: number;
}

class CachedResolver implements Resolver {
  readonly #runtime: Runtime;
  readonly #concurrency: number;
  readonly #lookUp: (name: string) => Promise<Resolution>;
  readonly #cache = new Map<string, CacheEntry>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(runtime: Runtime, concurrency: number, lookUpName: (name: string) => Promise<Resolution>) {
    this.#runtime = runtime;
    this.#concurrency = concurrency;
    this.#lookUp = lookUpName;
  }

  resolve(name: string): Promise<Resolution> {
    if (name === "localhost" || name.endsWith(".localhost")) return Promise.resolve(LOOPBACK);
    const cached = this.#cache.get(name);
    if (cached && cached.expiresMs > this.#runtime.clock.monotonic()) return cached.resolution;
    if (this.#running >= this.#concurrency && this.#waiting.length >= LOOKUPS_WAITING_MAX) {
      return Promise.resolve({ ok: false, reason: "busy", detail: `${LOOKUPS_WAITING_MAX} lookups wait` });
    }
    const entry: CacheEntry = { resolution: this.#limited(name), expiresMs: Infinity };
    this.#remember(name, entry);
    void this.#expireLater(entry);
    return entry.resolution;
  }

  async #expireLater(entry: CacheEntry): Promise<void> {
    const { ok } = await entry.resolution;
    entry.expiresMs = this.#runtime.clock.monotonic() + (ok ? POSITIVE_CACHE_MS : NEGATIVE_CACHE_MS);
  }

  /** The oldest entry makes room; one that is still under way is then merely not shared any more. */
  #remember(name: string, entry: CacheEntry): void {
    this.#cache.delete(name);
    this.#cache.set(name, entry);
    if (this.#cache.size <= CACHE_ENTRIES_MAX) return;
    for (const oldest of this.#cache.keys()) {
      this.#cache.delete(oldest);
      return;
    }
  }

  async #limited(name: string): Promise<Resolution> {
    if (this.#running >= this.#concurrency) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    const resolution = await this.#lookUp(name);
    const next = this.#waiting.shift();
    // A lookup that waited takes over this one's place.
    if (next) next();
    else this.#running--;
    return resolution;
  }
}

/** Both families at once. One may fail: only what was answered is judged and dialled. */
async function lookUp(cares: CaresResolver, name: string): Promise<Resolution> {
  // The dot makes the name absolute, whatever the system's search list says.
  const absolute = `${name}.`;
  const [v4, v6] = await Promise.all([
    query(cares, "resolve4", absolute),
    query(cares, "resolve6", absolute),
  ]);
  const addresses = [...v4.addresses, ...v6.addresses];
  if (addresses.length > ADDRESSES_MAX) return { ok: false, reason: "failed", detail: "too many addresses" };
  if (addresses.length > 0) return { ok: true, addresses };
  const codes = [v4.code, v6.code];
  const detail = `A: ${v4.code}, AAAA: ${v6.code}`;
  if (codes.every((code) => NOT_FOUND.has(code))) return { ok: false, reason: "not_found", detail };
  return { ok: false, reason: codes.includes("ETIMEOUT") ? "timeout" : "failed", detail };
}

const NOT_FOUND: ReadonlySet<string> = new Set(["ENOTFOUND", "ENODATA"]);

interface Answer {
  readonly addresses: readonly string[];
  readonly code: string;
}

function query(cares: CaresResolver, type: "resolve4" | "resolve6", name: string): Promise<Answer> {
  return new Promise((resolve) => {
    try {
      cares[type](name, (error, addresses) =>
        resolve(error ? { addresses: [], code: error.code ?? "EUNKNOWN" } : { addresses, code: "ENODATA" }),
      );
    } catch (error) {
      // c-ares throws for a name it cannot put into a packet.
      resolve({ addresses: [], code: error instanceof Error ? error.message : "EUNKNOWN" });
    }
  });
}
