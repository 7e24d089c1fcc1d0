/** Where the secrets of a server end up: its database, read from outside, and made to refuse. */
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { runSql } from "../../packages/core/src/storage/postgres/testing/run-sql.ts";
import { makeDatabase } from "../../packages/core/src/storage/postgres/testing/test-database.ts";
import type { Canaries } from "./canaries.ts";

export interface Ground {
  readonly flags: readonly string[];
  /** All that lies in the database, as text. */
  dump(): Promise<string>;
  /** From now on the database refuses endpoints and messages, and says why in its own words. */
  sabotage(): Promise<void>;
}

const REFUSING = ["endpoint", "message"];

/** On the files in this folder. Those of a running server may be read, and changed once it has ended. */
export function onSqlite(data: string): Ground {
  return {
    flags: [],
    dump: async () =>
      readdirSync(data)
        .map((name) => readFileSync(join(data, name)).toString("latin1"))
        .join("\n"),
    async sabotage() {
      const database = new DatabaseSync(join(data, "posthaste.db"));
      for (const table of REFUSING) {
        database.exec(
          `CREATE TRIGGER no_${table} BEFORE INSERT ON ${table} BEGIN SELECT RAISE(ABORT, 'refused by hand'); END`,
        );
      }
      database.close();
    },
  };
}

/** On a database of its own, whose user's password is one of the canaries. */
export async function onPostgres(planted: Canaries): Promise<Ground> {
  const owner = await makeDatabase({ empty: true });
  const url = new URL(owner);
  url.username = `canary_${randomBytes(6).toString("hex")}`;
  url.password = planted.plant("the password of the database");
  await runSql(owner, `CREATE ROLE ${url.username} LOGIN SUPERUSER PASSWORD '${url.password}'`);
  return {
    flags: ["--database", url.href],
    async dump() {
      const tables = await runSql<{ name: string }>(
        owner,
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT LIKE 'pg\\_%' AND schemaname <> 'information_schema'",
      );
      const contents = tables.map(({ name }) =>
        runSql<{ row: string }>(owner, `SELECT t::text AS row FROM ${name} AS t`),
      );
      return (await Promise.all(contents))
        .flat()
        .map(({ row }) => row)
        .join("\n");
    },
    async sabotage() {
      // PostgreSQL repeats the whole row in the detail of this error.
      for (const table of REFUSING) {
        await runSql(owner, `ALTER TABLE ${table} ADD CONSTRAINT refused_by_hand CHECK (false) NOT VALID`);
      }
    },
  };
}
