import { WebhookUsageError } from "./errors.ts";

/**
 * What is signed: the bytes of `{id}.{timestamp}.` followed by the bytes of the body, exactly as they travel.
 * A body given as text is taken as UTF-8; bytes are never decoded, so any body can be signed.
 */
export type Body = string | Uint8Array | ArrayBuffer;

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Visible ASCII without the dot. With a dot in the id, `{id}.{timestamp}.{body}` could be cut in more than
 * one way, and one signature would be valid for several messages.
 */
const MESSAGE_ID = /^[!-\-/-~]{1,256}$/;

/** Enough for the year 5138, and too little for milliseconds, which are the usual mistake. */
const MAX_TIMESTAMP_DIGITS = 11;
const TIMESTAMP = new RegExp(`^(?:0|[1-9][0-9]{0,${MAX_TIMESTAMP_DIGITS - 1}})$`);
const MAX_TIMESTAMP = 10 ** MAX_TIMESTAMP_DIGITS - 1;

export function isMessageId(id: string): boolean {
  return MESSAGE_ID.test(id);
}

/** Unix seconds from a header: digits and nothing else, or undefined. */
export function parseTimestamp(text: string): number | undefined {
  return TIMESTAMP.test(text) ? Number(text) : undefined;
}

/** The start of the signed content, checked: what a sender signs must be what a receiver accepts. */
export function signingPrefix(id: string, timestampSeconds: number): string {
  if (typeof id !== "string" || !isMessageId(id)) {
    throw new WebhookUsageError(
      "sign_id_invalid",
      "A webhook-id is 1 to 256 visible ASCII characters without a dot.",
    );
  }
  if (!Number.isInteger(timestampSeconds) || timestampSeconds < 0 || timestampSeconds > MAX_TIMESTAMP) {
    throw new WebhookUsageError(
      "sign_timestamp_invalid",
      "A webhook-timestamp is a whole number of seconds since 1970; milliseconds have to be divided by 1000.",
    );
  }
  return contentPrefix(id, String(timestampSeconds));
}

export function contentPrefix(id: string, timestamp: string): string {
  return `${id}.${timestamp}.`;
}

/** The body as bytes, or undefined if it is something else, such as an object a framework has parsed. */
export function bodyBytes(body: Body): Uint8Array | undefined {
  if (typeof body === "string") return new TextEncoder().encode(body);
  // Not `instanceof`: a test runner or a frame may bring its own Uint8Array and ArrayBuffer.
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  if (Object.prototype.toString.call(body) === "[object ArrayBuffer]") return new Uint8Array(body);
  return undefined;
}

/** Prefix and body in one new buffer: WebCrypto takes its input in one piece. */
export function joinContent(prefix: string, body: Uint8Array): Bytes {
  const start = new TextEncoder().encode(prefix);
  const content = new Uint8Array(start.length + body.length);
  content.set(start);
  content.set(body, start.length);
  return content;
}
