import type { Runtime } from "../runtime/runtime.ts";
import { CONNECT_TIMEOUT_MS, Connector } from "./connector.ts";
import { HttpEgress } from "./http-egress.ts";
import type { EgressRules } from "./policy.ts";
import { ConnectionPool } from "./pool.ts";
import { dnsResolver, type Resolver } from "./resolver.ts";
import { TlsSessions } from "./tls-sessions.ts";

export interface EgressOptions {
  readonly runtime: Runtime;
  /** Where requests may go: the result of `parsePolicy`. */
  readonly rules: EgressRules;
  /** Default: c-ares with the system's name servers. */
  readonly resolver?: Resolver;
  /** PEM certificates of authorities trusted besides the usual ones. Verification cannot be switched off. */
  readonly extraCa?: readonly string[];
  /** Bound on TCP and TLS together. Default 5,000 ms. */
  readonly connectTimeoutMs?: number;
  /** How long an idle connection is kept when the server gives no hint. Default 4,000 ms. */
  readonly idleMs?: number;
  /** Age at which a connection gets no more requests. Default 60,000 ms. */
  readonly connectionMaxAgeMs?: number;
  /** Connections to one scheme, host and port; more requests wait. Default 256. */
  readonly connectionsPerOrigin?: number;
  /** Idle connections in all; the one idle longest is closed for a new one. Default 4,096. */
  readonly idleConnections?: number;
  /** Origins with connections; the one idle longest is closed for a new one. Default 2,000. */
  readonly origins?: number;
}

/**
 * The one way out. Its rules never change: for new ones make a new egress and close the old one, so that no
 * connection outlives the rules it was opened under.
 *
 * @example
 * const parsed = parsePolicy({ allowHttp: false, allowedNetworks: ["10.20.0.0/16"] });
 * if (!parsed.ok) throw new Error(parsed.message);
 * const egress = createEgress({ runtime, rules: parsed.rules });
 * const outcome = await egress.post({ url, headers, body, deadlineMs: 30_000 });
 */
export function createEgress(options: EgressOptions): HttpEgress {
  const { runtime, rules } = options;
  const connector = new Connector({
    runtime,
    rules,
    resolver: options.resolver ?? dnsResolver({ runtime }),
    tlsSessions: new TlsSessions(runtime.clock),
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    extraCa: options.extraCa ?? [],
  });
  const pool = new ConnectionPool(runtime, connector, {
    idleMs: options.idleMs ?? 4_000,
    maxAgeMs: options.connectionMaxAgeMs ?? 60_000,
    connectionsPerOrigin: options.connectionsPerOrigin ?? 256,
    idleConnections: options.idleConnections ?? 4_096,
    origins: options.origins ?? 2_000,
  });
  return new HttpEgress(runtime, rules, pool);
}
