import type { StatementSync } from "node:sqlite";
import { CHANGE, NEXT, SETTLED, type ValueReader } from "../batch.ts";
import { DUE_AT_ONCE } from "../rows/due.ts";
import type { Query, SqlValue } from "../values.ts";
import type { ListIndex } from "./list-index.ts";
import { changed, type WriterDatabase } from "./writer-database.ts";

interface LeasedDelivery {
  readonly appId: string;
  readonly endpointId: string;
  readonly messageId: string;
  readonly attempts: number;
  readonly leaseId: string;
}

/** What the attempt changes of its endpoint. */
interface Change {
  readonly code: number;
  readonly at: number | null;
  readonly reason: string | null;
}

/** Delivery bodies of one batch, one after the other. */
export interface BodyBytes {
  readonly bytes: Uint8Array;
  at: number;
}

/** Records attempts and moves their deliveries on. Part of the commit's transaction. */
export class SettleWriter {
  readonly #database: WriterDatabase;
  readonly #lists: ListIndex;
  readonly #endDue: StatementSync;
  readonly #retryDue: StatementSync;
  readonly #isEnabled: Query<[number]>;
  readonly #insertAttempt: StatementSync;
  readonly #setFailing: StatementSync;
  readonly #setWorking: StatementSync;
  readonly #disable: StatementSync;
  readonly #hasFailedSince: Query<[number]>;

  constructor(database: WriterDatabase, lists: ListIndex) {
    this.#database = database;
    this.#lists = lists;
    // Fencing: a lease that was taken away, or a delivery that moved on meanwhile, matches no row.
    const held = "app_id = ? AND endpoint_id = ? AND message_id = ? AND leased_by = ? AND attempts = ?";
    this.#endDue = database.prepare(`DELETE FROM due WHERE ${held}`);
    // The attempt after a counted one is an automatic retry, whoever asked for that one.
    this.#retryDue = database.prepare(
      `UPDATE due SET leased_by = NULL, next_attempt_at = ?, manual = iif(attempts = ?, manual, 0), attempts = ?
       WHERE ${held}`,
    );
    this.#isEnabled = database.query(
      "SELECT 1 FROM endpoint WHERE app_id = ? AND id = ? AND deleted = 0 AND disabled = 0",
    );
    this.#insertAttempt = database.prepare(
      `INSERT INTO attempt (seq, app_id, endpoint_id, message_id, id, url, timestamp, status, manual, status_code,
         error_class, duration_ms, delivery_state, next_attempt_at, detail, response_body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    // The run of failures began with the first of them, whichever process tells first.
    this.#setFailing = database.prepare(
      `UPDATE endpoint SET failing_since = ?
       WHERE app_id = ? AND id = ? AND deleted = 0 AND failing_since IS NULL`,
    );
    this.#setWorking = database.prepare(
      `UPDATE endpoint SET failing_since = NULL
       WHERE app_id = ? AND id = ? AND deleted = 0 AND failing_since IS NOT NULL`,
    );
    this.#disable = database.prepare(
      `UPDATE endpoint SET disabled = 1, disabled_reason = ?, disabled_at = ?, updated_at = ?
       WHERE app_id = ? AND id = ? AND deleted = 0 AND disabled = 0`,
    );
    this.#hasFailedSince = database.query(
      "SELECT 1 FROM endpoint WHERE app_id = ? AND id = ? AND deleted = 0 AND failing_since <= ?",
    );
  }

  /** Reads one settled delivery and writes it; returns what became of it, a code of SETTLED. */
  settle(values: ValueReader, bodies: BodyBytes): number {
    const delivery: LeasedDelivery = {
      appId: values.text(),
      endpointId: values.text(),
      messageId: values.text(),
      attempts: values.int(),
      leaseId: values.text(),
    };
    const next = values.int();
    const at = values.intOrNull();
    const attempts = values.intOrNull() ?? delivery.attempts;
    const change = this.#readChange(delivery, values);
    const held = this.#moveOn(delivery, { next, at, attempts, disables: change.code === CHANGE.disable });
    const disabled = held && change.code !== CHANGE.none && this.#changeEndpoint(delivery, change);
    this.#recordAttempt(delivery, values, bodies);
    if (disabled) return SETTLED.disabled;
    return held ? SETTLED.held : SETTLED.lost;
  }

  #moveOn(
    { appId, endpointId, messageId, leaseId, attempts }: LeasedDelivery,
    to: { next: number; at: number | null; attempts: number; disables: boolean },
  ): boolean {
    if (to.next === NEXT.ended) {
      const ended = changed(this.#endDue.run(appId, endpointId, messageId, leaseId, attempts));
      if (ended) this.#database.countDue(-1);
      return ended;
    }
    let at = to.at;
    if (to.next === NEXT.paused) {
      // Enabled meanwhile: whoever resumed its deliveries did not see this one, so it must not stay paused.
      const enabled = !to.disables && this.#isEnabled.get(appId, endpointId) !== undefined;
      at = enabled ? DUE_AT_ONCE : null;
    }
    return changed(
      this.#retryDue.run(at, to.attempts, to.attempts, appId, endpointId, messageId, leaseId, attempts),
    );
  }

  #readChange({ appId, endpointId }: LeasedDelivery, values: ValueReader): Change {
    const code = values.int();
    const at = values.intOrNull();
    if (code !== CHANGE.disable_failing) return { code, at, reason: values.textOrNull() };
    const applies = this.#hasFailedSince.get(appId, endpointId, values.int()) !== undefined;
    return { code: applies ? CHANGE.disable : CHANGE.none, at, reason: "failing" };
  }

  /** Returns whether it was disabled by this. */
  #changeEndpoint({ appId, endpointId }: LeasedDelivery, { code, at, reason }: Change): boolean {
    if (code === CHANGE.disable) return changed(this.#disable.run(reason, at, at, appId, endpointId));
    if (at === null) this.#setWorking.run(appId, endpointId);
    else this.#setFailing.run(at, appId, endpointId);
    return false;
  }

  /** Also when the lease was lost: the POST has been made, so it belongs to the history. */
  #recordAttempt(delivery: LeasedDelivery, values: ValueReader, bodies: BodyBytes): void {
    const id = values.textOrNull();
    if (id === null) return;
    const { appId, endpointId } = delivery;
    this.#insertAttempt.run(
      this.#lists.nextSeq(),
      appId,
      endpointId,
      delivery.messageId,
      id,
      values.value(),
      values.value(),
      values.value(),
      values.value(),
      values.value(),
      values.value(),
      values.value(),
      values.value(),
      values.value(),
      values.value(),
      readBody(values.value(), bodies),
    );
  }
}

function readBody(value: SqlValue, bodies: BodyBytes): SqlValue {
  if (typeof value !== "number") return value;
  const start = bodies.at;
  bodies.at += value;
  return bodies.bytes.subarray(start, bodies.at);
}
