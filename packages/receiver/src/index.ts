export { sign, type SignInput } from "./sign.ts";
export {
  createVerifier,
  verify,
  type VerifiedWebhook,
  type Verifier,
  type VerifierOptions,
  type WebhookRequest,
} from "./verify.ts";
export { formatSecret, publicKeyOf, type Secrets } from "./secret.ts";
export {
  WebhookUsageError,
  WebhookVerificationError,
  type UsageErrorCode,
  type VerificationErrorCode,
} from "./errors.ts";
export type { Body } from "./content.ts";
export type { HeadersInput, HeaderValue } from "./headers.ts";
