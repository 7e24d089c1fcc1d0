/**
 * Where a key's row is, for keys that are random: an open hash table in memory, four bytes a slot. A part of it
 * holds a fixed range of rows and is never enlarged, so adding costs the same at any size; a full part can be
 * saved as it is, and the oldest is dropped as a whole.
 *
 * A slot holds 14 bits of the key's hash and the row's place in its part; the other 18 bits of the hash say
 * where to look. It gives candidates, a few in a thousand of them wrong: the row itself decides.
 */
const SLOTS = 2 ** 18;
const PLACE_BITS = 18;
const PLACE_MASK = 2 ** PLACE_BITS - 1;
/** Rows of a part: three quarters of the slots, so that a search ends after a few. */
export const PART_ROWS = (SLOTS / 4) * 3;

export interface KeyPart {
  /** The first row that belongs to this part. */
  readonly first: number;
  readonly slots: Uint32Array<ArrayBuffer>;
  /** The time of its newest key. */
  newestAt: number;
  saved: boolean;
}

export class KeyIndex {
  /** Newest last. */
  #parts: KeyPart[] = [];

  get parts(): readonly KeyPart[] {
    return this.#parts;
  }

  /** Calls `read` for each row that may have the key, newest part first, until it returns something. */
  find<Found>(key: string, read: (row: number) => Found | null): Found | null {
    const hash = hashOf(key);
    const mark = hash >>> PLACE_BITS;
    for (let at = this.#parts.length - 1; at >= 0; at--) {
      const part = this.#parts[at];
      if (part === undefined) continue;
      let slot = hash & PLACE_MASK;
      for (let entry = part.slots[slot]; entry !== undefined && entry !== 0; entry = part.slots[slot]) {
        if (entry >>> PLACE_BITS === mark) {
          const found = read(part.first + (entry & PLACE_MASK) - 1);
          if (found !== null) return found;
        }
        slot = (slot + 1) & (SLOTS - 1);
      }
    }
    return null;
  }

  /** Rows are added in ascending order. */
  add(key: string, { row, at }: { row: number; at: number }): void {
    const part = this.#partOf(row);
    const hash = hashOf(key);
    let slot = hash & PLACE_MASK;
    while (part.slots[slot] !== 0) slot = (slot + 1) & (SLOTS - 1);
    part.slots[slot] = (((hash >>> PLACE_BITS) << PLACE_BITS) | (row - part.first + 1)) >>> 0;
    part.newestAt = Math.max(part.newestAt, at);
  }

  /** Adds a part that was saved. */
  load(part: KeyPart): void {
    this.#parts.push(part);
  }

  /** Drops the parts whose newest key is that old, but never the last, and returns them. */
  dropOlder(at: number): KeyPart[] {
    const dropped = this.#parts.slice(0, -1).filter(({ newestAt }) => newestAt <= at);
    this.#parts = this.#parts.filter((part) => !dropped.includes(part));
    return dropped;
  }

  #partOf(row: number): KeyPart {
    const last = this.#parts.at(-1);
    if (last !== undefined && row < last.first + PART_ROWS) return last;
    const part = { first: row, slots: new Uint32Array(SLOTS), newestAt: 0, saved: false };
    this.#parts.push(part);
    return part;
  }
}

/** FNV-1a with a final mix, 32 bits: keys are usually hashes themselves, but need not be. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) >>> 0;
}
