import type { StatementSync } from "node:sqlite";
import { IDEMPOTENCY_TTL_MS } from "../../../domain/limits.ts";
import type { IdempotentAnswer } from "../../port.ts";
import type { Query } from "../values.ts";
import { KeyIndex, PART_ROWS } from "./key-index.ts";
import type { WriterDatabase } from "./writer-database.ts";

/** Expired keys removed in one transaction. */
const FORGET_ROWS = 5_000;

type KeyRow = [
  scope: string,
  bodyHash: string,
  createdAt: number,
  messageId: string | null,
  statusCode: number | null,
  body: string | null,
];

/** What a key that was seen before answers with. */
export interface StoredKey {
  readonly bodyHash: string;
  readonly createdAt: number;
  /** Null: the key belongs to another kind of request. */
  readonly messageId: string | null;
  /** Null: the key belongs to a message. */
  readonly statusCode: number | null;
  readonly body: string | null;
}

/**
 * Idempotency keys: rows in the order of their making, found through an index in memory. Safe: the writer is
 * the only one that adds keys, in the transaction of the write that they answer for. A rollback leaves entries
 * in the index that point to no row, or to one of another key: both are passed over.
 */
export class Idempotency {
  readonly #database: WriterDatabase;
  readonly #index = new KeyIndex();
  readonly #read: Query<KeyRow>;
  readonly #insert: StatementSync;
  readonly #savePart: StatementSync;
  readonly #forgetPart: StatementSync;
  readonly #forgetOldest: StatementSync;
  #lastSeq = 0;

  constructor(database: WriterDatabase) {
    this.#database = database;
    this.#read = database.query(
      "SELECT scope, body_hash, created_at, message_id, status_code, body FROM idempotency WHERE seq = ?",
    );
    this.#insert = database.prepare(
      `INSERT INTO idempotency (seq, scope, body_hash, created_at, message_id, status_code, body)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#savePart = database.prepare(
      "INSERT OR REPLACE INTO idempotency_part (first, newest_at, slots) VALUES (?, ?, ?)",
    );
    this.#forgetPart = database.prepare("DELETE FROM idempotency_part WHERE first = ?");
    this.#forgetOldest = database.prepare(
      `DELETE FROM idempotency WHERE created_at <= ?
         AND seq IN (SELECT seq FROM idempotency ORDER BY seq LIMIT ${FORGET_ROWS})`,
    );
    this.#load();
    // What a rolled-back transaction saved is to be saved again.
    database.afterRollback(() => {
      for (const part of this.#index.parts) part.saved = false;
    });
  }

  /** The claim or answer of this key that has not expired, and that `counts`. */
  find(scope: string, now: number, counts: (key: StoredKey) => boolean = () => true): StoredKey | null {
    return this.#index.find(scope, (seq) => {
      const row = this.#read.get(seq);
      if (row === undefined) return null;
      const [rowScope, bodyHash, createdAt, messageId, statusCode, body] = row;
      if (rowScope !== scope || createdAt <= now - IDEMPOTENCY_TTL_MS) return null;
      const key = { bodyHash, createdAt, messageId, statusCode, body };
      return counts(key) ? key : null;
    });
  }

  findAnswer(query: { environmentId: string; scope: string; now: number }): IdempotentAnswer | null {
    // The scope is a hash that includes the environment.
    const { environmentId, scope, now } = query;
    const stored = this.find(scope, now);
    if (stored === null || stored.statusCode === null) return null;
    const { bodyHash, createdAt, statusCode, body } = stored;
    return { environmentId, scope, bodyHash, createdAt, statusCode, body: body ?? "" };
  }

  rememberMessage(claim: { scope: string; bodyHash: string; createdAt: number; messageId: string }): void {
    this.#insert.run(
      this.#add(claim),
      claim.scope,
      claim.bodyHash,
      claim.createdAt,
      claim.messageId,
      null,
      null,
    );
  }

  /** Part of the transaction of the write it answers. */
  rememberAnswer(answer: IdempotentAnswer | undefined): void {
    if (answer === undefined) return;
    const { scope, bodyHash, createdAt, statusCode, body } = answer;
    this.#insert.run(this.#add(answer), scope, bodyHash, createdAt, null, statusCode, body);
  }

  /** Removes expired keys, a batch of the oldest; returns whether there may be more. */
  forgetExpired({ now }: { now: number }): boolean {
    const before = now - IDEMPOTENCY_TTL_MS;
    return this.#database.transaction(() => {
      for (const { first } of this.#index.dropOlder(before)) this.#forgetPart.run(first);
      return Number(this.#forgetOldest.run(before).changes) === FORGET_ROWS;
    });
  }

  #add({ scope, createdAt }: { scope: string; createdAt: number }): number {
    const row = ++this.#lastSeq;
    this.#index.add(scope, { row, at: createdAt });
    if (this.#index.parts.at(-1)?.first === row) this.#saveFullParts();
    return row;
  }

  /** A full part is saved once, so that a start reads only the keys after it. */
  #saveFullParts(): void {
    for (const part of this.#index.parts.slice(0, -1)) {
      if (part.saved) continue;
      this.#savePart.run(part.first, part.newestAt, new Uint8Array(part.slots.buffer));
      part.saved = true;
    }
  }

  #load(): void {
    const parts = this.#database.query<[first: number, newestAt: number, slots: Uint8Array]>(
      "SELECT first, newest_at, slots FROM idempotency_part ORDER BY first",
    );
    let next = 0;
    for (const [first, newestAt, slots] of parts.all()) {
      this.#loadRows(next, first);
      this.#index.load({ first, newestAt, slots: new Uint32Array(slots.slice().buffer), saved: true });
      next = first + PART_ROWS;
      this.#lastSeq = next - 1;
    }
    this.#loadRows(next, Number.MAX_SAFE_INTEGER);
  }

  #loadRows(from: number, until: number): void {
    const page = this.#database.query<[seq: number, scope: string, createdAt: number]>(
      "SELECT seq, scope, created_at FROM idempotency WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT 10000",
    );
    for (let rows = page.all(from, until); rows.length > 0; rows = page.all(this.#lastSeq + 1, until)) {
      for (const [seq, scope, createdAt] of rows) {
        this.#index.add(scope, { row: seq, at: createdAt });
        this.#lastSeq = seq;
      }
    }
  }
}
