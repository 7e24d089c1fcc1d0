import { halvesDiffer, pkcs8Of } from "./ed25519.ts";
import { WebhookUsageError } from "./errors.ts";
import type { PublicKey, SharedSecret, SigningKey } from "./secret.ts";

/** The few WebCrypto calls signing and verifying are made of. Only this file touches `crypto`. */

type Bytes = Uint8Array<ArrayBuffer>;

const HMAC = { name: "HMAC", hash: "SHA-256" } as const;
const ED25519 = "Ed25519";

export function importSharedSecret(secret: SharedSecret): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", secret.bytes, HMAC, false, ["sign"]);
}

export function importPublicKey(key: PublicKey): Promise<CryptoKey> {
  return ed25519(crypto.subtle.importKey("raw", key.bytes, ED25519, false, ["verify"]));
}

/** Imports the private key, and makes sure that it belongs to the public half beside it. */
export async function importSigningKey(key: SigningKey): Promise<CryptoKey> {
  const privateKey = await ed25519(
    crypto.subtle.importKey("pkcs8", pkcs8Of(key.seed), ED25519, false, ["sign"]),
  );
  const publicKey = await importPublicKey({ kind: "public", bytes: key.publicKey });
  // WebCrypto cannot derive a public key, but a signature of one half shows whether the other fits.
  const probe = await ed25519Sign(privateKey, key.publicKey);
  if (!(await ed25519Verify(publicKey, probe, key.publicKey))) throw halvesDiffer();
  return privateKey;
}

export async function hmac(key: CryptoKey, content: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, content));
}

export async function ed25519Sign(key: CryptoKey, content: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign(ED25519, key, content));
}

export function ed25519Verify(key: CryptoKey, signature: Bytes, content: Bytes): Promise<boolean> {
  return crypto.subtle.verify(ED25519, key, signature, content);
}

async function ed25519(imported: Promise<CryptoKey>): Promise<CryptoKey> {
  try {
    return await imported;
  } catch (cause) {
    throw new WebhookUsageError(
      "ed25519_unavailable",
      "This runtime's WebCrypto cannot use the ed25519 key. Update the runtime, or use a shared secret (whsec_).",
      { cause },
    );
  }
}
