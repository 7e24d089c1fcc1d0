const COMMON = { "cache-control": "no-store", "x-content-type-options": "nosniff" };
export const JSON_TYPE = "application/json; charset=utf-8";
/** RFC 9110, 8.6: no length where there can be no content. */
const NO_CONTENT_STATUS = 204;

/** What a route answers. */
export interface Answer {
  readonly status: number;
  /** JSON text; "" for no body. Text and not a value, because payloads must not be printed anew. */
  readonly text: string;
  /** Beside those every answer has; lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A value as JSON. */
export function jsonAnswer(status: number, value: unknown): Answer {
  return { status, text: JSON.stringify(value) };
}

/** 204. */
export const NO_CONTENT: Answer = { status: 204, text: "" };

/** All header fields of an answer but those of the connection, in their order. */
export function headersOf({ status, text, headers }: Answer): Record<string, string> {
  const all: Record<string, string> = { ...COMMON };
  if (text !== "") all["content-type"] = JSON_TYPE;
  if (status !== NO_CONTENT_STATUS) all["content-length"] = String(Buffer.byteLength(text));
  return Object.assign(all, headers);
}
