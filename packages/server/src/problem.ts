import { ERRORS, PosthasteError } from "@posthaste/core/domain/errors";
import { REQUEST_BODY_MAX_BYTES } from "@posthaste/core/domain/limits";
import type { Log } from "@posthaste/core/runtime/runtime";
import { CommitInDoubt, StoreUnavailable } from "@posthaste/core/storage/port";
import type { Answer } from "./answer.ts";

/** Seconds a client should wait when it is not known better. */
const RETRY_AFTER_S = 1;

/**
 * The answer to anything thrown on the way: `{code, detail}`, or `{detail: [{loc, msg, type}]}` for 422, as
 * Svix's contract has them. Only what is not a refusal of ours is logged, and its text stays here.
 */
export function problemAnswer(
  error: unknown,
  { log, route }: { log: Log; route: { method: unknown; url?: string | undefined; bodyLimit: number } },
): Answer {
  const known = toPosthasteError(error, route.bodyLimit);
  if (known.status >= 500) {
    const fields = { error, code: known.code, method: route.method, route: route.url };
    // What cannot be stored is logged once by who failed to store it, not once for each request meanwhile.
    if (known.code === "unavailable") log.debug(fields, "request refused");
    else log.error(fields, "request failed");
  }
  const retryAfterS = known.retryAfterS ?? (known.status === 503 ? RETRY_AFTER_S : null);
  return {
    status: known.status,
    text: problemText(known),
    headers: {
      ...(retryAfterS === null ? {} : { "retry-after": String(retryAfterS) }),
      ...(known.status === 401 ? { "www-authenticate": "Bearer" } : {}),
    },
  };
}

/** The body of a refusal. */
export function problemText(error: PosthasteError): string {
  if (error.code !== "validation") return JSON.stringify({ code: error.code, detail: error.message });
  const fields =
    error.fields.length === 0 ? [{ loc: [], msg: error.message, type: "value_error" }] : error.fields;
  return JSON.stringify({ detail: fields });
}

const IN_DOUBT =
  "It is not known whether this was written: the database went away meanwhile. Look before you repeat it, or repeat it with the same Idempotency-Key.";

/** Whatever was thrown, as one of ours. */
export function toPosthasteError(error: unknown, bodyMaxBytes = REQUEST_BODY_MAX_BYTES): PosthasteError {
  if (error instanceof PosthasteError) return error;
  if (error instanceof CommitInDoubt) return new PosthasteError("unavailable", IN_DOUBT, { cause: error });
  if (error instanceof StoreUnavailable) {
    return new PosthasteError("unavailable", undefined, { cause: error });
  }
  const statusCode = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  if (typeof statusCode !== "number" || statusCode < 400 || statusCode >= 500) {
    return new PosthasteError("internal", undefined, { cause: error });
  }
  // Fastify refused the request before any code of ours saw it.
  if (statusCode === ERRORS.payload_too_large.status) return tooLarge(bodyMaxBytes);
  if (statusCode === ERRORS.unsupported_media_type.status)
    return new PosthasteError("unsupported_media_type");
  return new PosthasteError("bad_request", undefined, { cause: error });
}

/** The refusal of a body beyond its bound. */
export function tooLarge(maxBytes: number): PosthasteError {
  const detail =
    maxBytes === REQUEST_BODY_MAX_BYTES
      ? ERRORS.payload_too_large.detail
      : `The body is larger than ${sizeText(maxBytes)}. Send less at a time.`;
  return new PosthasteError("payload_too_large", detail);
}

function sizeText(bytes: number): string {
  return bytes < BYTES_PER_MIB ? `${bytes / BYTES_PER_KIB} KiB` : `${bytes / BYTES_PER_MIB} MiB`;
}

const BYTES_PER_KIB = 1_024;
const BYTES_PER_MIB = 1_048_576;
