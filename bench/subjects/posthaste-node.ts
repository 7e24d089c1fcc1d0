import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { adopt } from "../children.ts";
import { nowMicros, sleep } from "../clock.ts";
import { freePort } from "./ports.ts";

export const API_KEY = "phk_live_0123456789abcdefghijABCDEFGHIJ01";
const PROGRAM = fileURLToPath(new URL("../../packages/cli/bin/posthaste.js", import.meta.url));
/** For those on PostgreSQL; a folder makes its own. */
const MASTER_KEYS = `phm_${"e2e0".repeat(10)}aaE`;
const READY_MS = 60_000;

/** One process of the real server, as `npx posthaste start` runs it. */
export interface PosthasteNode {
  readonly port: number;
  readonly child: ChildProcess;
  /** Microseconds of the shared clock. */
  readonly spawnedAt: number;
  readonly readyAt: number;
  readonly client: Client;
}

/** Starts a node and waits until it accepts events; its log goes to a file in `folder`. */
export async function startNode(folder: string, where: readonly string[]): Promise<PosthasteNode> {
  const port = await freePort();
  const logFile = join(folder, `server-${port}.log`);
  const log = openSync(logFile, "a");
  const listen = ["start", "--host", "127.0.0.1", "--port", `${port}`];
  const args = [PROGRAM, ...listen, ...where, "--dev", "--api-key", API_KEY];
  const shared = where.includes("--database") ? { POSTHASTE_MASTER_KEYS: MASTER_KEYS } : {};
  const env = { ...shared, ...process.env };
  const spawnedAt = nowMicros();
  const child = adopt(spawn(process.execPath, args, { env, stdio: ["ignore", log, log] }));
  closeSync(log);
  const client = clientOf(port);
  await client.ready(child, logFile);
  return { port, child, spawnedAt, readyAt: nowMicros(), client };
}

interface Client {
  readonly get: (path: string) => Promise<unknown>;
  readonly getText: (path: string) => Promise<string>;
  readonly post: (path: string, body: unknown) => Promise<unknown>;
  readonly ready: (child: ChildProcess, logFile: string) => Promise<void>;
}

function clientOf(port: number): Client {
  const origin = `http://127.0.0.1:${port}`;
  const headers = { authorization: `Bearer ${API_KEY}`, "content-type": "application/json" };
  const call = async (method: string, path: string, body?: unknown): Promise<Response> => {
    const response = await fetch(origin + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  return {
    get: async (path) => (await call("GET", `/api/v1${path}`)).json(),
    getText: async (path) => (await call("GET", path)).text(),
    post: async (path, body) => (await call("POST", `/api/v1${path}`, body)).json(),
    ready: async (child, logFile) => {
      const until = nowMicros() + READY_MS * 1000;
      while (nowMicros() < until && child.exitCode === null) {
        const status = await fetch(`${origin}/api/v1/health`).then(
          (response) => response.status,
          () => 0,
        );
        if (status === 204) return;
        await sleep(20);
      }
      throw new Error(`Posthaste did not start:\n${readFileSync(logFile, "utf8").slice(-2_000)}`);
    },
  };
}
