import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fakeRuntime } from "../../runtime/testing/fake-runtime.ts";
import { Scene } from "../testing/scene.ts";
import { openDatabase } from "./database.ts";
import { applyNext, listMigrations, migratePostgres, readSchema } from "./migrate.ts";
import { runSql } from "./testing/run-sql.ts";
import { makeDatabase, noPostgres, openStore } from "./testing/test-database.ts";
import { type PostgresServer, startPostgres } from "./testing/postgres-server.ts";

const tablesOf = async (url: string): Promise<string[]> =>
  (
    await runSql<{ name: string }>(
      url,
      "SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1",
    )
  ).map(({ name }) => name);

const withPart = (url: string, change: (parts: URL) => void): string => {
  const parts = new URL(url);
  change(parts);
  return parts.href;
};

describe.skipIf(noPostgres)("a start on PostgreSQL", () => {
  test("two nodes that start together on an empty database both come up", async () => {
    const url = await makeDatabase({ empty: true });
    const stores = await Promise.all([openStore(url), openStore(url), openStore(url)]);
    for (const store of stores) expect(await store.health()).toEqual({ ok: true });
    await Promise.all(stores.map((store) => store.close()));
    expect(await runSql(url, "SELECT version FROM schema_version ORDER BY 1")).toEqual(
      listMigrations().map(({ version }) => ({ version })),
    );
  });

  test("an unreachable server, a wrong password and a missing database are told apart", async () => {
    const url = await makeDatabase();
    const port = withPart(url, (parts) => (parts.port = "1"));
    await expect(openStore(port)).rejects.toThrow(
      /^Cannot connect to the database on 127\.0\.0\.1:1 .*start it/,
    );
    const password = withPart(url, (parts) => (parts.password = "wrong-secret"));
    const refused = await openStore(password).catch((error: Error) => error.message);
    expect(refused).toMatch(/^The database refuses the password of "postgres"/);
    expect(refused).not.toContain("wrong-secret");
    const name = withPart(url, (parts) => (parts.pathname = "/nothing_here"));
    await expect(openStore(name)).rejects.toThrow(/^There is no database "nothing_here" .*createdb/);
  });

  test("a database that only reads or has another encoding is refused, and nothing is made in it", async () => {
    const url = await makeDatabase({ empty: true });
    const name = new URL(url).pathname.slice(1);
    await runSql(url, `ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    await expect(openStore(url)).rejects.toThrow(/only lets this user read: .*default_transaction_read_only/);
    expect(await tablesOf(url)).toEqual([]);
    const admin = withPart(url, (parts) => (parts.pathname = "/postgres"));
    await runSql(admin, `CREATE DATABASE ${name}_latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`);
    await expect(openStore(`${url}_latin`)).rejects.toThrow(/has the encoding LATIN1: .*--encoding=UTF8/);
  });

  test("a schema without its version, half migrated or of another age is refused with its cure", async () => {
    const url = await makeDatabase();
    const newest = listMigrations().at(-1)!.version;
    await runSql(url, `INSERT INTO schema_version VALUES (${newest + 1}, ${newest + 1})`);
    await expect(openStore(url)).rejects.toThrow(/Run the newer program/);
    await expect(migratePostgres({ url })).rejects.toThrow(/Run the newer program/);
    await runSql(url, `UPDATE schema_version SET version = ${newest + 2} WHERE version > ${newest}`);
    await expect(openStore(url)).rejects.toThrow(/half migrated/);
    await runSql(url, "DROP TABLE schema_version");
    await expect(openStore(url)).rejects.toThrow(/use an empty database/);
  });

  test("a node of an older version goes on with a newer schema that says that it serves it", async () => {
    const url = await makeDatabase();
    const newest = listMigrations().at(-1)!.version;
    await runSql(url, `INSERT INTO schema_version VALUES (${newest + 1}, ${newest})`);
    const store = await openStore(url);
    expect(await store.health()).toEqual({ ok: true });
    await store.close();
  });

  test("a server with too few connections is told about, and works", async () => {
    const problems: string[] = [];
    const url = await makeDatabase();
    const store = await openStore(url, {
      connections: { ingest: 300, dispatch: 300, lists: 300 },
      onProblem: (error) => problems.push(error.message),
    });
    expect(problems).toEqual([expect.stringMatching(/may open 902 connections .*max_connections/)]);
    await store.close();
  });

  test("whatever the database's default is, a commit on our connections waits for the disk", async () => {
    const url = await makeDatabase();
    const name = new URL(url).pathname.slice(1);
    for (const [setting, expected] of [
      ["off", "on"],
      ["local", "on"],
      ["remote_apply", "remote_apply"],
    ]) {
      await runSql(url, `ALTER DATABASE ${name} SET synchronous_commit = '${setting}'`);
      const database = openDatabase({ url, onProblem: () => undefined });
      for (const pool of [database.ingest, database.dispatch, database.lists]) {
        const asked = { name: "show", text: "SELECT current_setting('synchronous_commit')" };
        expect((await pool.query<[string]>(asked, [])).rows).toEqual([[expected]]);
      }
      await database.close();
    }
  });
});

describe.skipIf(noPostgres)("an ordinary user who owns the database", () => {
  test("is all that the store needs", async () => {
    const url = await makeDatabase({ empty: true });
    const name = new URL(url).pathname.slice(1);
    await runSql(url, `CREATE ROLE ${name} LOGIN PASSWORD 'plain'; ALTER DATABASE ${name} OWNER TO ${name}`);
    const store = await openStore(
      withPart(url, (parts) => {
        parts.username = name;
        parts.password = "plain";
      }),
    );
    const scene = await Scene.make(store, fakeRuntime());
    await scene.deliver();
    await scene.accept();
    expect(await scene.claimDue()).toHaveLength(1);
    expect(await store.stats()).toMatchObject({ dueDeliveries: 1 });
    await store.close();
  });
});

const schemaOf = async (url: string) => {
  const database = openDatabase({ url, onProblem: () => undefined });
  try {
    return await readSchema(database.lists);
  } finally {
    await database.close();
  }
};

describe.skipIf(noPostgres)("a migration", () => {
  test("runs once when it is started twice at the same moment", async () => {
    const url = await makeDatabase({ empty: true });
    await Promise.all([migratePostgres({ url }), migratePostgres({ url })]);
    expect((await schemaOf(url))?.version).toBe(listMigrations().at(-1)!.version);
  });

  test("that fails or is killed midway has changed nothing", async () => {
    const url = await makeDatabase({ empty: true });
    const database = openDatabase({ url, onProblem: () => undefined });
    const [first] = listMigrations();
    const broken = { ...first!, sql: `${first!.sql}; SELECT 1 / 0` };
    await expect(applyNext(database.dispatch, [broken])).rejects.toThrow("division by zero");
    const killed = { ...first!, sql: `${first!.sql}; SELECT pg_terminate_backend(pg_backend_pid())` };
    await expect(applyNext(database.dispatch, [killed])).rejects.toMatchObject({ name: "StoreUnavailable" });
    expect(await tablesOf(url)).toEqual([]);
    expect(await applyNext(database.dispatch, [first!])).toEqual({ applied: true, before: 0 });
    await database.close();
  });
});

describe.skipIf(noPostgres)("a server that would lose data", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres(["-c", "full_page_writes=off"]);
  });
  afterAll(() => server.stop());

  test("is refused, with what to change", async () => {
    const url = `${server.url}/postgres`;
    await expect(openStore(url)).rejects.toThrow(/full_page_writes = off/);
    await server.crash();
    await expect(openStore(url)).rejects.toThrow(/^Cannot connect/);
    await server.start();
    await runSql(url, "ALTER SYSTEM SET fsync = off");
    await runSql(url, "SELECT pg_reload_conf()");
    await expect
      .poll(() => openStore(url).catch((error: Error) => error.message), { timeout: 10_000 })
      .toMatch(/fsync = off/);
    expect(await tablesOf(url)).toEqual([]);
  });
});
