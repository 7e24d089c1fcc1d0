import type { EgressErrorClass, EgressFailure } from "./egress.ts";
import { InvalidReply, ReplyHeadTooLong } from "./reply-reader.ts";
import type { Resolution } from "./resolver.ts";

/** Why there is no answer, before it becomes an outcome with timings. */
export interface Failure {
  readonly errorClass: EgressErrorClass;
  /** For people; never an address, an error code or the name of a library. */
  readonly message: string;
  /** For the operator's log. */
  readonly detail: string;
}

/** One sentence for each class; a place that knows more says more. */
const SENTENCES: Readonly<Record<EgressErrorClass, string>> = {
  egress_denied:
    "Sending to this address is not allowed: it is private, reserved or blocked. Use a public address.",
  dns_failed: "The host name could not be found. Check its spelling in the URL and its DNS records.",
  connect_refused:
    "The server refused the connection. Check that it is running and that the port in the URL is right.",
  connect_timeout:
    "The server did not accept a connection in time. Check that it is running and that no firewall blocks it.",
  connect_failed: "The server could not be reached. Check that it is running and connected to the internet.",
  tls_failed: "No secure connection could be made with the server. Check its TLS settings and certificate.",
  timeout:
    "The server accepted the request but did not answer in time. Answer first and do slow work afterwards.",
  connection_reset: "The server closed the connection before it answered.",
  invalid_response: "The server's answer is not valid HTTP. Check that the URL leads to a web server.",
  secret_invalid: "Not sent: the endpoint's secret cannot sign. Rotate the secret.",
  transformation_failed: "Not sent: the endpoint's transformation failed. Correct its code.",
  oauth_failed: "Not sent: no access token could be got. Check the endpoint's OAuth configuration.",
  interrupted: "The request was stopped on our side before the server answered.",
};

export function failure(errorClass: EgressErrorClass, detail: string, message?: string): Failure {
  return { errorClass, message: message ?? SENTENCES[errorClass], detail };
}

/** The outcome of a request of which no byte left. */
export function notSent({ errorClass, message, detail }: Failure): EgressFailure {
  const none = { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: null };
  return { kind: "failure", errorClass, message, detail, timings: { ...none, totalMs: 0, reused: false } };
}

const DNS_SENTENCES = {
  not_found: SENTENCES.dns_failed,
  timeout: "The name servers of the host name did not answer in time. Check its DNS settings.",
  failed: "The name servers of the host name could not answer. Check its DNS settings.",
  busy: "Too many host names are being looked up at the moment.",
};

export function dnsFailure(resolution: Extract<Resolution, { ok: false }>): Failure {
  return failure(
    "dns_failed",
    `${resolution.reason}: ${resolution.detail}`,
    DNS_SENTENCES[resolution.reason],
  );
}

/** The connection could not be opened: `error` comes from the socket, before TLS. */
export function connectFailure(error: Error): Failure {
  const code = errorCode(error);
  if (code === "ECONNREFUSED") return failure("connect_refused", describe(error));
  if (code === "ETIMEDOUT") return failure("connect_timeout", describe(error));
  if (OUR_SIDE.has(code)) {
    return failure(
      "connect_failed",
      describe(error),
      "No connection could be opened: this service is short of resources at the moment.",
    );
  }
  return failure("connect_failed", describe(error));
}

/** This machine has no file descriptors, ports or memory left: not the receiver's fault. */
const OUR_SIDE: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM"]);

/** What people can do about the usual certificate errors. */
const CERTIFICATE_SENTENCES: ReadonlyMap<string, string> = new Map([
  ["CERT_HAS_EXPIRED", "The server's certificate has expired. Renew it."],
  ["CERT_NOT_YET_VALID", "The server's certificate is not valid yet. Check the dates in it."],
  [
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "The server's certificate is for another host name. Check the URL or get a certificate for this name.",
  ],
  [
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "The server's certificate is self-signed. Use one from a public authority.",
  ],
  [
    "SELF_SIGNED_CERT_IN_CHAIN",
    "The server's certificate comes from an authority that is not publicly trusted.",
  ],
  [
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "The server's certificate cannot be verified: the server does not send the intermediate certificate.",
  ],
  [
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "The server's certificate cannot be verified: its authority is unknown or an intermediate certificate is missing.",
  ],
]);

/** The TLS handshake did not succeed. */
export function tlsFailure(error: Error): Failure {
  return failure("tls_failed", describe(error), CERTIFICATE_SENTENCES.get(errorCode(error)));
}

/** The request was on its way, and no status line came back. */
export function requestFailure(error: Error): Failure {
  const detail = describe(error);
  if (error instanceof ReplyHeadTooLong) {
    return failure("invalid_response", detail, "The server's answer has more than 16 KiB of headers.");
  }
  if (error instanceof InvalidReply) return failure("invalid_response", detail);
  if (errorCode(error).startsWith("ERR_SSL_")) return failure("tls_failed", detail);
  return failure("connection_reset", detail);
}

export function errorCode(error: Error): string {
  const code = "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}

function describe(error: Error): string {
  const code = errorCode(error);
  return code && !error.message.includes(code) ? `${code}: ${error.message}` : error.message;
}
