import type { StatementSync } from "node:sqlite";
import { nextWipeLook, wipeVerdict } from "../../../domain/payload-wipe.ts";
import { deliveryStateOf } from "../../codes.ts";
import type { ContentStore } from "../../port-contents.ts";
import type { EncodedWipe } from "../batch.ts";
import { lanesOwedBefore } from "../owed.ts";
import { DUE_AT_ONCE } from "../rows/due.ts";
import type { Query } from "../values.ts";
import type { WriterDatabase } from "./writer-database.ts";

/** Sorts after every id: any delivery of the application counts. */
const AFTER_ALL = "~";

type Noted = readonly [appId: string, messageId: string];

/** Notes delivered messages, and clears the payloads of those that are owed to nobody any more. */
export class WipeWriter {
  readonly #database: WriterDatabase;
  readonly #note: StatementSync;
  readonly #findNext: Query<[appId: string, messageId: string]>;
  readonly #findMessage: Query<[createdAt: number, hasPayload: number]>;
  readonly #owedLanes: (appId: string, messageId: string) => string[];
  readonly #isOwed: Query<[number]>;
  readonly #listLast: Query<[deliveryState: number, id: string]>;
  readonly #isPolled: Query<[number]>;
  readonly #clear: StatementSync;
  readonly #lookLater: StatementSync;
  readonly #forget: StatementSync;
  readonly #forgetSome: StatementSync;

  constructor(database: WriterDatabase) {
    this.#database = database;
    this.#note = database.prepare(
      `INSERT INTO wipe (environment_id, message_id, app_id, look_at) VALUES (?, ?, ?, ${DUE_AT_ONCE})
       ON CONFLICT (environment_id, message_id) DO UPDATE SET look_at = excluded.look_at`,
    );
    this.#findNext = database.query(
      `SELECT app_id, message_id FROM wipe INDEXED BY wipe_next
       WHERE environment_id = ? AND look_at <= ? ORDER BY look_at LIMIT ?`,
    );
    this.#findMessage = database.query(
      "SELECT created_at, payload IS NOT NULL FROM message WHERE app_id = ? AND id = ?",
    );
    this.#owedLanes = lanesOwedBefore(database.db);
    this.#isOwed = database.query(
      `SELECT 1 FROM json_each(?3) AS lane
       CROSS JOIN due ON due.app_id = ?1 AND due.endpoint_id = lane.value AND due.message_id = ?2 LIMIT 1`,
    );
    // Beside a max() stands the row that has it.
    this.#listLast = database.query(
      `SELECT delivery_state, max(id) FROM attempt INDEXED BY attempt_message
       WHERE app_id = ? AND message_id = ? GROUP BY endpoint_id`,
    );
    this.#isPolled = database.query(
      `SELECT 1 FROM polling_entry AS e JOIN polling_endpoint AS p ON p.app_id = e.app_id
       WHERE e.app_id = ?1 AND e.message_id = ?2 AND (
         NOT EXISTS (SELECT 1 FROM polling_consumer AS c WHERE c.app_id = ?1 AND c.endpoint_id = p.id)
         OR EXISTS (SELECT 1 FROM polling_consumer AS c WHERE c.app_id = ?1 AND c.endpoint_id = p.id
           AND (e.position IS NULL OR c.position < e.position))) LIMIT 1`,
    );
    this.#clear = database.prepare("UPDATE message SET payload = NULL WHERE app_id = ? AND id = ?");
    this.#lookLater = database.prepare(
      "UPDATE wipe SET look_at = ? WHERE environment_id = ? AND message_id = ?",
    );
    this.#forget = database.prepare("DELETE FROM wipe WHERE environment_id = ? AND message_id = ?");
    this.#forgetSome = database.prepare(
      `DELETE FROM wipe WHERE environment_id = ?1
         AND message_id IN (SELECT message_id FROM wipe WHERE environment_id = ?1 LIMIT ?2)`,
    );
  }

  /** Part of the commit's transaction. */
  note({ environmentId, appId, messageId }: EncodedWipe): void {
    this.#note.run(environmentId, messageId, appId);
  }

  /** Looks before it begins a transaction: mostly there is nothing to do. */
  wipe(request: Parameters<ContentStore["wipe"]>[0]): { looked: number; wiped: number } {
    const { environmentId, now, limit } = request;
    const noted = this.#findNext.all(environmentId, now, limit);
    if (noted.length === 0) return { looked: 0, wiped: 0 };
    const lanesOf = new Map<string, string>();
    const wiped = this.#database.transaction(
      () => noted.filter((each) => this.#wipeOne(each, { environmentId, now, lanesOf })).length,
    );
    return { looked: noted.length, wiped };
  }

  forget({ environmentId, limit }: Parameters<ContentStore["forgetWipes"]>[0]): number {
    if (this.#findNext.get(environmentId, Number.MAX_SAFE_INTEGER, 1) === undefined) return 0;
    return this.#database.transaction(() => Number(this.#forgetSome.run(environmentId, limit).changes));
  }

  #wipeOne(
    [appId, messageId]: Noted,
    { environmentId, now, lanesOf }: { environmentId: string; now: number; lanesOf: Map<string, string> },
  ): boolean {
    const [createdAt, hasPayload] = this.#findMessage.get(appId, messageId) ?? [now, 0];
    const verdict = wipeVerdict({
      hasPayload: hasPayload === 1,
      isOwed: this.#isOwed.get(appId, messageId, this.#lanes(appId, lanesOf)) !== undefined,
      isPolled: this.#isPolled.get(appId, messageId) !== undefined,
      lastStates: this.#listLast.all(appId, messageId).map(([state]) => deliveryStateOf(state)),
    });
    if (verdict === "later") {
      this.#lookLater.run(nextWipeLook({ createdAt, now }), environmentId, messageId);
      return false;
    }
    this.#forget.run(environmentId, messageId);
    if (verdict === "now") this.#clear.run(appId, messageId);
    return verdict === "now";
  }

  /** The endpoints of an application that are owed anything, as JSON; asked once for a step. */
  #lanes(appId: string, known: Map<string, string>): string {
    let lanes = known.get(appId);
    if (lanes === undefined) {
      lanes = JSON.stringify(this.#owedLanes(appId, AFTER_ALL));
      known.set(appId, lanes);
    }
    return lanes;
  }
}
