/** The registry of everything the API can refuse: code → status and the sentence a client sees by default. */
export const ERRORS = {
  bad_request: { status: 400, detail: "The request cannot be read. Check its body and parameters." },
  invalid_json: { status: 400, detail: "The body is not valid JSON." },
  url_not_allowed: { status: 400, detail: "This URL is not allowed as a destination." },
  header_not_allowed: { status: 400, detail: "This header cannot be set." },
  transformation_failed: { status: 400, detail: "The transformation failed. Correct its code." },
  limit_reached: { status: 400, detail: "A limit has been reached." },
  endpoint_disabled: { status: 400, detail: "The endpoint is disabled. Enable it, then try again." },
  authentication_failed: {
    status: 401,
    detail: "Send an API key of this server as 'Authorization: Bearer phk_…'.",
  },
  insufficient_access: {
    status: 403,
    detail: "This key or token may not do that. Use one with the permission.",
  },
  not_found: { status: 404, detail: "Entity not found." },
  method_not_allowed: { status: 405, detail: "This path does not take that method." },
  conflict: { status: 409, detail: "The entity already exists." },
  idempotency_conflict: {
    status: 409,
    detail: "This Idempotency-Key was used with another request. Use a new key for a new request.",
  },
  payload_too_large: { status: 413, detail: "The body is larger than 1 MiB. Send big data by link." },
  unsupported_media_type: { status: 415, detail: "Send JSON with 'Content-Type: application/json'." },
  validation: { status: 422, detail: "The request does not fit its schema." },
  too_many_requests: { status: 429, detail: "Too many requests. Slow down and try again." },
  internal: { status: 500, detail: "Something went wrong on our side. It has been logged." },
  unavailable: { status: 503, detail: "Events cannot be stored just now. Nothing was accepted; try again." },
} as const satisfies Record<string, { status: number; detail: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** One field that does not fit: where, what to change, and a stable type. */
export interface FieldError {
  readonly loc: readonly string[];
  readonly msg: string;
  readonly type: string;
}

/**
 * A refusal with a code of the registry. `detail` is for the client, `cause` for the log; a thrown error of
 * any other class is a bug and answers `internal`.
 */
export class PosthasteError extends Error {
  readonly code: ErrorCode;
  readonly fields: readonly FieldError[];
  readonly retryAfterS: number | null;

  constructor(
    code: ErrorCode,
    detail: string = ERRORS[code].detail,
    options: { cause?: unknown; fields?: readonly FieldError[]; retryAfterS?: number } = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "PosthasteError";
    this.code = code;
    this.fields = options.fields ?? [];
    this.retryAfterS = options.retryAfterS ?? null;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }
}

/** A 422 for one field, in the contract's shape. */
export function invalidField(loc: readonly string[], msg: string, type = "value_error"): PosthasteError {
  return new PosthasteError("validation", msg, { fields: [{ loc, msg, type }] });
}
