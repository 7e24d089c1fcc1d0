import type { StatementSync } from "node:sqlite";
import { ACCEPT, ValueReader } from "../batch.ts";
import { DUE_AT_ONCE } from "../rows/due.ts";
import { MESSAGE_COLUMNS, type MessageRow } from "../rows/message.ts";
import type { Query, SqlValue } from "../values.ts";
import type { Idempotency } from "./idempotency.ts";
import type { ListIndex } from "./list-index.ts";
import type { WriterDatabase } from "./writer-database.ts";

interface Claim {
  readonly scope: string;
  readonly bodyHash: string;
  readonly createdAt: number;
}

/** Stores accepted messages with their deliveries. Part of the commit's transaction. */
export class AcceptWriter {
  readonly #database: WriterDatabase;
  readonly #idempotency: Idempotency;
  readonly #lists: ListIndex;
  readonly #findMessage: Query<MessageRow>;
  readonly #findEvent: Query<[number]>;
  readonly #insertMessage: StatementSync;
  readonly #insertDue: StatementSync;
  readonly #insertPolled: StatementSync;
  readonly #schedule: StatementSync;

  constructor(
    database: WriterDatabase,
    { idempotency, lists }: { idempotency: Idempotency; lists: ListIndex },
  ) {
    this.#database = database;
    this.#idempotency = idempotency;
    this.#lists = lists;
    this.#findMessage = database.query(`SELECT ${MESSAGE_COLUMNS} FROM message WHERE app_id = ? AND id = ?`);
    this.#findEvent = database.query("SELECT 1 FROM message WHERE app_id = ? AND event_id = ?");
    this.#insertMessage = database.prepare(
      `INSERT INTO message (seq, app_id, id, event_type, event_id, channels, tags, payload_expires_at, created_at, payload)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#insertDue = database.prepare(
      `INSERT INTO due (app_id, endpoint_id, message_id, attempts, next_attempt_at, leased_by, manual, once)
       VALUES (?, ?, ?, 0, ?, ?, 0, 0)`,
    );
    this.#insertPolled = database.prepare("INSERT INTO polling_entry (app_id, message_id) VALUES (?, ?)");
    this.#schedule = database.prepare("UPDATE message SET deliver_at = ? WHERE app_id = ? AND id = ?");
  }

  /**
   * Reads one message and stores it; returns a code of ACCEPT. The checks are SELECTs before the INSERT, not
   * constraint errors: all writes come through this thread, one transaction at a time, so nothing can come in
   * between, and earlier messages of the same batch are seen. `deliverAt` 0: it is not scheduled.
   */
  accept(
    values: ValueReader,
    { replayed, polled, deliverAt }: { replayed: MessageRow[]; polled: boolean; deliverAt: number },
  ): number {
    const appId = values.text();
    const id = values.text();
    const eventType = values.text();
    const eventId = values.textOrNull();
    const channels = values.textOrNull();
    const tags = values.textOrNull();
    const payloadExpiresAt = values.intOrNull();
    const createdAt = values.int();
    const payload = values.textOrNull();
    const claim = readClaim(values);
    const leaseId = values.text();
    const deliveryCount = values.int();
    if (claim !== null) {
      const answer = this.#answerOf(claim, { appId, replayed });
      if (answer !== null) return skipDeliveries(values, deliveryCount, answer);
    }
    if (eventId !== null && this.#findEvent.get(appId, eventId) !== undefined) {
      return skipDeliveries(values, deliveryCount, ACCEPT.event_id);
    }
    this.#insertMessage.run(
      this.#lists.nextSeq(),
      appId,
      id,
      eventType,
      eventId,
      channels,
      tags,
      payloadExpiresAt,
      createdAt,
      payload,
    );
    for (let index = 0; index < deliveryCount; index++) {
      const endpointId = values.text();
      const leased = values.int() === 1;
      this.#insertDue.run(
        appId,
        endpointId,
        id,
        deliverAt === 0 ? DUE_AT_ONCE : deliverAt,
        leased ? leaseId : null,
      );
    }
    if (deliverAt !== 0) this.#schedule.run(deliverAt, appId, id);
    this.#database.countDue(deliveryCount);
    if (polled) this.#insertPolled.run(appId, id);
    if (claim !== null) this.#idempotency.rememberMessage({ ...claim, messageId: id });
    return ACCEPT.accepted;
  }

  /** Stores messages about another write (`encodeTells`), in that write's transaction. */
  tell(tells: readonly SqlValue[][]): void {
    for (const values of tells) {
      this.accept(new ValueReader(values), { replayed: [], polled: false, deliverAt: 0 });
    }
  }

  /** What a key that was used before answers; null for a new one. */
  #answerOf(claim: Claim, { appId, replayed }: { appId: string; replayed: MessageRow[] }): number | null {
    let message: MessageRow | undefined;
    const stored = this.#idempotency.find(claim.scope, claim.createdAt, ({ bodyHash, messageId }) => {
      if (messageId === null || bodyHash !== claim.bodyHash) return true;
      // A message that is gone (with its application, whose uid another one has now) answers nothing.
      message = this.#findMessage.get(appId, messageId);
      return message !== undefined;
    });
    if (stored === null) return null;
    if (message === undefined) return ACCEPT.idempotency_key;
    replayed.push(message);
    return ACCEPT.replayed;
  }
}

function readClaim(values: ValueReader): Claim | null {
  const scope = values.textOrNull();
  const bodyHash = values.textOrNull();
  const createdAt = values.intOrNull();
  return scope === null || bodyHash === null || createdAt === null ? null : { scope, bodyHash, createdAt };
}

function skipDeliveries(values: ValueReader, count: number, code: number): number {
  values.skip(2 * count);
  return code;
}
