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
