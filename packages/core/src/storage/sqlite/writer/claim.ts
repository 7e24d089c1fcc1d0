import type { StatementSync } from "node:sqlite";
import { FIFO_WINDOW } from "../../../domain/limits.ts";
import type { ClaimRequest } from "../../port.ts";
import { type ClaimedRow, DUE_COLUMNS, type DueRow } from "../rows/due.ts";
import type { Query } from "../values.ts";
import type { WriterDatabase } from "./writer-database.ts";

type Lane = ClaimRequest["lanes"][number];

/**
 * Leases due deliveries. Those being sent are always the oldest of a FIFO endpoint but for resends of older
 * messages, which get in front of them: the window is far wider than that. Safe: only the writer changes leases, and
 * each claim is one transaction.
 */
export class ClaimWriter {
  readonly #database: WriterDatabase;
  readonly #findWaiting: Query<DueRow>;
  readonly #findOldest: Query<DueRow>;
  readonly #findHeld: Query<[number]>;
  readonly #findMessage: Query<[eventType: string, payload: string | null]>;
  readonly #lease: StatementSync;

  constructor(database: WriterDatabase) {
    this.#database = database;
    this.#findWaiting = database.query(
      `SELECT ${DUE_COLUMNS} FROM due INDEXED BY due_waiting
       WHERE app_id = ? AND endpoint_id = ? AND leased_by IS NULL
         AND next_attempt_at IS NOT NULL AND next_attempt_at <= ?
       ORDER BY next_attempt_at, message_id LIMIT ?`,
    );
    this.#findOldest = database.query(
      `SELECT ${DUE_COLUMNS} FROM due WHERE app_id = ? AND endpoint_id = ? ORDER BY message_id LIMIT ?`,
    );
    this.#findHeld = database.query(
      `SELECT 1 FROM (SELECT leased_by FROM due WHERE app_id = ? AND endpoint_id = ? ORDER BY message_id LIMIT ?)
       WHERE leased_by IS NOT NULL LIMIT 1`,
    );
    this.#findMessage = database.query("SELECT event_type, payload FROM message WHERE app_id = ? AND id = ?");
    this.#lease = database.prepare(
      "UPDATE due SET leased_by = ? WHERE app_id = ? AND endpoint_id = ? AND message_id = ?",
    );
  }

  claimDue(request: ClaimRequest): ClaimedRow[] {
    return this.#database.transaction(() => {
      const claimed: ClaimedRow[] = [];
      let bytes = 0;
      for (const lane of request.lanes) {
        const limit = Math.min(lane.limit, request.limit - claimed.length);
        if (limit <= 0) continue;
        for (const due of this.#dueOf(lane, { now: request.now, limit })) {
          const row = this.#withMessage(due);
          bytes += Buffer.byteLength(row[9] ?? "");
          if (bytes > request.bytesMax && claimed.length > 0) return claimed;
          this.#lease.run(request.leaseId, due[0], due[1], due[2]);
          claimed.push(row);
        }
      }
      return claimed;
    });
  }

  #dueOf(lane: Lane, { now, limit }: { now: number; limit: number }): DueRow[] {
    const { appId, endpointId } = lane;
    if (!lane.fifo) return this.#findWaiting.all(appId, endpointId, now, limit);
    if (this.#findHeld.get(appId, endpointId, FIFO_WINDOW) !== undefined) return [];
    const oldest = this.#findOldest.all(appId, endpointId, limit);
    // The first that is not due yet (or paused) holds back everything behind it.
    const waiting = oldest.findIndex(([, , , , , , at]) => at === null || at > now);
    return waiting === -1 ? oldest : oldest.slice(0, waiting);
  }

  /** A message that is gone is handed out without a payload, and so ends as canceled. */
  #withMessage(due: DueRow): ClaimedRow {
    const [eventType, payload] = this.#findMessage.get(due[0], due[2]) ?? ["", null];
    return [...due, eventType, payload];
  }
}
