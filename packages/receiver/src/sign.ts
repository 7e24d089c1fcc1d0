import { encodeBase64 } from "./base64.ts";
import { bodyBytes, joinContent, signingPrefix, type Body } from "./content.ts";
import { WebhookUsageError } from "./errors.ts";
import { parseSigningSecrets, type Secrets, type SharedSecret, type SigningKey } from "./secret.ts";
import { ed25519Sign, hmac, importSharedSecret, importSigningKey } from "./webcrypto.ts";

export interface SignInput {
  /** `whsec_` or `whsk_`. With several, receivers may hold any one of them. */
  readonly secrets: Secrets;
  /** The `webhook-id`: of the message, the same on every retry. */
  readonly id: string;
  /** The `webhook-timestamp`: Unix seconds of this attempt. */
  readonly timestamp: number;
  readonly body: Body;
}

/**
 * The complete value of the `webhook-signature` header: one signature per secret, in their order.
 * Runs anywhere; a sender on Node that signs much uses `createSigner` of `@posthaste/receiver/node`.
 */
export async function sign(input: SignInput): Promise<string> {
  const secrets = parseSigningSecrets(input.secrets);
  const prefix = signingPrefix(input.id, input.timestamp);
  const body = bodyBytes(input.body);
  if (body === undefined) {
    throw new WebhookUsageError(
      "sign_body_invalid",
      "The body to sign is neither text nor bytes. Serialize it once, and send exactly what was signed.",
    );
  }
  const content = joinContent(prefix, body);
  const signatures = await Promise.all(secrets.map((secret) => signOne(secret, content)));
  return signatures.join(" ");
}

async function signOne(secret: SharedSecret | SigningKey, content: Uint8Array<ArrayBuffer>): Promise<string> {
  if (secret.kind === "shared") {
    return `v1,${encodeBase64(await hmac(await importSharedSecret(secret), content))}`;
  }
  return `v1a,${encodeBase64(await ed25519Sign(await importSigningKey(secret), content))}`;
}
