import type { StatementSync } from "node:sqlite";
import type { DeliveryKey } from "../../../domain/delivery.ts";
import type { IdempotentAnswer, LaneKey } from "../../port.ts";
import type { Query } from "../values.ts";
import type { Idempotency } from "./idempotency.ts";
import type { WriterDatabase } from "./writer-database.ts";

export interface ReleaseRequest {
  readonly heldBy?: string;
  readonly notHeldBy?: string;
  readonly now: number;
  readonly after: DeliveryKey | null;
  readonly limit: number;
}

type KeyRow = [appId: string, endpointId: string, messageId: string];

/** Sorts before every id: the start of the table. */
const FIRST = "";
/** Sorts after every id (ids are ASCII). */
const LAST = "\u{10ffff}";

/** Changes who sends deliveries and when, outside the commit. Each operation is one transaction. */
export class LeaseWriter {
  readonly #database: WriterDatabase;
  readonly #idempotency: Idempotency;
  readonly #pageEnd: Query<KeyRow>;
  readonly #releaseHeld: StatementSync;
  readonly #releaseOthers: StatementSync;
  readonly #find: Query<[leasedBy: string | null]>;
  readonly #hurry: StatementSync;
  readonly #oweOnce: StatementSync;
  readonly #resume: StatementSync;

  constructor(database: WriterDatabase, idempotency: Idempotency) {
    this.#database = database;
    this.#idempotency = idempotency;
    this.#pageEnd = database.query(
      `SELECT app_id, endpoint_id, message_id FROM due WHERE (app_id, endpoint_id, message_id) > (?, ?, ?)
       ORDER BY app_id, endpoint_id, message_id LIMIT 1 OFFSET ?`,
    );
    const release = `UPDATE due SET leased_by = NULL, next_attempt_at = ?
      WHERE (app_id, endpoint_id, message_id) > (?, ?, ?) AND (app_id, endpoint_id, message_id) <= (?, ?, ?)`;
    this.#releaseHeld = database.prepare(`${release} AND leased_by = ?`);
    this.#releaseOthers = database.prepare(`${release} AND leased_by IS NOT NULL AND leased_by <> ?`);
    this.#find = database.query(
      "SELECT leased_by FROM due WHERE app_id = ? AND endpoint_id = ? AND message_id = ?",
    );
    this.#hurry = database.prepare(
      `UPDATE due SET next_attempt_at = ?, manual = 1
       WHERE app_id = ? AND endpoint_id = ? AND message_id = ? AND leased_by IS NULL`,
    );
    this.#oweOnce = database.prepare(
      `INSERT INTO due (app_id, endpoint_id, message_id, attempts, next_attempt_at, leased_by, manual, once)
       VALUES (?, ?, ?, 0, ?, NULL, 1, 1)`,
    );
    // Only of an enabled endpoint: one that was disabled again meanwhile keeps what it is owed paused.
    this.#resume = database.prepare(
      `UPDATE due SET next_attempt_at = ? WHERE (app_id, endpoint_id, message_id) IN (
         SELECT app_id, endpoint_id, message_id FROM due INDEXED BY due_paused
         WHERE app_id = ? AND endpoint_id = ? AND leased_by IS NULL AND next_attempt_at IS NULL
         ORDER BY message_id LIMIT ?)
       AND EXISTS (SELECT 1 FROM endpoint e WHERE e.app_id = due.app_id AND e.id = due.endpoint_id
         AND e.deleted = 0 AND e.disabled = 0)`,
    );
  }

  /** A page is `limit` rows of the table, held or not: no page reads more than that. */
  releaseLeases(request: ReleaseRequest): { released: number; cursor: DeliveryKey | null } {
    const { now, after, limit } = request;
    const from: KeyRow =
      after === null ? [FIRST, FIRST, FIRST] : [after.appId, after.endpointId, after.messageId];
    return this.#database.transaction(() => {
      const end = this.#pageEnd.get(...from, limit - 1);
      const range = [now, ...from, ...(end ?? [LAST, LAST, LAST])] as const;
      let released = 0;
      if (request.heldBy !== undefined) {
        released = Number(this.#releaseHeld.run(...range, request.heldBy).changes);
      } else if (request.notHeldBy !== undefined) {
        released = Number(this.#releaseOthers.run(...range, request.notHeldBy).changes);
      }
      if (end === undefined) return { released, cursor: null };
      const [appId, endpointId, messageId] = end;
      return { released, cursor: { appId, endpointId, messageId } };
    });
  }

  resend(
    request: DeliveryKey & { now: number; answer: IdempotentAnswer | undefined },
  ): "created" | "hurried" | "sending" {
    const { appId, endpointId, messageId, now } = request;
    return this.#database.transaction(() => {
      this.#idempotency.rememberAnswer(request.answer);
      const due = this.#find.get(appId, endpointId, messageId);
      if (due === undefined) {
        this.#oweOnce.run(appId, endpointId, messageId, now);
        this.#database.countDue(1);
        return "created";
      }
      if (due[0] !== null) return "sending";
      this.#hurry.run(now, appId, endpointId, messageId);
      return "hurried";
    });
  }

  resumePaused({ appId, endpointId, now, limit }: LaneKey & { now: number; limit: number }): number {
    return this.#database.transaction(() => Number(this.#resume.run(now, appId, endpointId, limit).changes));
  }
}
