import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createServer, type AddressInfo } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const READY_TIMEOUT_MS = 20_000;
const READY_POLL_MS = 50;

/** A real Posthaste, started with the same command a user would type, on a folder that goes with it. */
export interface ServerProcess {
  readonly url: string;
  readonly key: string;
  stop(): Promise<void>;
}

export async function startServerProcess(flags: readonly string[]): Promise<ServerProcess> {
  const data = mkdtempSync(join(tmpdir(), "posthaste-demo-"));
  const port = await freePort();
  const key = `phk_live_${randomBytes(16).toString("hex")}`;
  const bin = join(import.meta.dirname, "../packages/cli/src/bin.ts");
  const child = spawn(
    process.execPath,
    [bin, "start", "--port", String(port), "--data", data, "--api-key", key, ...flags],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await ended(child);
    rmSync(data, { recursive: true, force: true });
  };
  try {
    await ready(child, url);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, key, stop };
}

/** A port that nothing listens on: also the address of a dead destination. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function ready(child: ChildProcess, url: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < READY_TIMEOUT_MS; waitedMs += READY_POLL_MS) {
    if (child.exitCode !== null) throw new Error(`the server ended with code ${child.exitCode}`);
    const answer = await fetch(`${url}/api/v1/health`).catch(() => null);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
  throw new Error(`the server was not ready after ${READY_TIMEOUT_MS / 1_000} s`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await exit;
}
