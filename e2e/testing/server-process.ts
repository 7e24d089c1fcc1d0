import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createServer, type AddressInfo } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const READY_TIMEOUT_MS = 20_000;
const READY_POLL_MS = 25;
const BIN = join(import.meta.dirname, "../../packages/cli/bin/posthaste.js");

/** A real Posthaste, run with the command a user would type, on a folder of its own. */
export class ServerProcess {
  readonly data = mkdtempSync(join(tmpdir(), "posthaste-"));
  readonly key = `phk_live_${randomBytes(16).toString("hex")}`;
  readonly #flags: readonly string[];
  #child: ChildProcess | null = null;
  #output = "";
  #port = 0;

  constructor(flags: readonly string[]) {
    this.#flags = flags;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** What the process printed since its last start. */
  get output(): string {
    return this.#output;
  }

  /** Starts it, or starts it again on the same data and port; resolves when it accepts events. */
  async start(): Promise<void> {
    this.#port ||= await freePort();
    this.#output = "";
    const child = runPosthaste(
      ["start", "--port", String(this.#port), "--data", this.data, "--api-key", this.key].concat(this.#flags),
    );
    this.#child = child;
    const keep = (chunk: Buffer): void => void (this.#output += chunk.toString());
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    for (let waitedMs = 0; waitedMs < READY_TIMEOUT_MS; waitedMs += READY_POLL_MS) {
      if (child.exitCode !== null) {
        throw new Error(`the server ended with code ${child.exitCode}:\n${this.#output}`);
      }
      const answer = await fetch(`${this.url}/api/v1/health`).catch(() => null);
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
    throw new Error(`the server was not ready after ${READY_TIMEOUT_MS / 1_000} s:\n${this.#output}`);
  }

  /** Sends a signal and waits for the end; returns the exit code (null when a signal ended it). */
  async end(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<number | null> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const exit = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await exit;
    return child.exitCode;
  }

  /** Ends it and removes its data. */
  async remove(): Promise<void> {
    await this.end("SIGKILL");
    rmSync(this.data, { recursive: true, force: true });
  }
}

/** Runs `posthaste` with these arguments, as a child. */
export function runPosthaste(args: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  return spawn(process.execPath, [BIN, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
}

/** A port that nothing listens on: also the address of a dead destination. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
