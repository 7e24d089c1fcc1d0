import { closeSync, openSync, rmSync, statfsSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";

const CHUNK_BYTES = 1_048_576;

/** Disk space kept aside as a file, to be given up when the disk is full. */
export class Reserve {
  readonly #path: string;
  readonly #bytes: number;

  constructor({ path, bytes }: { path: string; bytes: number }) {
    this.#path = path;
    this.#bytes = bytes;
  }

  free(): void {
    rmSync(this.#path, { force: true });
  }

  /** Makes sure the file is there, if the disk has room for it and as much besides; returns whether it is. */
  take(): boolean {
    if (statSync(this.#path, { throwIfNoEntry: false })?.size === this.#bytes) return true;
    const { bavail, bsize } = statfsSync(dirname(this.#path));
    if (bavail * bsize < 2 * this.#bytes) return false;
    try {
      this.#write();
      return true;
    } catch {
      // Somebody else was quicker to fill the disk: not a failure of the store, the reserve just stays away.
      this.free();
      return false;
    }
  }

  /** Real, incompressible bytes: a file with holes would reserve nothing. */
  #write(): void {
    const chunk = noise(Math.min(CHUNK_BYTES, this.#bytes));
    const file = openSync(this.#path, "w", 0o600);
    try {
      for (let left = this.#bytes; left > 0;) {
        left -= writeSync(file, chunk, 0, Math.min(left, chunk.length));
      }
    } finally {
      closeSync(file);
    }
  }
}

/** A fixed sequence (xorshift32): the store draws no random numbers. */
function noise(length: number): Uint8Array {
  let state = 0x9e3779b9;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 0xff;
  });
}
