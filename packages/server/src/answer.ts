/** Header fields of every answer. */
export const COMMON_HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff" };
export const JSON_TYPE = "application/json; charset=utf-8";

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
