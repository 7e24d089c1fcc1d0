import { randomBytes } from "node:crypto";
import { ServerProcess } from "../../testing/server-process.ts";
import type { Backend, System, SystemOptions } from "./backend.ts";
import { PostgresCluster } from "./postgres-cluster.ts";

const NODES = 2;
/** Bytes of tables and indexes compared with each other; raises an error where they differ. */
const CHECK = `CREATE EXTENSION IF NOT EXISTS amcheck;
  SELECT c.relname, bt_index_check(c.oid, true)
  FROM pg_class c JOIN pg_am a ON a.oid = c.relam JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE a.amname = 'btree' AND c.relkind = 'i' AND n.nspname NOT LIKE 'pg_%'`;

/** One database, several equal processes. */
export const postgresBackend: Backend = {
  name: "postgres",
  async create(options: SystemOptions): Promise<System> {
    const { flags, nodeArgs, env = {}, directory, readyTimeoutMs, settings = [] } = options;
    const postgres = await PostgresCluster.create({
      settings,
      ...(directory === undefined ? {} : { parent: directory }),
    });
    const key = `phk_live_${randomBytes(16).toString("hex")}`;
    const nodes = Array.from(
      { length: options.nodes ?? NODES },
      () =>
        new ServerProcess([...flags, "--database", options.url?.(postgres) ?? postgres.url], {
          key,
          nodeArgs,
          env,
          ...(readyTimeoutMs === undefined ? {} : { readyTimeoutMs }),
        }),
    );
    return {
      nodes,
      postgres,
      checkIntegrity: () =>
        postgres.sql(CHECK).then(
          () => [],
          (error: unknown) => [`the database is damaged: ${String(error)}`],
        ),
      async edit(statements) {
        for (const statement of statements) await postgres.sql(statement);
      },
      async remove() {
        for (const node of nodes) await node.remove();
        await postgres.remove();
      },
    };
  },
};
