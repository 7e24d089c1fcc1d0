import type { StatementSync } from "node:sqlite";
import { ENVIRONMENT_WATCH_MS, PURGE_APPLICATIONS } from "../../../domain/limits.ts";
import type { PurgeRequest } from "../../port-environment.ts";
import type { Query } from "../values.ts";
import { changed, type WriterDatabase } from "./writer-database.ts";

/** What lies in a table beside its environment or application, so that a part of it can be named. */
type Table = readonly [name: string, key: string];

const OF_ENVIRONMENT: readonly Table[] = [
  ["background_task", "id"],
  ["event_type", "name"],
  ["wipe", "message_id"],
];
const OF_APPLICATION: readonly Table[] = [
  ["endpoint", "id"],
  ["polling_entry", "message_id"],
  ["polling_consumer", "endpoint_id, name"],
  ["polling_endpoint", "id"],
  ["polling_head", "app_id"],
];

/**
 * Removes deleted environments, some rows in each transaction. Safe for the reason given in applications.ts. The lists
 * are filled before (`PruneWriter.fillLists`), so what they do not name is not there. Remembered answers have no
 * environment to be found by: they are sealed with its key, and go with all others a day after they were made.
 */
export class EnvironmentPurger {
  readonly #database: WriterDatabase;
  readonly #ofEnvironment: readonly StatementSync[];
  readonly #ofApplication: readonly StatementSync[];
  readonly #findDeleted: Query<[deletedAt: number]>;
  readonly #listApplications: Query<[id: string]>;
  readonly #endDue: StatementSync;
  readonly #listMessages: Query<[seq: number, id: string]>;
  readonly #deleteMessage: StatementSync;
  readonly #unlistMessage: StatementSync;
  readonly #listAttempts: Query<[seq: number, endpointId: string, id: string]>;
  readonly #deleteAttempt: StatementSync;
  readonly #unlistAttempt: StatementSync;
  readonly #deleteApplication: StatementSync;
  readonly #deleteDataKey: StatementSync;
  readonly #deleteEnvironment: StatementSync;

  constructor(database: WriterDatabase) {
    this.#database = database;
    const removals = (tables: readonly Table[], lead: string): StatementSync[] =>
      tables.map(([name, key]) => database.prepare(someOf({ name, key, lead })));
    // By the hash alone, which is the key: with the environment beside it each step would read all of its keys.
    const keys =
      "DELETE FROM api_key WHERE hash IN (SELECT hash FROM api_key WHERE environment_id = ?1 LIMIT ?2)";
    this.#ofEnvironment = [database.prepare(keys), ...removals(OF_ENVIRONMENT, "environment_id")];
    this.#ofApplication = removals(OF_APPLICATION, "app_id");
    this.#endDue = database.prepare(someOf({ name: "due", key: "endpoint_id, message_id", lead: "app_id" }));
    this.#findDeleted = database.query("SELECT updated_at FROM environment WHERE id = ? AND deleted = 1");
    this.#listApplications = database.query(
      `SELECT id FROM application WHERE environment_id = ? AND id > ? ORDER BY id LIMIT ${PURGE_APPLICATIONS}`,
    );
    this.#listMessages = database.query("SELECT seq, id FROM message_list WHERE app_id = ? LIMIT ?");
    this.#deleteMessage = database.prepare("DELETE FROM message WHERE app_id = ? AND seq = ?");
    this.#unlistMessage = database.prepare("DELETE FROM message_list WHERE app_id = ? AND id = ?");
    this.#listAttempts = database.query(
      "SELECT seq, endpoint_id, id FROM attempt_list WHERE app_id = ? LIMIT ?",
    );
    this.#deleteAttempt = database.prepare("DELETE FROM attempt WHERE app_id = ? AND seq = ?");
    this.#unlistAttempt = database.prepare(
      "DELETE FROM attempt_list WHERE app_id = ? AND endpoint_id = ? AND id = ?",
    );
    this.#deleteApplication = database.prepare("DELETE FROM application WHERE environment_id = ? AND id = ?");
    this.#deleteDataKey = database.prepare("DELETE FROM data_key WHERE environment_id = ?");
    this.#deleteEnvironment = database.prepare("DELETE FROM environment WHERE id = ?");
  }

  purge({ environmentId, after, now, limit }: PurgeRequest): { gone: number; after: string | null } {
    return this.#database.transaction(() => {
      const [deletedAt] = this.#findDeleted.get(environmentId) ?? [];
      if (deletedAt === undefined) return { gone: 0, after: null };
      const isOver = deletedAt <= now - ENVIRONMENT_WATCH_MS;
      const ofEnvironment = runAll(this.#ofEnvironment, [environmentId, limit]);
      if (ofEnvironment > 0) return { gone: ofEnvironment, after };
      const appIds = this.#listApplications.all(environmentId, after ?? "").map(([id]) => id);
      if (appIds.length === 0) {
        return { gone: isOver && after === null ? this.#removeItself(environmentId) : 0, after: null };
      }
      let gone = 0;
      for (const appId of appIds) gone += gone < limit ? this.#removeOf(appId, limit) : 0;
      if (gone > 0) return { gone, after };
      for (const appId of isOver ? appIds : []) {
        if (changed(this.#deleteApplication.run(environmentId, appId))) gone += 1;
      }
      return { gone, after: appIds.length < PURGE_APPLICATIONS ? null : (appIds.at(-1) ?? null) };
    });
  }

  #removeOf(appId: string, limit: number): number {
    const due = Number(this.#endDue.run(appId, limit).changes);
    this.#database.countDue(-due);
    const messages = this.#listMessages.all(appId, limit);
    for (const [seq, id] of messages) {
      this.#unlistMessage.run(appId, id);
      this.#deleteMessage.run(appId, seq);
    }
    const attempts = this.#listAttempts.all(appId, limit);
    for (const [seq, endpointId, id] of attempts) {
      this.#unlistAttempt.run(appId, endpointId, id);
      this.#deleteAttempt.run(appId, seq);
    }
    return due + messages.length + attempts.length + runAll(this.#ofApplication, [appId, limit]);
  }

  #removeItself(environmentId: string): number {
    this.#deleteDataKey.run(environmentId);
    return Number(this.#deleteEnvironment.run(environmentId).changes);
  }
}

/** Removes at most ?2 rows of what the first column of every index names, ?1. */
function someOf({ name, key, lead }: { name: string; key: string; lead: string }): string {
  return `DELETE FROM ${name} WHERE ${lead} = ?1
    AND (${key}) IN (SELECT ${key} FROM ${name} WHERE ${lead} = ?1 LIMIT ?2)`;
}

function runAll(statements: readonly StatementSync[], values: [lead: string, limit: number]): number {
  let gone = 0;
  for (const statement of statements) gone += Number(statement.run(...values).changes);
  return gone;
}
