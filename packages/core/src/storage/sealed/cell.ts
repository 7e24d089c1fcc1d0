import type { KeyObject } from "node:crypto";
import type { Random } from "../../runtime/runtime.ts";
import { decrypt, encrypt, SealError } from "./key-ring.ts";

const MARK = "sealed.1.";

/** An environment's data key, ready to use. */
export interface OpenKey {
  readonly environmentId: string;
  readonly id: string;
  readonly key: KeyObject;
}

/** Where a value lies. It is bound to that place: moved to another one, it does not open. */
export interface Place {
  readonly table: string;
  /** The row's whole key. */
  readonly row: string;
  readonly column: string;
}

/** Seals and opens what lies in one place. */
export interface Cell {
  seal(text: string): string;
  /** Throws a SealError for anything that was not sealed for this place, also for what lies there in the clear. */
  open(sealed: string): string;
}

/** Whether a text is sealed, by its form. */
export function isSealed(text: string): boolean {
  return text.startsWith(MARK);
}

/** `sealed.1.<data key>.<base64url of nonce, ciphertext, tag>` */
export function cellOf({ environmentId, id, key }: OpenKey, place: Place, random: Random): Cell {
  const { table, row, column } = place;
  const aad = Buffer.from(JSON.stringify(["posthaste", 1, environmentId, table, row, column]));
  const head = `${MARK}${id}.`;
  return {
    seal: (text) => head + encrypt(key, Buffer.from(text), { aad, random }),
    open(sealed) {
      const bytes = sealed.startsWith(head) ? decrypt(key, sealed.slice(head.length), aad) : null;
      if (bytes !== null) return bytes.toString();
      throw new SealError(
        `${column} of ${table} ${row} does not open: it was changed, or moved there from another row.`,
      );
    },
  };
}
