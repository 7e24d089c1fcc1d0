import { type ChildProcess, execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { sleep } from "../clock.ts";
import { adopt, end, makeFolder, removeFolder } from "../children.ts";
import { freePort } from "./ports.ts";

const PROGRAM = "redis-server";

export interface RunningRedis {
  readonly url: string;
  /** Undefined where the server is not on this machine: its CPU is then not counted. */
  readonly pid: number | undefined;
  readonly stop: () => Promise<void>;
}

/** Where a Redis can come from: REDIS_URL, or the program itself. Undefined where there is none. */
export async function findRedis(): Promise<string | undefined> {
  const url = process.env["REDIS_URL"];
  if (url !== undefined && url !== "") return "the Redis of REDIS_URL";
  try {
    const { stdout } = await promisify(execFile)(PROGRAM, ["--version"]);
    return `redis-server ${/v=(\S+)/.exec(stdout)?.[1] ?? ""}`.trim();
  } catch {
    return undefined;
  }
}

export async function startRedis(dataDir: string): Promise<RunningRedis> {
  const url = process.env["REDIS_URL"];
  if (url !== undefined && url !== "") return { url, pid: await localPid(url), stop: async () => undefined };
  const folder = makeFolder(dataDir, "redis");
  const port = await freePort();
  // As BullMQ's guide for production has it: append-only file, flushed every second; no snapshots on top.
  const args = ["--bind", "127.0.0.1", "--port", `${port}`, "--dir", folder, "--save", ""];
  const child = adopt(
    spawn(PROGRAM, [...args, "--appendonly", "yes", "--appendfsync", "everysec"], { stdio: "ignore" }),
  );
  await ready(`redis://127.0.0.1:${port}`, child);
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid,
    stop: async () => {
      await end(child);
      removeFolder(folder);
    },
  };
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: null, retryStrategy: () => 50 });
  // Refused connections until it listens are expected.
  redis.on("error", () => undefined);
  try {
    for (let tries = 0; tries < 100; tries += 1) {
      if (child.exitCode !== null) break;
      const pong = await Promise.race([redis.ping().catch(() => ""), sleep(100)]);
      if (pong === "PONG") return;
    }
    throw new Error("redis-server did not start");
  } finally {
    redis.disconnect();
  }
}

/** The process of a Redis that runs on this machine, if that is what it is. */
async function localPid(url: string): Promise<number | undefined> {
  const redis = new Redis(url);
  try {
    const pid = Number(/process_id:(\d+)/.exec(await redis.info("server"))?.[1]);
    return readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("redis") ? pid : undefined;
  } catch {
    return undefined;
  } finally {
    redis.disconnect();
  }
}
