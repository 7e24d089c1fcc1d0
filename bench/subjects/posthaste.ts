import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { adopt, end, makeFolder, removeFolder } from "../children.ts";
import { nowMicros, sleep } from "../clock.ts";
import { freePort } from "./ports.ts";
import { appUid, type Subject, type SubjectOptions } from "./subject.ts";

const API_KEY = "phk_live_0123456789abcdefghijABCDEFGHIJ01";
const PROGRAM = fileURLToPath(new URL("../../packages/cli/bin/posthaste.js", import.meta.url));
const DEFAULT_TIMEOUT_SECONDS = 30;
const READY_MS = 60_000;
const RECORDED_MS = 10_000;
const OWED = "posthaste_due_deliveries";
const SUCCEEDED = 'posthaste_attempts_total{outcome="success",class="2xx"}';
/** Attempts looked at one by one at each endpoint, at the end. */
const SPOT_CHECK = 5;

export interface Posthaste extends Subject {
  /** Microseconds of the shared clock. */
  readonly spawnedAt: number;
  readonly readyAt: number;
  readonly folder: string;
  readonly pending: () => Promise<number>;
  /** kill -9; the data stays. */
  readonly kill: () => Promise<void>;
}

/** The real server, as `npx posthaste start` runs it, with an empty data folder. */
export async function startPosthaste(
  { endpointUrls, dataDir }: SubjectOptions,
  timeoutSeconds = DEFAULT_TIMEOUT_SECONDS,
): Promise<Posthaste> {
  const folder = makeFolder(dataDir, "posthaste");
  const posthaste = await openPosthaste(folder, endpointUrls.length);
  const { post } = client(posthaste.port);
  await inParallel(endpointUrls.length, async (app) => {
    await post("/app", { name: `Bench ${app}`, uid: appUid(app) });
    await post(`/app/${appUid(app)}/endpoint`, {
      url: endpointUrls[app],
      uid: endpointUid(app),
      timeoutSeconds,
    });
  });
  return posthaste;
}

/** Starts the server on a folder that may hold data already. */
export async function openPosthaste(folder: string, applications: number): Promise<Posthaste> {
  const port = await freePort();
  const logFile = join(folder, "server.log");
  const log = openSync(logFile, "a");
  const args = [
    "start",
    "--host",
    "127.0.0.1",
    "--port",
    `${port}`,
    "--data",
    join(folder, "data"),
    "--dev",
    "--api-key",
    API_KEY,
  ];
  const spawnedAt = nowMicros();
  const child = adopt(spawn(process.execPath, [PROGRAM, ...args], { stdio: ["ignore", log, log] }));
  closeSync(log);
  const { get, getText, ready } = client(port);
  await ready(child, logFile);
  const readyAt = nowMicros();
  const pending = async (): Promise<number> => {
    // A scrape may show what the one before it read; the second is of now.
    await getText("/metrics");
    return metricIn(await getText("/metrics"), OWED);
  };
  return {
    port,
    apiKey: API_KEY,
    spawnedAt,
    readyAt,
    folder,
    pids: () => [child.pid ?? 0],
    pending,
    checkRecorded: async (delivered) => {
      const until = nowMicros() + RECORDED_MS * 1000;
      for (let left = await pending(); left > 0; left = await pending()) {
        if (nowMicros() > until) throw new Error(`Posthaste says that ${left} deliveries are pending`);
        await sleep(100);
      }
      const succeeded = metricIn(await getText("/metrics"), SUCCEEDED);
      if (succeeded < delivered)
        throw new Error(`${delivered} were delivered, Posthaste knows of ${succeeded}`);
      for (let app = 0; app < applications; app += 1) {
        const path = `/app/${appUid(app)}/attempt/endpoint/${endpointUid(app)}?limit=${SPOT_CHECK}`;
        const attempts = listIn(await get(path), "data");
        const good = attempts.filter(
          (attempt) => numberIn(attempt, "status") === 0 && numberIn(attempt, "responseStatusCode") === 204,
        );
        if (attempts.length === 0 || good.length < attempts.length) {
          throw new Error(`attempts of ${appUid(app)} are not all recorded as delivered`);
        }
      }
    },
    kill: () => end(child, "SIGKILL"),
    stop: async () => {
      await end(child);
      removeFolder(folder);
    },
  };
}

function endpointUid(app: number): string {
  return `bench-endpoint-${app}`;
}

function client(port: number): {
  get: (path: string) => Promise<unknown>;
  getText: (path: string) => Promise<string>;
  post: (path: string, body: unknown) => Promise<void>;
  ready: (child: ChildProcess, logFile: string) => Promise<void>;
} {
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
    post: async (path, body) => {
      await (await call("POST", `/api/v1${path}`, body)).arrayBuffer();
    },
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

async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([name]) => name === field)?.[1]
    : undefined;
}

function numberIn(value: unknown, field: string): number {
  const found = fieldOf(value, field);
  if (typeof found !== "number")
    throw new Error(`an answer has no number "${field}": ${JSON.stringify(value)}`);
  return found;
}

function listIn(value: unknown, field: string): readonly unknown[] {
  const found = fieldOf(value, field);
  if (!Array.isArray(found)) throw new Error(`an answer has no list "${field}": ${JSON.stringify(value)}`);
  return found;
}

function metricIn(text: string, name: string): number {
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
  if (line === undefined) throw new Error(`the metrics have no ${name}`);
  return Number(line.slice(name.length + 1));
}
