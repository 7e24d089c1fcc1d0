import { decodeBase64, encodeBase64 } from "./base64.ts";
import { WebhookUsageError } from "./errors.ts";

/**
 * The three forms of a secret, as Standard Webhooks writes them:
 *
 *   whsec_ + base64 of 24–75 bytes             shared by sender and receiver (v1, HMAC-SHA256)
 *   whsk_  + base64 of seed ‖ public key (64)  the sender's, never leaves it (v1a, ed25519)
 *   whpk_  + base64 of the public key (32)     the receiver's half (v1a, ed25519)
 *
 * Text without a prefix is read as whsec_, as the reference libraries do.
 */
const SHARED_PREFIX = "whsec_";
const SIGNING_PREFIX = "whsk_";
const PUBLIC_PREFIX = "whpk_";

const MIN_SHARED_BYTES = 24;
/** The standard says 64; Svix takes up to 75, and a receiver must not change to move over. */
const MAX_SHARED_BYTES = 75;
/** The seed and the public key are both this long. */
export const ED25519_KEY_BYTES = 32;

type Bytes = Uint8Array<ArrayBuffer>;
export type SharedSecret = { readonly kind: "shared"; readonly bytes: Bytes };
export type SigningKey = { readonly kind: "signing"; readonly seed: Bytes; readonly publicKey: Bytes };
export type PublicKey = { readonly kind: "public"; readonly bytes: Bytes };

/** One secret, or several while a rotation is under way. */
export type Secrets = string | readonly string[];

/**
 * The text form of a shared secret. Brings no randomness of its own: give it 24 to 64 bytes from a
 * cryptographic generator, such as `crypto.getRandomValues(new Uint8Array(32))`.
 */
export function formatSecret(bytes: Uint8Array): string {
  assertSharedLength(bytes, "");
  return SHARED_PREFIX + encodeBase64(bytes);
}

/** The `whpk_` key that receivers hold, taken from the sender's `whsk_` key. */
export function publicKeyOf(signingKey: string): string {
  const key = parseSecret(signingKey, "");
  if (key.kind !== "signing") {
    throw new WebhookUsageError("secret_not_signing_key", "Only a whsk_ signing key has a public key.");
  }
  return PUBLIC_PREFIX + encodeBase64(key.publicKey);
}

/** The text form of an ed25519 key pair, for the one who holds the seed. */
export function formatSigningKey(seed: Uint8Array, publicKey: Uint8Array): string {
  const pair = new Uint8Array(2 * ED25519_KEY_BYTES);
  pair.set(seed);
  pair.set(publicKey, ED25519_KEY_BYTES);
  return SIGNING_PREFIX + encodeBase64(pair);
}

/** Parses the secrets of a sender, which signs with every one of them. */
export function parseSigningSecrets(secrets: Secrets): (SharedSecret | SigningKey)[] {
  return parseEach(secrets, (secret, place) => {
    if (secret.kind !== "public") return secret;
    throw new WebhookUsageError(
      "secret_is_public_key",
      `${place}A whpk_ key is public and cannot sign. Sign with its whsk_ half.`,
    );
  });
}

/** Parses the secrets of a receiver, any of which may match. */
export function parseVerifyingSecrets(secrets: Secrets): (SharedSecret | PublicKey)[] {
  return parseEach(secrets, (secret, place) => {
    if (secret.kind !== "signing") return secret;
    throw new WebhookUsageError(
      "secret_is_signing_key",
      `${place}A whsk_ key is the sender's private key; who holds it can forge webhooks. ` +
        "Verify with its whpk_ half (publicKeyOf).",
    );
  });
}

type Secret = SharedSecret | SigningKey | PublicKey;

function parseEach<Kept>(secrets: Secrets, keep: (secret: Secret, place: string) => Kept): Kept[] {
  const texts: readonly string[] = typeof secrets === "string" ? [secrets] : secrets;
  if (!Array.isArray(texts) || texts.length === 0) {
    throw new WebhookUsageError(
      "secrets_missing",
      "No secret was given. Pass the endpoint's signing secret (whsec_…) or public key (whpk_…).",
    );
  }
  return texts.map((text, index) => {
    const place = texts.length > 1 ? `Secret ${index + 1} of ${texts.length}: ` : "";
    return keep(parseSecret(text, place), place);
  });
}

/** `place` starts every message: it tells which one of several secrets is wrong. */
function parseSecret(text: string, place: string): Secret {
  if (typeof text !== "string") {
    throw new WebhookUsageError(
      "secret_not_text",
      `${place}The secret is not a string. Is its environment variable set?`,
    );
  }
  if (/\s/.test(text)) {
    throw new WebhookUsageError(
      "secret_whitespace",
      `${place}The secret contains a space or a line break. Remove it; it often sits at the end of an ` +
        "environment variable or a file.",
    );
  }
  const prefix = [SHARED_PREFIX, SIGNING_PREFIX, PUBLIC_PREFIX].find((start) => text.startsWith(start));
  const bytes = decodeSecret(text.slice(prefix?.length ?? 0), place);
  if (prefix === SIGNING_PREFIX) {
    assertKeyLength(bytes, 2 * ED25519_KEY_BYTES, `${place}A whsk_ key`);
    return {
      kind: "signing",
      seed: bytes.slice(0, ED25519_KEY_BYTES),
      publicKey: bytes.slice(ED25519_KEY_BYTES),
    };
  }
  if (prefix === PUBLIC_PREFIX) {
    assertKeyLength(bytes, ED25519_KEY_BYTES, `${place}A whpk_ key`);
    return { kind: "public", bytes };
  }
  assertSharedLength(bytes, place);
  return { kind: "shared", bytes };
}

function decodeSecret(base64: string, place: string): Bytes {
  if (base64 === "") {
    throw new WebhookUsageError(
      "secret_empty",
      `${place}The secret is empty. Is its environment variable set?`,
    );
  }
  const bytes = decodeBase64(base64);
  if (bytes === undefined) {
    throw new WebhookUsageError(
      "secret_not_base64",
      `${place}The secret is not base64 after its prefix. Copy it again, whole and without quotes; the ` +
        "prefixes are whsec_, whsk_ and whpk_.",
    );
  }
  return bytes;
}

function assertSharedLength(bytes: Uint8Array, place: string): void {
  if (bytes.length < MIN_SHARED_BYTES || bytes.length > MAX_SHARED_BYTES) {
    throw new WebhookUsageError(
      "secret_length",
      `${place}A shared secret is ${MIN_SHARED_BYTES} to ${MAX_SHARED_BYTES} bytes, this one is ${bytes.length}. ` +
        "Was it cut off when copied?",
    );
  }
}

export function assertKeyLength(bytes: Uint8Array, length: number, subject: string): void {
  if (bytes.length !== length) {
    throw new WebhookUsageError(
      "secret_length",
      `${subject} is ${length} bytes, this one is ${bytes.length}. Was it cut off when copied?`,
    );
  }
}
