import { createCipheriv, createDecipheriv, createHash, createSecretKey, type KeyObject } from "node:crypto";
import type { Random } from "../../runtime/runtime.ts";
import type { DataKey } from "../port.ts";

/** AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits and the whole tag. */
const CIPHER = "aes-256-gcm";
export const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const PREFIX = "phm_";
const FORM = /^phm_([A-Za-z0-9_-]{43})$/;
/** A ring holds the key that seals and those that were before; more is a mistake. */
const KEYS_MAX = 64;

/** Keys or sealed values that do not fit together: one sentence for the operator, without any of their bytes. */
export class SealError extends Error {
  override readonly name = "SealError";
}

interface MasterKey {
  /** Made of the key, so that a name cannot be given to the wrong one. */
  readonly id: string;
  readonly key: KeyObject;
}

/** A new master key in the form that a ring is written in. */
export function newMasterKey(random: Random): string {
  return PREFIX + Buffer.from(random.bytes(KEY_BYTES)).toString("base64url");
}

/** The master keys: the first encrypts the data keys, all of them decrypt. */
export class KeyRing {
  readonly #first: MasterKey;
  readonly #keys: ReadonlyMap<string, MasterKey>;

  private constructor(first: MasterKey, keys: readonly MasterKey[]) {
    this.#first = first;
    this.#keys = new Map(keys.map((key) => [key.id, key]));
  }

  /** Keys separated by commas, blanks or lines; what follows a `#` in a line is a comment. Throws a SealError. */
  static parse(text: string): KeyRing {
    const words = text.replaceAll(/#.*$/gm, "").split(/[\s,]+/);
    const keys = words.filter((word) => word !== "").map((word, index) => toMasterKey(word, index));
    const [first] = keys;
    if (first === undefined)
      throw new SealError('There is no master key. Make one with "posthaste keys new".');
    if (keys.length > KEYS_MAX) throw new SealError(`A ring has at most ${KEYS_MAX} master keys.`);
    return new KeyRing(first, keys);
  }

  /** The id of the key that encrypts. */
  get firstId(): string {
    return this.#first.id;
  }

  has(masterKeyId: string): boolean {
    return this.#keys.has(masterKeyId);
  }

  /** Encrypts the bytes of a data key with the first master key. */
  wrap(
    bytes: Uint8Array,
    { environmentId, id }: Pick<DataKey, "environmentId" | "id">,
    random: Random,
  ): Pick<DataKey, "masterKeyId" | "wrapped"> {
    const masterKeyId = this.#first.id;
    const aad = wrapAad({ environmentId, id, masterKeyId });
    return { masterKeyId, wrapped: encrypt(this.#first.key, bytes, { aad, random }) };
  }

  /** Throws a SealError when the key is not in the ring, or is not the one that encrypted this data key. */
  unwrap(dataKey: DataKey): Uint8Array {
    const { masterKeyId, wrapped } = dataKey;
    const master = this.#keys.get(masterKeyId);
    if (master === undefined) {
      throw new SealError(
        `The secrets in this database are encrypted with the master key ${masterKeyId}, which is not in the ring ` +
          `(${[...this.#keys.keys()].join(", ")}). Start with the ring that belongs to this database.`,
      );
    }
    const bytes = decrypt(master.key, wrapped, wrapAad(dataKey));
    if (bytes?.length !== KEY_BYTES) {
      throw new SealError(
        `The data key of ${dataKey.environmentId} does not open with its master key: its row was changed or damaged. Restore it from a backup.`,
      );
    }
    return bytes;
  }
}

function toMasterKey(word: string, index: number): MasterKey {
  const text = FORM.exec(word)?.[1];
  const bytes = text === undefined ? Buffer.alloc(0) : Buffer.from(text, "base64url");
  if (bytes.length !== KEY_BYTES) {
    throw new SealError(
      `Master key ${index + 1} of the ring does not have the form phm_ and 43 characters. Make one with "posthaste keys new".`,
    );
  }
  const id = createHash("sha256").update("posthaste master key\n").update(bytes).digest("hex").slice(0, 12);
  return { id, key: createSecretKey(bytes) };
}

function wrapAad({
  environmentId,
  id,
  masterKeyId,
}: Pick<DataKey, "environmentId" | "id" | "masterKeyId">): Buffer {
  return Buffer.from(JSON.stringify(["posthaste data key", 1, environmentId, id, masterKeyId]));
}

/** base64url of nonce, ciphertext and tag. */
export function encrypt(
  key: KeyObject,
  bytes: Uint8Array,
  { aad, random }: { aad: Uint8Array; random: Random },
): string {
  const nonce = random.bytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(aad);
  const parts = [nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()];
  return Buffer.concat(parts).toString("base64url");
}

/** Null for anything that was not encrypted with this key and this `aad`. */
export function decrypt(key: KeyObject, text: string, aad: Uint8Array): Buffer | null {
  const bytes = Buffer.from(text, "base64url");
  // Only the one spelling of these bytes: nothing of what is stored can be changed without being noticed.
  if (bytes.length < NONCE_BYTES + TAG_BYTES || bytes.toString("base64url") !== text) return null;
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(aad);
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    return null;
  }
}
