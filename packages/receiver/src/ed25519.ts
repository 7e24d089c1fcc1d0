import { WebhookUsageError } from "./errors.ts";

/** What the WebCrypto and the Node signer have to agree on about ed25519 keys. */

/** What comes before the 32 seed bytes in the PKCS #8 form of a key (RFC 8410). */
const PKCS8_SEED_HEADER = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32] as const;

export function pkcs8Of(seed: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([...PKCS8_SEED_HEADER, ...seed]);
}

export function halvesDiffer(): WebhookUsageError {
  return new WebhookUsageError(
    "secret_halves_differ",
    "The public half of the whsk_ key does not belong to its seed: the key is damaged, or put together from two.",
  );
}
