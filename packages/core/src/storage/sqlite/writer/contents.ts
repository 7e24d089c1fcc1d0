import type { StatementSync } from "node:sqlite";
import { EXPUNGED, type ContentStore } from "../../port-contents.ts";
import { changed, type WriterDatabase } from "./writer-database.ts";

type Request<Operation extends keyof ContentStore> = Parameters<ContentStore[Operation]>[0];

/** Removes contents. One transaction each; a claim afterwards finds no payload and ends its delivery. */
export class ContentWriter {
  readonly #database: WriterDatabase;
  readonly #expungeMessage: StatementSync;
  readonly #expungeAttempt: StatementSync;

  constructor(database: WriterDatabase) {
    this.#database = database;
    this.#expungeMessage = database.prepare(
      "UPDATE message SET payload = NULL WHERE app_id = ? AND id = ? AND payload IS NOT NULL",
    );
    this.#expungeAttempt = database.prepare(
      `UPDATE attempt SET response_body = '${EXPUNGED}' WHERE app_id = ? AND message_id = ? AND id = ?`,
    );
  }

  expungeMessages({ appId, ids }: Request<"expungeMessages">): void {
    this.#database.transaction(() => {
      for (const id of ids) this.#expungeMessage.run(appId, id);
    });
  }

  expungeAttempt({ appId, messageId, attemptId }: Request<"expungeAttempt">): boolean {
    return this.#database.transaction(() => changed(this.#expungeAttempt.run(appId, messageId, attemptId)));
  }
}
