import type { StatementSync } from "node:sqlite";
import { NO_DETAIL } from "../../../domain/attempt.ts";
import { deliveryStateCodeOf, statusCodeOf } from "../../codes.ts";
import { CANCELED, type CancelOwed } from "../../port-cancellation.ts";
import { ATTEMPT_COLUMNS } from "../rows/attempt.ts";
import type { Query } from "../values.ts";
import type { ListIndex } from "./list-index.ts";
import type { WriterDatabase } from "./writer-database.ts";

const DETAIL = JSON.stringify(NO_DETAIL);

/** Ends deliveries, leased or not. One transaction, so each ends with its record or not at all. */
export class CancellationWriter {
  readonly #database: WriterDatabase;
  readonly #lists: ListIndex;
  readonly #listOwed: Query<[messageId: string, manual: number]>;
  readonly #end: StatementSync;
  readonly #record: StatementSync;

  constructor(database: WriterDatabase, lists: ListIndex) {
    this.#database = database;
    this.#lists = lists;
    this.#listOwed = database.query(
      `SELECT message_id, manual FROM due
       WHERE app_id = ? AND endpoint_id = ? AND message_id >= ? AND message_id <= ? ORDER BY message_id LIMIT ?`,
    );
    this.#end = database.prepare("DELETE FROM due WHERE app_id = ? AND endpoint_id = ? AND message_id = ?");
    this.#record = database.prepare(
      `INSERT INTO attempt (seq, ${ATTEMPT_COLUMNS})
       VALUES (?, ?, ?, ?, ?, ?, ?, ${statusCodeOf("canceled")}, ?, 0, '${CANCELED.errorClass}', 0,
         ${deliveryStateCodeOf("canceled")}, NULL, '${DETAIL}', '${CANCELED.sentence}')`,
    );
  }

  cancelOwed({ appId, endpointId, url, from, through, now, attemptIds }: CancelOwed): number {
    return this.#database.transaction(() => {
      const owed = this.#listOwed.all(appId, endpointId, from, through, attemptIds.length);
      for (const [at, [messageId, manual]] of owed.entries()) {
        this.#end.run(appId, endpointId, messageId);
        const id = attemptIds[at] ?? "";
        this.#record.run(this.#lists.nextSeq(), appId, endpointId, messageId, id, url, now, manual);
      }
      this.#lists.step();
      this.#database.countDue(-owed.length);
      return owed.length;
    });
  }
}
