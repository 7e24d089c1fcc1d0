import type { StatementSync } from "node:sqlite";
import type { PollingConsumer } from "../../../domain/polling-endpoint.ts";
import { ID_PREFIX } from "../../../domain/ids.ts";
import { ksuidFloor } from "../../../domain/ksuid.ts";
import { POLLING_CONSUMERS_MAX } from "../../../domain/limits.ts";
import { POLLING_ENDPOINT_COLUMNS, type PollingEndpointRow } from "../rows/polling.ts";
import type { IdempotentAnswer } from "../../port.ts";
import type { Query } from "../values.ts";
import type { Idempotency } from "./idempotency.ts";
import { changed, type WriterDatabase } from "./writer-database.ts";

/** Of an application that is not there any more. */
const GONE = "app_id NOT IN (SELECT id FROM application WHERE environment_id = ? AND deleted = 0)";

/** Writes what polling endpoints need. Safe for the reason given in applications.ts. */
export class PollingWriter {
  readonly #database: WriterDatabase;
  readonly #idempotency: Idempotency;
  readonly #findByUid: Query<PollingEndpointRow>;
  readonly #findHead: Query<[position: number]>;
  readonly #findNew: Query<[messageId: string]>;
  readonly #countConsumers: Query<[number]>;
  readonly #ensureHead: StatementSync;
  readonly #moveHead: StatementSync;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #deleteConsumers: StatementSync;
  readonly #number: StatementSync;
  readonly #insertConsumer: StatementSync;
  readonly #updateConsumer: StatementSync;
  readonly #prunes: readonly StatementSync[];
  readonly #pruneOld: StatementSync;

  constructor(database: WriterDatabase, idempotency: Idempotency) {
    this.#database = database;
    this.#idempotency = idempotency;
    this.#findByUid = database.query(
      `SELECT ${POLLING_ENDPOINT_COLUMNS} FROM polling_endpoint WHERE app_id = ? AND uid = ?`,
    );
    this.#findHead = database.query("SELECT position FROM polling_head WHERE app_id = ?");
    this.#findNew = database.query(
      "SELECT message_id FROM polling_entry WHERE app_id = ? AND position IS NULL ORDER BY message_id LIMIT ?",
    );
    this.#countConsumers = database.query(
      "SELECT count(*) FROM polling_consumer WHERE app_id = ? AND endpoint_id = ?",
    );
    this.#ensureHead = database.prepare(
      "INSERT INTO polling_head (app_id, environment_id, position) VALUES (?, ?, 0) ON CONFLICT DO NOTHING",
    );
    this.#moveHead = database.prepare("UPDATE polling_head SET position = ? WHERE app_id = ?");
    this.#insert = database.prepare(
      `INSERT INTO polling_endpoint (${POLLING_ENDPOINT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#delete = database.prepare("DELETE FROM polling_endpoint WHERE app_id = ? AND id = ?");
    this.#deleteConsumers = database.prepare(
      "DELETE FROM polling_consumer WHERE app_id = ? AND endpoint_id = ?",
    );
    this.#number = database.prepare(
      "UPDATE polling_entry SET position = ? WHERE app_id = ? AND message_id = ?",
    );
    this.#insertConsumer = database.prepare(
      `INSERT INTO polling_consumer (position, leased_to, leased_until, version, app_id, endpoint_id, name)
       VALUES (?, ?, ?, 1, ?, ?, ?) ON CONFLICT DO NOTHING`,
    );
    this.#updateConsumer = database.prepare(
      `UPDATE polling_consumer SET position = ?, leased_to = ?, leased_until = ?, version = version + 1
       WHERE app_id = ? AND endpoint_id = ? AND name = ? AND version = ?`,
    );
    const ofHeads = `app_id IN (SELECT app_id FROM polling_head WHERE environment_id = ? AND ${GONE})`;
    this.#pruneOld = database.prepare(
      `DELETE FROM polling_entry WHERE (app_id, message_id) IN (
         SELECT e.app_id, e.message_id FROM polling_head AS h JOIN polling_entry AS e ON e.app_id = h.app_id
         WHERE h.environment_id = ? AND e.message_id < ? LIMIT ?)`,
    );
    this.#prunes = ["polling_entry", "polling_consumer", "polling_endpoint", "polling_head"].map((table) =>
      database.prepare(`DELETE FROM ${table} WHERE ${ofHeads}`),
    );
  }

  /** Null: inserted; otherwise the one that has the uid. */
  insert(request: {
    row: PollingEndpointRow;
    answer: IdempotentAnswer | undefined;
  }): PollingEndpointRow | null {
    const { row, answer } = request;
    return this.#database.transaction(() => {
      const [appId, , environmentId, uid] = row;
      const existing = uid === null ? undefined : this.#findByUid.get(appId, uid);
      if (existing !== undefined) return existing;
      this.#ensureHead.run(appId, environmentId);
      this.#insert.run(...row);
      this.#idempotency.rememberAnswer(answer);
      return null;
    });
  }

  delete({ appId, id }: { appId: string; id: string }): boolean {
    return this.#database.transaction(() => {
      this.#deleteConsumers.run(appId, id);
      return changed(this.#delete.run(appId, id));
    });
  }

  /** Writes nothing where nothing is new. */
  sequence({ appId, limit }: { appId: string; limit: number }): { head: number; more: boolean } {
    const [head = 0] = this.#findHead.get(appId) ?? [];
    if (this.#findNew.get(appId, 1) === undefined) return { head, more: false };
    return this.#database.transaction(() => {
      const found = this.#findNew.all(appId, limit + 1);
      const numbered = found.slice(0, limit);
      for (const [index, [messageId]] of numbered.entries()) {
        this.#number.run(head + index + 1, appId, messageId);
      }
      this.#moveHead.run(head + numbered.length, appId);
      return { head: head + numbered.length, more: found.length > limit };
    });
  }

  saveConsumer(consumer: PollingConsumer): "saved" | "stale" | "full" {
    const { appId, endpointId, name, position, leasedTo, leasedUntil, version } = consumer;
    return this.#database.transaction(() => {
      const values = [position, leasedTo, leasedUntil, appId, endpointId, name] as const;
      if (version > 0) return changed(this.#updateConsumer.run(...values, version)) ? "saved" : "stale";
      const [count = 0] = this.#countConsumers.get(appId, endpointId) ?? [];
      if (count >= POLLING_CONSUMERS_MAX) return "full";
      return changed(this.#insertConsumer.run(...values)) ? "saved" : "stale";
    });
  }

  prune(request: { environmentId: string; before: number; limit: number }): number {
    const { environmentId, before, limit } = request;
    return this.#database.transaction(() => {
      const floor = ksuidFloor(ID_PREFIX.message, before);
      let gone = Number(this.#pruneOld.run(environmentId, floor, limit).changes);
      for (const prune of this.#prunes) gone += Number(prune.run(environmentId, environmentId).changes);
      return gone;
    });
  }
}
