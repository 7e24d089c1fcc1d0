import type { StatementSync } from "node:sqlite";
import type { IdempotentAnswer } from "../../port-writes.ts";
import type { TaskKey, TaskStep } from "../../port-task.ts";
import { DUE_AT_ONCE } from "../rows/due.ts";
import { type ClaimedTaskRow, TASK_COLUMNS, type TaskRow } from "../rows/task.ts";
import type { Query, SqlValue } from "../values.ts";
import type { AcceptWriter } from "./accept.ts";
import type { Idempotency } from "./idempotency.ts";
import { changed, type WriterDatabase } from "./writer-database.ts";

/** With its messages encoded. */
export type Told<Request> = Omit<Request, "tells"> & { readonly tells: readonly SqlValue[][] };

/** Sorts before every task. */
const FIRST: TaskKey = { environmentId: "", id: "" };

/**
 * Writes background tasks, one transaction each. One process uses the store, so every other holder is gone; the version
 * keeps out what an earlier claim of this process may still be about to write.
 */
export class TaskWriter {
  readonly #database: WriterDatabase;
  readonly #idempotency: Idempotency;
  readonly #accepts: AcceptWriter;
  readonly #insert: StatementSync;
  readonly #findNext: Query<ClaimedTaskRow>;
  readonly #hold: StatementSync;
  readonly #step: StatementSync;
  readonly #cancel: StatementSync;
  readonly #owe: StatementSync;

  constructor(
    database: WriterDatabase,
    { idempotency, accepts }: { idempotency: Idempotency; accepts: AcceptWriter },
  ) {
    this.#database = database;
    this.#idempotency = idempotency;
    this.#accepts = accepts;
    this.#insert = database.prepare(
      `INSERT INTO background_task (${TASK_COLUMNS}, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#findNext = database.query(
      `SELECT ${TASK_COLUMNS}, version + 1, payload FROM background_task INDEXED BY background_task_running
       WHERE status = 'running' AND (environment_id, id) > (?, ?) ORDER BY environment_id, id LIMIT 1`,
    );
    this.#hold = database.prepare(
      "UPDATE background_task SET held_by = ?, version = version + 1 WHERE environment_id = ? AND id = ?",
    );
    this.#step = database.prepare(
      `UPDATE background_task SET status = ?1, progress = ?, updated_at = ?,
         payload = iif(?1 = 'running', payload, NULL)
       WHERE environment_id = ? AND id = ? AND version = ? AND status = 'running'`,
    );
    this.#cancel = database.prepare(
      `UPDATE background_task SET status = 'canceled', updated_at = ?, payload = NULL
       WHERE environment_id = ? AND id = ? AND status = 'running'`,
    );
    this.#owe = database.prepare(
      `INSERT INTO due (app_id, endpoint_id, message_id, attempts, next_attempt_at, leased_by, manual, once)
       SELECT app_id, ?1, id, 0, ${DUE_AT_ONCE}, NULL, 1, 0 FROM message
       WHERE app_id = ?2 AND id = ?3 AND payload IS NOT NULL
       ON CONFLICT DO NOTHING`,
    );
  }

  insertTask(task: { row: TaskRow; payload: string | null; answer: IdempotentAnswer | undefined }): void {
    const { row, payload, answer } = task;
    this.#database.transaction(() => {
      this.#insert.run(...row, payload);
      this.#idempotency.rememberAnswer(answer);
    });
  }

  /** Looks before it begins a transaction: mostly there is nothing to do. */
  claimTask({ leaseId, after }: { leaseId: string; after: TaskKey | null }): ClaimedTaskRow | null {
    const { environmentId, id } = after ?? FIRST;
    const next = this.#findNext.get(environmentId, id) ?? this.#findNext.get(FIRST.environmentId, FIRST.id);
    if (next === undefined) return null;
    this.#database.transaction(() => this.#hold.run(leaseId, next[0], next[1]));
    return next;
  }

  stepTask({ environmentId, id, version, status, progress, now, owe, tells }: Told<TaskStep>): boolean {
    return this.#database.transaction(() => {
      const stepped = this.#step.run(status, JSON.stringify(progress), now, environmentId, id, version);
      if (!changed(stepped)) return false;
      this.#accepts.tell(tells);
      for (const messageId of owe?.messageIds ?? []) {
        const owed = this.#owe.run(owe?.endpointId ?? "", owe?.appId ?? "", messageId);
        this.#database.countDue(Number(owed.changes));
      }
      return true;
    });
  }

  cancelTask({ environmentId, id, now, tells }: Told<TaskKey & { now: number }>): boolean {
    return this.#database.transaction(() => {
      if (!changed(this.#cancel.run(now, environmentId, id))) return false;
      this.#accepts.tell(tells);
      return true;
    });
  }
}
