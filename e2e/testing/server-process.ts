import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createServer, type AddressInfo } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const READY_TIMEOUT_MS = 20_000;
const READY_POLL_MS = 25;
const BIN = join(import.meta.dirname, "../../packages/cli/bin/posthaste.js");

/** Nodes on one database share their ring; a folder makes its own. */
const MASTER_KEYS = `phm_${"e2e0".repeat(10)}aaE`;

/** Whoever ends before its servers takes them along. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export interface ServerProcessOptions {
  /** A folder of the caller's, who removes it; one of its own otherwise. */
  readonly data?: string;
  /** A key of the caller's: processes on one database share theirs. */
  readonly key?: string;
  /** Node's own flags, before the program. */
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** How long it may take until it accepts events. */
  readonly readyTimeoutMs?: number;
}

/** A real Posthaste, run with the command a user would type, on a folder of its own. */
export class ServerProcess {
  readonly data: string;
  readonly key: string;
  /** Node's own flags from the next start on. */
  nodeArgs: readonly string[];
  readonly #flags: readonly string[];
  readonly #options: ServerProcessOptions;
  #child: ChildProcess | null = null;
  #output = "";
  #port = 0;

  constructor(flags: readonly string[], options: ServerProcessOptions = {}) {
    this.#flags = flags;
    this.#options = options;
    this.nodeArgs = options.nodeArgs ?? [];
    this.data = options.data ?? mkdtempSync(join(tmpdir(), "posthaste-"));
    this.key = options.key ?? `phk_live_${randomBytes(16).toString("hex")}`;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** What the process printed since its last start. */
  get output(): string {
    return this.#output;
  }

  /** Of the process that runs, or ran last; null before the first start. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  get running(): boolean {
    const child = this.#child;
    return child !== null && child.exitCode === null && child.signalCode === null;
  }

  /** Starts it, or starts it again on the same data and port; resolves when it accepts events. */
  async start(): Promise<void> {
    await this.launch();
    await this.ready();
  }

  /** Starts it without waiting. */
  async launch(): Promise<void> {
    this.#port ||= await freePort();
    this.#output = "";
    // On PostgreSQL there is no folder.
    const data = this.#flags.includes("--database") ? [] : ["--data", this.data];
    const args = ["start", "--port", String(this.#port), ...data, "--api-key", this.key];
    const env = { ...process.env, ...this.#options.env };
    const child = runPosthaste([...args, ...this.#flags], env, this.nodeArgs);
    this.#child = child;
    running.add(child);
    child.once("exit", () => running.delete(child));
    const keep = (chunk: Buffer): void => void (this.#output += chunk.toString());
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
  }

  /** Resolves when what was launched accepts events. */
  async ready(): Promise<void> {
    const timeoutMs = this.#options.readyTimeoutMs ?? READY_TIMEOUT_MS;
    for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += READY_POLL_MS) {
      if (!this.running) {
        const { exitCode = null, signalCode = null } = this.#child ?? {};
        throw new Error(`the server ended with code ${exitCode ?? signalCode}:\n${this.#output}`);
      }
      const answer = await fetch(`${this.url}/api/v1/health`).catch(() => null);
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
    throw new Error(`the server was not ready after ${timeoutMs / 1_000} s:\n${this.#output}`);
  }

  /** Resolves with the exit code when it ends by itself; null when a signal ended it. */
  async ended(): Promise<number | null> {
    const child = this.#child;
    if (!child || !this.running) return child?.exitCode ?? null;
    await new Promise((resolve) => child.once("exit", resolve));
    return child.exitCode;
  }

  /** Sends a signal and waits for the end; returns the exit code (null when a signal ended it). */
  async end(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<number | null> {
    const ended = this.ended();
    if (this.running) this.#child?.kill(signal);
    return ended;
  }

  /** Ends it and removes its data. */
  async remove(): Promise<void> {
    await this.end("SIGKILL");
    if (this.#options.data === undefined) rmSync(this.data, { recursive: true, force: true });
  }
}

/** Runs `posthaste` with these arguments, as a child. */
export function runPosthaste(
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  nodeArgs: readonly string[] = [],
): ChildProcess {
  const keys =
    args.includes("--database") && !args.includes("--master-keys-file")
      ? { POSTHASTE_MASTER_KEYS: MASTER_KEYS }
      : {};
  return spawn(process.execPath, [...nodeArgs, BIN, ...args], {
    env: { ...keys, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** A port that nothing listens on: also the address of a dead destination. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
