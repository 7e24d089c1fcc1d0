import { Buffer } from "node:buffer";
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  sign as signEd25519,
  type KeyObject,
} from "node:crypto";
import { signingPrefix } from "./content.ts";
import {
  assertKeyLength,
  ED25519_KEY_BYTES,
  formatSigningKey,
  parseSigningSecrets,
  type SharedSecret,
  type SigningKey,
} from "./secret.ts";
import { halvesDiffer, pkcs8Of } from "./ed25519.ts";

/**
 * The signer for a sending engine on Node: the same signatures as `sign`, but synchronous, with its keys
 * prepared once. An `await` per event and an import of the key per call would cost more than the HMAC.
 */
export interface Signer {
  /**
   * The complete value of the `webhook-signature` header: one signature per secret, in their order.
   * `body` has to be exactly what is sent, bytes or text (which is then sent as UTF-8).
   */
  sign(id: string, timestampSeconds: number, body: Uint8Array | string): string;
}

/** Throws a `WebhookUsageError` at once if a secret is wrong. */
export function createSigner(secrets: readonly string[]): Signer {
  const signs = parseSigningSecrets(secrets).map(createSign);
  return {
    sign(id, timestampSeconds, body) {
      const prefix = signingPrefix(id, timestampSeconds);
      let signatures = "";
      for (const signOne of signs) {
        signatures += signatures === "" ? signOne(prefix, body) : ` ${signOne(prefix, body)}`;
      }
      return signatures;
    },
  };
}

/** The `whsk_` key of 32 random bytes; `publicKeyOf` gives the half for receivers. */
export function signingKeyFromSeed(seed: Uint8Array): string {
  assertKeyLength(seed, ED25519_KEY_BYTES, "The seed of a whsk_ key");
  return formatSigningKey(seed, publicBytesOf(privateKeyOf(seed)));
}

type SignOne = (prefix: string, body: Uint8Array | string) => string;

function createSign(secret: SharedSecret | SigningKey): SignOne {
  return secret.kind === "shared" ? createSharedSign(secret) : createEd25519Sign(secret);
}

/** Two updates of a prepared key measured fastest: no joined copy, and digest encodes the base64 itself. */
function createSharedSign(secret: SharedSecret): SignOne {
  const key = createSecretKey(secret.bytes);
  return (prefix, body) => `v1,${createHmac("sha256", key).update(prefix).update(body).digest("base64")}`;
}

/** Ed25519 reads its input twice, so OpenSSL needs it in one piece. */
function createEd25519Sign(secret: SigningKey): SignOne {
  const key = privateKeyOf(secret.seed);
  if (!publicBytesOf(key).equals(secret.publicKey)) throw halvesDiffer();
  return (prefix, body) => {
    const content =
      typeof body === "string" ? Buffer.from(prefix + body) : Buffer.concat([Buffer.from(prefix), body]);
    return `v1a,${signEd25519(null, content, key).toString("base64")}`;
  };
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(pkcs8Of(seed)), format: "der", type: "pkcs8" });
}

function publicBytesOf(privateKey: KeyObject): Buffer {
  // The key itself is what the SubjectPublicKeyInfo ends with.
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return spki.subarray(-ED25519_KEY_BYTES);
}
