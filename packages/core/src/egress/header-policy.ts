/** Bounds on the headers a customer adds to an endpoint. */
export const CUSTOM_HEADERS_MAX = 64;
export const HEADER_NAME_MAX_LENGTH = 128;
export const HEADER_VALUE_MAX_LENGTH = 4_096;

export type HeaderVerdict =
  | {
      readonly ok: true;
      /** The value is a secret: it is stored encrypted and never shown again. */
      readonly sensitive: boolean;
    }
  | {
      readonly ok: false;
      /** One sentence for the customer. */
      readonly message: string;
    };

export type HeadersVerdict =
  | {
      readonly ok: true;
      /** The names whose values are secrets, as written. */
      readonly sensitive: readonly string[];
    }
  | { readonly ok: false; readonly message: string };

/** Set by the sender, or able to change where the message ends, who it seems to come from, or what it says. */
const FORBIDDEN_NAMES: ReadonlySet<string> = new Set([
  "accept-encoding",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "cookie",
  "cookie2",
  "expect",
  "forwarded",
  "host",
  "http2-settings",
  "keep-alive",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
  "via",
  "x-real-ip",
]);

const FORBIDDEN_PREFIXES: readonly string[] = [
  "proxy-",
  "x-forwarded-",
  // Signatures and ids: a customer must not be able to write what only the sender may say.
  "webhook-",
  "svix-",
  "x-svix-",
  "posthaste-",
  "x-posthaste-",
  // Keys to cloud metadata services.
  "x-amz-",
  "x-aws-",
  "x-goog-",
  "x-google-",
  "metadata",
  "x-metadata",
];

/** Framing and routing belong to the connection: a caller's header must never replace them. */
const FRAMING_NAMES: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const SENSITIVE =
  /^(?:authorization|x-auth(?:-.*)?)$|api[-_]?key|access[-_]?key|cookie|credential|passw|secret|signature|token|^x-key$/;

/** Judges one header a customer wants on every delivery. `authorization` is theirs to set. */
export function checkHeader(name: string, value: string): HeaderVerdict {
  const lower = name.toLowerCase();
  if (name === "" || name.length > HEADER_NAME_MAX_LENGTH || !/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(lower)) {
    return refuse(
      `A header name is 1 to ${HEADER_NAME_MAX_LENGTH} letters, digits and hyphens, without spaces or colons.`,
    );
  }
  if (FORBIDDEN_NAMES.has(lower))
    return refuse(`The header "${name}" is set by the sender and cannot be changed.`);
  const prefix = FORBIDDEN_PREFIXES.find((start) => lower.startsWith(start));
  if (prefix !== undefined)
    return refuse(`Headers starting with "${prefix}" are reserved. Choose another name.`);
  if (value.length > HEADER_VALUE_MAX_LENGTH) {
    return refuse(`The value of "${name}" is longer than ${HEADER_VALUE_MAX_LENGTH} characters.`);
  }
  if (!/^[\u0020-\u007e]*$/.test(value)) {
    return refuse(`The value of "${name}" may hold printable ASCII characters only, on one line.`);
  }
  if (value.trim() !== value)
    return refuse(`Remove the space at the start or end of the value of "${name}".`);
  return { ok: true, sensitive: isSensitiveHeader(lower) };
}

/** Judges all of an endpoint's headers: each one, their number, and names that differ only by case. */
export function checkHeaders(headers: Readonly<Record<string, string>>): HeadersVerdict {
  const names = Object.keys(headers);
  if (names.length > CUSTOM_HEADERS_MAX) return refuse(`At most ${CUSTOM_HEADERS_MAX} headers.`);
  const seen = new Set<string>();
  const sensitive: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    const verdict = checkHeader(name, value);
    if (!verdict.ok) return verdict;
    if (seen.has(name.toLowerCase())) return refuse(`The header "${name}" appears twice.`);
    seen.add(name.toLowerCase());
    if (verdict.sensitive) sensitive.push(name);
  }
  return { ok: true, sensitive };
}

/** Whether a header's value is a secret, by its name. */
export function isSensitiveHeader(name: string): boolean {
  return SENSITIVE.test(name.toLowerCase());
}

/** Whether a header would change where a request goes or ends; the sender refuses it from any caller. */
export function isFramingHeader(name: string): boolean {
  return FRAMING_NAMES.has(name.toLowerCase());
}

function refuse(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message };
}
