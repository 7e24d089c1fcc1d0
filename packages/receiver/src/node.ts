import { Buffer } from "node:buffer";
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  hash,
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

function createSharedSign(secret: SharedSecret): SignOne {
  const hmac = createHmacSha256(secret.bytes);
  return (prefix, body) => `v1,${hmac(prefix, body)}`;
}

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;

/** Where content is put together to be hashed; one for all, as nothing is awaited between writing and hashing. */
let scratch = Buffer.alloc(16_384);

/**
 * HMAC-SHA256 in base64, as RFC 2104 defines it: H(key ⊕ opad ‖ H(key ⊕ ipad ‖ content)). Two one-shot hashes
 * over prepared bytes take little more than half the time of `createHmac`, which makes and discards an object of
 * OpenSSL's for each signature. `prefix` has to be ASCII.
 */
function createHmacSha256(key: Uint8Array): (prefix: string, body: Uint8Array | string) => string {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.set(key.length > BLOCK_BYTES ? createHash("sha256").update(key).digest() : key);
  const inner = block.map((byte) => byte ^ 0x36);
  const outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);
  outer.set(block.map((byte) => byte ^ 0x5c));
  return (prefix, body) => {
    assertTextOrBytes(body);
    const bodyAt = BLOCK_BYTES + prefix.length;
    const end = bodyAt + (typeof body === "string" ? Buffer.byteLength(body) : body.length);
    if (end > scratch.length) scratch = Buffer.alloc(end);
    scratch.set(inner);
    scratch.write(prefix, BLOCK_BYTES, "latin1");
    if (typeof body === "string") scratch.write(body, bodyAt);
    else scratch.set(body, bodyAt);
    // As text, because a digest that comes as a buffer takes twice as long.
    outer.write(hash("sha256", scratch.subarray(0, end), "binary"), BLOCK_BYTES, "latin1");
    return hash("sha256", outer, "base64");
  };
}

/** Anything else would be taken for no bytes at all, and signed. */
function assertTextOrBytes(body: Uint8Array | string): void {
  if (typeof body === "string" || (ArrayBuffer.isView(body) && body.length === body.byteLength)) return;
  throw new TypeError("A body to sign is text or a Uint8Array.");
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
