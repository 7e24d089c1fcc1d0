import type { StatementSync } from "node:sqlite";
import { IDEMPOTENCY_TTL_MS } from "../../../domain/limits.ts";
import { DAY_MS } from "../../../domain/time.ts";
import type { IdempotentAnswer } from "../../port.ts";
import type { Query } from "../values.ts";
import type { WriterDatabase } from "./writer-database.ts";

type ClaimRow = [bodyHash: string, createdAt: number, messageId: string | null];

/** What a key that was seen before answers with. */
export interface StoredClaim {
  readonly bodyHash: string;
  /** Null: the key belongs to another kind of request. */
  readonly messageId: string | null;
}

/**
 * Keys are random, so pruning them one by one would touch every page. They live in two tables instead, one for
 * the even days and one for the odd: when a new day begins, the table it will use holds only keys of the day
 * before yesterday, all expired, and is emptied as a whole.
 */
export class Idempotency {
  readonly #tables: readonly { find: Query<ClaimRow>; put: StatementSync; clear: StatementSync }[];
  readonly #saveDay: StatementSync;
  #day = 0;

  constructor(database: WriterDatabase) {
    this.#tables = ["idempotency_0", "idempotency_1"].map((table) => ({
      find: database.query(`SELECT body_hash, created_at, message_id FROM ${table} WHERE scope = ?`),
      // An expired key may still be there: the new claim takes its place.
      put: database.prepare(
        `INSERT OR REPLACE INTO ${table} (scope, body_hash, created_at, message_id, status_code, body)
         VALUES (?, ?, ?, ?, ?, ?)`,
      ),
      clear: database.prepare(`DELETE FROM ${table}`),
    }));
    this.#saveDay = database.prepare("UPDATE idempotency_day SET day = ?");
    const day = database.query<[number]>("SELECT day FROM idempotency_day");
    const load = (): void => void (this.#day = day.get()?.[0] ?? 0);
    load();
    database.afterRollback(load);
  }

  /** The claim of this key that has not expired. Safe: the writer is the only one that adds keys. */
  find(scope: string, now: number): StoredClaim | null {
    for (const { find } of this.#tables) {
      const row = find.get(scope);
      if (row === undefined) continue;
      const [bodyHash, createdAt, messageId] = row;
      if (createdAt > now - IDEMPOTENCY_TTL_MS) return { bodyHash, messageId };
    }
    return null;
  }

  rememberMessage(claim: { scope: string; bodyHash: string; createdAt: number; messageId: string }): void {
    const { scope, bodyHash, createdAt, messageId } = claim;
    this.#tableOf(createdAt)?.put.run(scope, bodyHash, createdAt, messageId, null, null);
  }

  /** Part of the transaction of the write it answers. */
  rememberAnswer(answer: IdempotentAnswer | undefined): void {
    if (answer === undefined) return;
    const { scope, bodyHash, createdAt, statusCode, body } = answer;
    this.#tableOf(createdAt)?.put.run(scope, bodyHash, createdAt, null, statusCode, body);
  }

  #tableOf(createdAt: number): { put: StatementSync } | undefined {
    const day = Math.floor(createdAt / DAY_MS);
    if (day > this.#day) this.#begin(day);
    return this.#tables[day % 2];
  }

  /** A clock that stepped back keeps the newest day, so nothing is emptied early. */
  #begin(day: number): void {
    this.#tables[day % 2]?.clear.run();
    if (day > this.#day + 1) this.#tables[(day + 1) % 2]?.clear.run();
    this.#saveDay.run(day);
    this.#day = day;
  }
}
