import type { TlsProfile } from "./tls-profile.ts";

/** How much of a reply's body is kept with the attempt. */
export const RESPONSE_BODY_MAX_BYTES = 16_384;

/** What the engine needs of the outside world: POST these bytes there, within a deadline, safely. */
export interface Egress {
  /**
   * Sends one request. Never rejects: whatever the receiver, the network or the guard does is an outcome.
   * Redirects are not followed and nothing is decompressed.
   */
  post(request: EgressRequest): Promise<EgressOutcome>;
  /** Closes idle connections and aborts what is open; for shutdown. */
  close(): Promise<void>;
}

export interface EgressRequest {
  /** Absolute http(s) URL, as stored on the endpoint. */
  readonly url: string;
  /** Ours and the endpoint's own headers; names as they should appear. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
  /** Default POST. */
  readonly method?: "POST" | "PUT" | "PATCH";
  /** Certificates of the endpoint; connections are shared only among requests with the same. Default: none. */
  readonly tls?: TlsProfile;
  /** One total bound over DNS, connect, TLS, headers and body, in milliseconds. */
  readonly deadlineMs: number;
  /** Aborts the request early; the outcome is then `interrupted`. */
  readonly signal?: AbortSignal;
}

/** Names and values, as received, in order. */
export type HeaderPairs = readonly (readonly [name: string, value: string])[];

export type EgressOutcome = EgressResponse | EgressFailure;

export interface EgressResponse {
  readonly kind: "response";
  readonly statusCode: number;
  /** As received, lower-case names, in order; at most 16 KiB in all. */
  readonly headers: HeaderPairs;
  /** At most RESPONSE_BODY_MAX_BYTES; never decompressed or decoded. */
  readonly body: Uint8Array;
  /** The receiver sent more than was kept, or the body was cut by the deadline or a reset. */
  readonly truncated: boolean;
  readonly timings: EgressTimings;
}

export interface EgressFailure {
  readonly kind: "failure";
  readonly errorClass: EgressErrorClass;
  /** One sentence for people: what happened and what to check. Holds no resolved address. */
  readonly message: string;
  /** For the operator's log only: may name addresses. */
  readonly detail: string;
  readonly timings: EgressTimings;
}

/** Why no status code came back. Stored with the attempt and shown to people. */
export type EgressErrorClass =
  | "egress_denied" // the guard refused the URL, port or address
  | "dns_failed" // the name does not resolve
  | "connect_refused"
  | "connect_timeout"
  | "connect_failed" // unreachable, reset while connecting
  | "tls_failed" // certificate expired, wrong host, self-signed, handshake error
  | "timeout" // the total deadline passed after connecting
  | "connection_reset" // closed before a full response head
  | "invalid_response" // not HTTP, or headers too large
  | "secret_invalid" // nothing was sent: the endpoint's stored secret cannot sign
  | "transformation_failed" // nothing was sent: the endpoint's transformation failed
  | "oauth_failed" // nothing was sent: no access token for the endpoint's receiver
  | "interrupted"; // aborted by the caller's signal: shutdown

/** Milliseconds, with fractions; a phase that did not happen (reused connection, failure before it) is null. */
export interface EgressTimings {
  readonly dnsMs: number | null;
  readonly connectMs: number | null;
  readonly tlsMs: number | null;
  readonly firstByteMs: number | null;
  readonly totalMs: number;
  /** The connection had served an earlier request. */
  readonly reused: boolean;
}
