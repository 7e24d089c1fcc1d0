import type { StatementSync } from "node:sqlite";
import { NO_DETAIL } from "../../../domain/attempt.ts";
import { deliveryStateCodeOf, statusCodeOf } from "../../codes.ts";
import { ATTEMPT_COLUMNS } from "../rows/attempt.ts";
import type { Query } from "../values.ts";
import type { ListIndex } from "./list-index.ts";
import type { WriterDatabase } from "./writer-database.ts";

/**
 * How long a deleted endpoint is watched after nothing is owed to it: messages that were being accepted when
 * it was deleted may still add to it, and leased deliveries come back when their attempt ends.
 */
const WATCH_MS = 3_600_000;
const ERROR_CLASS = "endpoint_deleted";
const EXPLANATION = "Not sent: the endpoint was deleted.";
const DETAIL = JSON.stringify(NO_DETAIL);

type OrphaningRow = [appId: string, endpointId: string, url: string, deletedAt: number | null];

/** Ends what deleted endpoints were owed. One transaction, so each delivery ends with its record or not at all. */
export class OrphanWriter {
  readonly #database: WriterDatabase;
  readonly #lists: ListIndex;
  readonly #listOrphaning: Query<OrphaningRow>;
  readonly #listOwed: Query<[messageId: string, manual: number]>;
  readonly #anyOwed: Query<[number]>;
  readonly #end: StatementSync;
  readonly #record: StatementSync;
  readonly #stamp: StatementSync;
  readonly #drain: StatementSync;

  constructor(database: WriterDatabase, lists: ListIndex) {
    this.#database = database;
    this.#lists = lists;
    // Few rows: endpoints leave this partial index once they are drained.
    this.#listOrphaning = database.query(
      `SELECT app_id, id, url, deleted_at FROM endpoint INDEXED BY endpoint_orphaning
       WHERE deleted = 1 AND drained = 0 ORDER BY app_id, id`,
    );
    this.#listOwed = database.query(
      `SELECT message_id, manual FROM due WHERE app_id = ? AND endpoint_id = ? AND leased_by IS NULL
       ORDER BY message_id LIMIT ?`,
    );
    this.#anyOwed = database.query("SELECT 1 FROM due WHERE app_id = ? AND endpoint_id = ? LIMIT 1");
    this.#end = database.prepare("DELETE FROM due WHERE app_id = ? AND endpoint_id = ? AND message_id = ?");
    this.#record = database.prepare(
      `INSERT INTO attempt (seq, ${ATTEMPT_COLUMNS})
       VALUES (?, ?, ?, ?, ?, ?, ?, ${statusCodeOf("canceled")}, ?, 0, '${ERROR_CLASS}', 0,
         ${deliveryStateCodeOf("canceled")}, NULL, '${DETAIL}', '${EXPLANATION}')`,
    );
    this.#stamp = database.prepare(
      "UPDATE endpoint SET deleted_at = ? WHERE app_id = ? AND id = ? AND deleted_at IS NULL",
    );
    this.#drain = database.prepare("UPDATE endpoint SET drained = 1 WHERE app_id = ? AND id = ?");
  }

  cancelOrphans({ now, attemptIds }: { now: number; attemptIds: readonly string[] }): number {
    const orphaning = this.#listOrphaning.all();
    if (orphaning.length === 0) return 0;
    return this.#database.transaction(() => {
      let used = 0;
      for (const [appId, endpointId, url, deletedAt] of orphaning) {
        if (used === attemptIds.length) break;
        if (deletedAt === null) this.#stamp.run(now, appId, endpointId);
        for (const [messageId, manual] of this.#listOwed.all(appId, endpointId, attemptIds.length - used)) {
          this.#end.run(appId, endpointId, messageId);
          const id = attemptIds[used++] ?? "";
          const seq = this.#lists.nextSeq();
          this.#record.run(seq, appId, endpointId, messageId, id, url, now, manual);
        }
        const watched = deletedAt === null || now - deletedAt < WATCH_MS;
        if (!watched && this.#anyOwed.get(appId, endpointId) === undefined)
          this.#drain.run(appId, endpointId);
      }
      this.#lists.step();
      this.#database.countDue(-used);
      return used;
    });
  }
}
