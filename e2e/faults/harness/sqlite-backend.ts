import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ServerProcess } from "../../testing/server-process.ts";
import type { Backend, System, SystemOptions } from "./backend.ts";

/** One process, one folder. */
export const sqliteBackend: Backend = {
  name: "sqlite",
  async create(options: SystemOptions): Promise<System> {
    const { flags, nodeArgs, env = {}, directory, readyTimeoutMs } = options;
    const node = new ServerProcess(flags, {
      nodeArgs,
      env,
      ...(directory === undefined ? {} : { data: directory }),
      ...(readyTimeoutMs === undefined ? {} : { readyTimeoutMs }),
    });
    return Promise.resolve({
      nodes: [node],
      postgres: null,
      checkIntegrity: () => Promise.resolve(checkDatabase(databaseOf(node))),
      edit: (statements) => Promise.resolve(editDatabase(databaseOf(node), statements)),
      remove: () => node.remove(),
    });
  },
};

function editDatabase(path: string, statements: readonly string[]): void {
  const database = new DatabaseSync(path);
  try {
    for (const statement of statements) database.exec(statement);
  } finally {
    database.close();
  }
}

function databaseOf({ data }: { data: string }): string {
  return join(data, "posthaste.db");
}

function checkDatabase(path: string): string[] {
  const database = new DatabaseSync(path);
  try {
    const rows = database.prepare("PRAGMA integrity_check(10)").all() as { integrity_check: string }[];
    const found = rows.map((row) => row.integrity_check).filter((text) => text !== "ok");
    const orphans = database
      .prepare(
        `SELECT count(*) AS count FROM due
         WHERE NOT EXISTS (SELECT 1 FROM message WHERE message.id = due.message_id)`,
      )
      .get() as { count: number };
    if (orphans.count > 0) found.push(`${orphans.count} deliveries are owed without their message`);
    return found.map((text) => `the database is damaged: ${text}`);
  } finally {
    database.close();
  }
}
