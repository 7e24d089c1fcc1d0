import type { PostgresCluster } from "./postgres-cluster.ts";
import type { ServerProcess } from "../../testing/server-process.ts";

export type BackendName = "sqlite" | "postgres";

export interface SystemOptions {
  readonly flags: readonly string[];
  /** Node's own flags: how a broken build is started. */
  readonly nodeArgs: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where the database lies; a folder of its own when not given. */
  readonly directory?: string;
  readonly readyTimeoutMs?: number;
  /** PostgreSQL: how many processes (2), its own settings, and where they connect when not to it directly. */
  readonly nodes?: number;
  readonly settings?: readonly string[];
  readonly url?: (postgres: PostgresCluster) => string;
}

/** Posthaste as an operator runs it: its processes and its database. */
export interface System {
  /** All of them, running or not. One on SQLite, several on one PostgreSQL. */
  readonly nodes: readonly ServerProcess[];
  /** Null on SQLite. */
  readonly postgres: PostgresCluster | null;
  /** What the database itself finds wrong. Every node is stopped meanwhile. */
  checkIntegrity(): Promise<string[]>;
  /** Changes rows behind its back, as a failing disk or another program would. Every node is stopped meanwhile. */
  edit(statements: readonly string[]): Promise<void>;
  /** Ends what was started and removes it. */
  remove(): Promise<void>;
}

export interface Backend {
  readonly name: BackendName;
  create(options: SystemOptions): Promise<System>;
}
