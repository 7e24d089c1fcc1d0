import type { StatementSync } from "node:sqlite";
import { lanesOwedBefore, OWED } from "../owed.ts";
import type { Prunable } from "../reader/prunable.ts";
import type { Query } from "../values.ts";
import type { ListIndex } from "./list-index.ts";
import { changed, type WriterDatabase } from "./writer-database.ts";

/** Sorts after every id: any delivery of the application counts. */
const AFTER_ALL = "~";

/**
 * Removes what the reader has found old. Each check is made again inside the transaction: since the reader
 * looked, somebody may have asked for a message to be sent once more.
 */
export class PruneWriter {
  readonly #database: WriterDatabase;
  readonly #lists: ListIndex;
  readonly #owedLanes: (appId: string, messageId: string) => string[];
  readonly #isOwed: Query<[number]>;
  readonly #endDue: StatementSync;
  readonly #listAttempts: Query<[seq: number, endpointId: string, id: string]>;
  readonly #deleteAttempt: StatementSync;
  readonly #unlistAttempt: StatementSync;
  readonly #deleteMessage: StatementSync;
  readonly #unlistMessage: StatementSync;
  readonly #clearPayload: StatementSync;
  readonly #deleteEndpoint: StatementSync;
  readonly #deleteApplication: StatementSync;
  readonly #stampApplication: StatementSync;

  constructor(database: WriterDatabase, lists: ListIndex) {
    this.#database = database;
    this.#lists = lists;
    this.#owedLanes = lanesOwedBefore(database.db);
    this.#isOwed = database.query(`SELECT 1 WHERE ${OWED("?2")}`);
    this.#endDue = database.prepare(
      `DELETE FROM due WHERE app_id = ?1 AND message_id = ?2
         AND endpoint_id IN (SELECT value FROM json_each(?3))`,
    );
    this.#listAttempts = database.query(
      "SELECT seq, endpoint_id, id FROM attempt WHERE app_id = ? AND message_id = ?",
    );
    this.#deleteAttempt = database.prepare("DELETE FROM attempt WHERE app_id = ? AND seq = ?");
    this.#unlistAttempt = database.prepare(
      "DELETE FROM attempt_list WHERE app_id = ? AND endpoint_id = ? AND id = ?",
    );
    this.#deleteMessage = database.prepare("DELETE FROM message WHERE app_id = ? AND id = ?");
    this.#unlistMessage = database.prepare("DELETE FROM message_list WHERE app_id = ? AND id = ?");
    this.#clearPayload = database.prepare(
      `UPDATE message SET payload = NULL
       WHERE app_id = ? AND id = ? AND payload IS NOT NULL AND payload_expires_at <= ?`,
    );
    this.#deleteEndpoint = database.prepare(
      `DELETE FROM endpoint WHERE app_id = ?1 AND id = ?2 AND deleted = 1 AND drained = 1
         AND NOT EXISTS (SELECT 1 FROM due WHERE app_id = ?1 AND endpoint_id = ?2)`,
    );
    this.#deleteApplication = database.prepare(
      `DELETE FROM application WHERE id = ?1 AND deleted = 1
         AND NOT EXISTS (SELECT 1 FROM message_list WHERE app_id = ?1)
         AND NOT EXISTS (SELECT 1 FROM endpoint WHERE app_id = ?1)`,
    );
    this.#stampApplication = database.prepare(
      "UPDATE application SET deleted_at = ? WHERE id = ? AND deleted = 1 AND deleted_at IS NULL",
    );
  }

  /** Before anything is removed, so that no list gets a row that is gone. */
  fillLists(): void {
    if (this.#lists.isBehind) this.#database.transaction(() => this.#lists.fill());
  }

  /** Returns how many messages, payloads, endpoints and applications went. */
  prune({ found, now }: { found: Omit<Prunable, "after">; now: number }): number {
    return this.#database.transaction(() => {
      let gone = 0;
      for (const appId of found.firstMet) this.#stampApplication.run(now, appId);
      gone += this.#pruneMessages(found.messages);
      for (const [appId, id] of found.payloads)
        gone += Number(this.#clearPayload.run(appId, id, now).changes);
      for (const [appId, id] of found.endpoints) gone += Number(this.#deleteEndpoint.run(appId, id).changes);
      for (const appId of found.applications) gone += Number(this.#deleteApplication.run(appId).changes);
      return gone;
    });
  }

  #pruneMessages(messages: Prunable["messages"]): number {
    let gone = 0;
    const lanesOf = new Map<string, string>();
    for (const [appId, id] of messages) {
      let lanes = lanesOf.get(appId);
      if (lanes === undefined) {
        lanes = JSON.stringify(this.#owedLanes(appId, AFTER_ALL));
        lanesOf.set(appId, lanes);
      }
      if (this.#isOwed.get(appId, id, lanes) !== undefined) continue;
      this.#database.countDue(-Number(this.#endDue.run(appId, id, lanes).changes));
      this.#deleteAttempts(appId, id);
      this.#unlistMessage.run(appId, id);
      if (changed(this.#deleteMessage.run(appId, id))) gone += 1;
    }
    return gone;
  }

  #deleteAttempts(appId: string, messageId: string): void {
    for (const [seq, endpointId, id] of this.#listAttempts.all(appId, messageId)) {
      this.#unlistAttempt.run(appId, endpointId, id);
      this.#deleteAttempt.run(appId, seq);
    }
  }
}
