import type { DatabaseSync } from "node:sqlite";
import type { Health } from "../../../domain/health.ts";
import { PAGE_BYTES, pragma } from "../connection.ts";
import type { WorkerFiles } from "../files.ts";
import { Reserve } from "../reserve.ts";

/**
 * Whether there is room for new messages. When the disk (or the size the operator allows) is full, the reserve
 * is given up: then what must still be written has room, and new messages are refused until it is back.
 */
export class Space {
  readonly #db: DatabaseSync;
  readonly #reserve: Reserve;
  readonly #reserveBytes: number;
  readonly #bytesMax: number | null;
  #full = false;

  constructor(db: DatabaseSync, files: WorkerFiles) {
    this.#db = db;
    this.#reserve = new Reserve({ path: files.reserve, bytes: files.reserveBytes });
    this.#reserveBytes = files.reserveBytes;
    this.#bytesMax = files.databaseBytesMax;
    this.#full = !this.#take();
    this.#limitPages();
  }

  get isFull(): boolean {
    return this.#full;
  }

  giveUpReserve(): void {
    this.#reserve.free();
    this.#full = true;
    this.#limitPages();
  }

  /** Looks whether there is room again. */
  health(): Health {
    if (this.#full && this.#take()) {
      this.#full = false;
      this.#limitPages();
    }
    if (!this.#full) return { ok: true };
    return { ok: false, reason: "The disk is full: new messages are refused until there is space again." };
  }

  #take(): boolean {
    if (this.#bytesMax !== null) {
      const pages = Number(pragma(this.#db, "page_count")) - Number(pragma(this.#db, "freelist_count"));
      if (pages * PAGE_BYTES + 2 * this.#reserveBytes > this.#bytesMax) return false;
    }
    return this.#reserve.take();
  }

  /** SQLite itself keeps the size: beyond it a write fails as it does on a full disk. */
  #limitPages(): void {
    if (this.#bytesMax === null) return;
    const bytes = this.#full ? this.#bytesMax : this.#bytesMax - this.#reserveBytes;
    this.#db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(bytes / PAGE_BYTES))}`);
  }
}
