/**
 * Every error of this package carries a `code` that stays the same between versions, and the HTTP `status`
 * a receiver should answer with. Messages are for the log of whoever runs the receiver: they say what to
 * change, and never contain a secret, a signature or a part of the body.
 */

/** The request is not a webhook that can be trusted (or read). */
export const verificationErrorCodes = [
  "headers_invalid",
  "header_repeated",
  "id_missing",
  "id_invalid",
  "timestamp_missing",
  "timestamp_invalid",
  "timestamp_too_old",
  "timestamp_too_new",
  "signature_missing",
  "signatures_too_many",
  "signature_unsupported",
  "signature_mismatch",
  "body_not_raw",
  "json_invalid",
] as const;

/** The program that calls this package has to be changed: no request can make this go away. */
export const usageErrorCodes = [
  "secrets_missing",
  "secret_not_text",
  "secret_empty",
  "secret_whitespace",
  "secret_not_base64",
  "secret_length",
  "secret_is_public_key",
  "secret_is_signing_key",
  "secret_not_signing_key",
  "secret_halves_differ",
  "ed25519_unavailable",
  "tolerance_invalid",
  "now_invalid",
  "sign_id_invalid",
  "sign_timestamp_invalid",
  "sign_body_invalid",
] as const;

export type VerificationErrorCode = (typeof verificationErrorCodes)[number];
export type UsageErrorCode = (typeof usageErrorCodes)[number];

export class WebhookVerificationError extends Error {
  override readonly name = "WebhookVerificationError";
  readonly code: VerificationErrorCode;
  readonly status = 400;

  constructor(code: VerificationErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export class WebhookUsageError extends Error {
  override readonly name = "WebhookUsageError";
  readonly code: UsageErrorCode;
  readonly status = 500;

  constructor(code: UsageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
