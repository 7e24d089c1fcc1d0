import type { StatementSync } from "node:sqlite";
import type { BasedOn, IdempotentAnswer, UpdateResult } from "../../port.ts";
import { ENDPOINT_COLUMNS, type EndpointRow } from "../rows/endpoint.ts";
import type { Query, SqlValue } from "../values.ts";
import type { AcceptWriter } from "./accept.ts";
import type { Idempotency } from "./idempotency.ts";
import { changed, type WriterDatabase } from "./writer-database.ts";

export interface EndpointUpdate {
  readonly row: EndpointRow;
  readonly answer: IdempotentAnswer | undefined;
  readonly basedOn: BasedOn["basedOn"];
  readonly tells: readonly SqlValue[][];
}

/** Places in an EndpointRow. */
const DISABLED = 8;
const FAILING_SINCE = 11;

/** Writes endpoints. Safe for the reason given in applications.ts. */
export class EndpointWriter {
  readonly #database: WriterDatabase;
  readonly #idempotency: Idempotency;
  readonly #accepts: AcceptWriter;
  readonly #findByUid: Query<EndpointRow>;
  readonly #findState: Query<[updatedAt: number, disabled: number, failingSince: number | null]>;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #delete: StatementSync;

  constructor(
    database: WriterDatabase,
    { idempotency, accepts }: { idempotency: Idempotency; accepts: AcceptWriter },
  ) {
    this.#database = database;
    this.#idempotency = idempotency;
    this.#accepts = accepts;
    this.#findByUid = database.query(
      `SELECT ${ENDPOINT_COLUMNS} FROM endpoint WHERE app_id = ? AND uid = ? AND deleted = 0`,
    );
    this.#findState = database.query(
      "SELECT updated_at, disabled, failing_since FROM endpoint WHERE app_id = ? AND id = ? AND deleted = 0",
    );
    this.#insert = database.prepare(
      `INSERT INTO endpoint (${ENDPOINT_COLUMNS})
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#update = database.prepare(
      `UPDATE endpoint SET uid = ?, url = ?, description = ?, throttle_rate = ?, event_types = ?, channels = ?,
         disabled = ?, disabled_reason = ?, disabled_at = ?, failing_since = ?, secrets = ?, headers = ?,
         metadata = ?, fifo = ?, timeout_ms = ?, retry_schedule_ms = ?, created_at = ?, updated_at = ?,
         transformation = ?, access = ?
       WHERE app_id = ? AND id = ? AND deleted = 0`,
    );
    this.#delete = database.prepare(
      "UPDATE endpoint SET deleted = 1 WHERE app_id = ? AND id = ? AND deleted = 0",
    );
  }

  /** Null: inserted; otherwise the endpoint that has the uid. */
  insert({ row, answer, tells }: Omit<EndpointUpdate, "basedOn">): EndpointRow | null {
    return this.#database.transaction(() => {
      const [appId, , uid] = row;
      const existing = uid === null ? undefined : this.#findByUid.get(appId, uid);
      if (existing !== undefined) return existing;
      this.#insert.run(...row);
      this.#accepts.tell(tells);
      this.#idempotency.rememberAnswer(answer);
      return null;
    });
  }

  /** A change that is based on an older state is refused here, in the transaction that would write it. */
  update({ row, answer, basedOn, tells }: EndpointUpdate): UpdateResult | "stale" {
    const [appId, id, uid] = row;
    return this.#database.transaction(() => {
      const holder = uid === null ? undefined : this.#findByUid.get(appId, uid);
      if (holder !== undefined && holder[1] !== id) return "uid_taken";
      const state = this.#findState.get(appId, id);
      if (state === undefined) return "not_found";
      const [updatedAt, disabled, failingSince] = state;
      const based = basedOn !== undefined;
      if (based && (basedOn.updatedAt !== updatedAt || Number(basedOn.disabled) !== disabled)) return "stale";
      const [, , , ...settings] = row;
      const enabled = disabled === 1 && row[DISABLED] === 0;
      if (based) settings[FAILING_SINCE - 3] = enabled ? null : failingSince;
      this.#update.run(uid, ...settings, appId, id);
      this.#accepts.tell(tells);
      this.#idempotency.rememberAnswer(answer);
      return "updated";
    });
  }

  /** Hides it; `cancelOrphans` ends what it is still owed. */
  delete({ appId, id, tells }: { appId: string; id: string; tells: readonly SqlValue[][] }): boolean {
    return this.#database.transaction(() => {
      if (!changed(this.#delete.run(appId, id))) return false;
      this.#accepts.tell(tells);
      return true;
    });
  }
}
