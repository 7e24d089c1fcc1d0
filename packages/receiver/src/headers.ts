import { WebhookVerificationError, type VerificationErrorCode } from "./errors.ts";

export type HeaderValue = string | readonly string[] | null | undefined;

/**
 * Request headers in any of the shapes frameworks have: Web `Headers`, a plain object with names in any
 * letter case, pairs (an array of them, a `Map`), or anything with a case-insensitive `get`.
 */
export type HeadersInput =
  | Iterable<readonly [string, HeaderValue]>
  | Readonly<Record<string, HeaderValue>>
  | { get(name: string): string | null | undefined };

export interface SignedHeaders {
  readonly id: string;
  readonly timestamp: string;
  /** Each `version,base64`, in the order of the header. */
  readonly signatures: readonly string[];
}

/** The names of the standard, then the older ones of Svix with the same meaning. */
const FAMILIES = ["webhook-", "svix-"] as const;
const PARTS = ["id", "timestamp", "signature"] as const;
type Part = (typeof PARTS)[number];

const NAMES: ReadonlySet<string> = new Set(FAMILIES.flatMap((family) => PARTS.map((part) => family + part)));

/** A list is as long as a rotation has secrets; each entry more costs the receiver a check. */
const MAX_SIGNATURES = 64;

/** Values by lower-case name, for the names above only. */
type Found = Map<string, string[]>;

export function readSignedHeaders(headers: HeadersInput): SignedHeaders {
  const found = collect(headers);
  // All three from one family: mixing them would let a proxy that adds one header change the meaning.
  const complete = FAMILIES.find((family) => PARTS.every((part) => found.has(family + part)));
  const started = FAMILIES.find((family) => PARTS.some((part) => found.has(family + part)));
  const family = complete ?? started ?? FAMILIES[0];

  const id = single(found, family, "id", "id_missing");
  const timestamp = single(found, family, "timestamp", "timestamp_missing");
  const lists = found.get(`${family}signature`) ?? missing(`${family}signature`, "signature_missing");
  // Some servers join a repeated header with ", ", so a comma before the space is no part of a signature.
  const signatures = lists.flatMap((list) => list.split(/,? +/)).filter((entry) => entry !== "");
  if (signatures.length > MAX_SIGNATURES) {
    throw new WebhookVerificationError(
      "signatures_too_many",
      `The ${family}signature header lists ${signatures.length} signatures; at most ${MAX_SIGNATURES} are checked.`,
    );
  }
  return { id, timestamp, signatures };
}

function single(found: Found, family: string, part: Part, code: VerificationErrorCode): string {
  const name = family + part;
  const [value, ...others] = found.get(name) ?? [];
  if (value === undefined) return missing(name, code);
  if (others.length > 0) {
    throw new WebhookVerificationError(
      "header_repeated",
      `The ${name} header has ${others.length + 1} values; a webhook has one. Look for a proxy that adds headers.`,
    );
  }
  return value;
}

function missing(name: string, code: VerificationErrorCode): never {
  throw new WebhookVerificationError(
    code,
    `The ${name} header is missing. Either this request is no webhook, or something in between removes the ` +
      "header; pass all headers of the request as they came.",
  );
}

function collect(headers: HeadersInput): Found {
  const found: Found = new Map();
  if (typeof headers !== "object" || headers === null) return rejectShape();
  if (isIterable(headers)) {
    for (const pair of headers) {
      if (!Array.isArray(pair)) return rejectShape();
      add(found, pair[0], pair[1]);
    }
  } else if (hasGet(headers)) {
    for (const name of NAMES) add(found, name, headers.get(name));
  } else {
    for (const [name, value] of Object.entries(headers)) add(found, name, value);
  }
  return found;
}

function isIterable(headers: HeadersInput): headers is Iterable<readonly [string, HeaderValue]> {
  return Symbol.iterator in headers;
}

function hasGet(headers: HeadersInput): headers is { get(name: string): string | null | undefined } {
  return "get" in headers && typeof headers.get === "function";
}

/** The types promise text, JavaScript callers may still pass numbers or parsed values. */
function add(found: Found, name: unknown, value: unknown): void {
  if (typeof name !== "string") return rejectShape();
  const key = name.toLowerCase();
  if (!NAMES.has(key)) return;
  for (const text of Array.isArray(value) ? value : [value]) {
    // An empty header says no more than an absent one.
    if (text === undefined || text === null || text === "") continue;
    if (typeof text !== "string") return rejectShape();
    const values = found.get(key);
    if (values === undefined) found.set(key, [text]);
    else values.push(text);
  }
}

function rejectShape(): never {
  throw new WebhookVerificationError(
    "headers_invalid",
    "The headers are not in a known shape. Pass the request's `headers` (Web Headers or an object of text), " +
      "or name and value pairs; a flat list such as rawHeaders is not one.",
  );
}
