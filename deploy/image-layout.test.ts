import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createVerifier } from "@posthaste/receiver";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../e2e/testing/server-process.ts";
import { parseImage } from "./testing/dockerfile-rules.ts";
import { buildContext, read, readJson, ROOT } from "./testing/repository.ts";

const image = parseImage(read("Dockerfile"));
const KEY = `phk_live_${"a1b2c3d4".repeat(4)}`;
const folder = mkdtempSync(join(tmpdir(), "posthaste-image-"));

beforeAll(() => {
  copyContext();
  copyProductionModules();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the COPY lines take, and .dockerignore leaves of it, to where they put it. */
function copyContext(): void {
  const context = buildContext();
  for (const { from, to } of image.copies) {
    for (const file of context.filter((path) => path === from || path.startsWith(`${from}/`))) {
      cpSync(join(ROOT, file), join(folder, to, file.slice(from.length)), { recursive: true });
    }
  }
}

/** What `npm ci --omit=dev` leaves, without asking the registry: the lockfile's packages that are not for development. */
function copyProductionModules(): void {
  interface Locked {
    readonly dev?: boolean;
    readonly devOptional?: boolean;
    readonly link?: boolean;
    readonly resolved?: string;
  }
  const lock = readJson("package-lock.json") as { packages: Record<string, Locked> };
  for (const [path, { dev, devOptional, link, resolved }] of Object.entries(lock.packages)) {
    if (!path.includes("node_modules/") || dev === true || devOptional === true) continue;
    const target = join(folder, "app", path);
    mkdirSync(dirname(target), { recursive: true });
    if (link === true) symlinkSync(join(folder, "app", resolved ?? ""), target);
    else if (existsSync(join(ROOT, path))) cpSync(join(ROOT, path), target, { recursive: true });
  }
}

/** The image's own command line and environment, with its paths in the folder and this Node as its Node. */
function run(command: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  const [, ...args] = [...image.entrypoint, ...command];
  return spawn(process.execPath, args.map(inFolder), {
    env: imageEnv(env),
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function inFolder(value: string): string {
  return value.startsWith("/") ? join(folder, value) : value;
}

function imageEnv(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const own = Object.entries(image.env).map(([name, value]) => [name, inFolder(value)]);
  return { PATH: process.env["PATH"], ...Object.fromEntries(own), ...env };
}

function healthcheck(port: number): number | null {
  const [, ...args] = image.healthcheck;
  return spawnSync(process.execPath, args, { env: imageEnv({ POSTHASTE_PORT: String(port) }) }).status;
}

async function untilHealthy(child: ChildProcess, port: number): Promise<void> {
  let output = "";
  const keep = (chunk: Buffer): void => void (output += chunk.toString());
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  for (let tries = 0; tries < 400 && child.exitCode === null; tries += 1) {
    if ((await fetch(`http://127.0.0.1:${port}/api/v1/health`).catch(() => null))?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the image's program did not become healthy:\n${output}`);
}

async function post(port: number, path: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(response.ok, path).toBe(true);
  return (await response.json()) as Record<string, unknown>;
}

test("no devDependency is in the image's layout", () => {
  expect(existsSync(join(folder, "app/node_modules/fastify"))).toBe(true);
  const { devDependencies } = readJson("package.json") as { devDependencies: Record<string, string> };
  const owned = readdirSync(join(ROOT, "packages")).flatMap((name) => {
    const { dependencies } = readJson(`packages/${name}/package.json`) as { dependencies?: object };
    return Object.keys(dependencies ?? {});
  });
  const forbidden = ["node", "typescript", "vitest"].filter((name) => !owned.includes(name));
  for (const name of forbidden) {
    expect(devDependencies[name], name).toBeDefined();
    expect(existsSync(join(folder, "app/node_modules", name)), name).toBe(false);
  }
});

test("what the image holds starts, delivers a signed event, is healthy by its own check, and ends with 0 on SIGTERM", async () => {
  const arrived = Promise.withResolvers<{ headers: Record<string, unknown>; body: Buffer }>();
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      response.writeHead(204).end();
      arrived.resolve({ headers: request.headers, body: Buffer.concat(chunks) });
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const port = await freePort();
  expect(healthcheck(port)).toBe(1);
  const child = run(image.cmd, {
    POSTHASTE_PORT: String(port),
    POSTHASTE_API_KEY: KEY,
    // Only the test's own: the image listens on every address, and refuses private receivers.
    POSTHASTE_HOST: "127.0.0.1",
    POSTHASTE_DEV: "1",
  });
  try {
    await untilHealthy(child, port);
    expect(healthcheck(port)).toBe(0);
    await post(port, "/app", { name: "Yoga with Ana", uid: "ana" });
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
    const secret = `whsec_${Buffer.alloc(24, 7).toString("base64")}`;
    await post(port, "/app/ana/endpoint", { url, uid: "site", secret });
    const sent = await post(port, "/app/ana/msg", { eventType: "order.completed", payload: { total: 1200 } });
    const { headers, body } = await arrived.promise;
    const received = await createVerifier({ secrets: secret }).verify({
      headers: headers as Record<string, string>,
      body,
    });
    expect(received.id).toBe(sent["id"]);
    expect(received.json()).toEqual({ total: 1200 });
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  } finally {
    child.kill("SIGKILL");
    receiver.closeAllConnections();
    receiver.close();
  }
});

test("a word after the image's name is a command of the program", async () => {
  const child = run(["start", "--help"], {});
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => void (output += chunk.toString()));
  expect(await once(child, "close")).toEqual([0, null]);
  expect(output).toContain("POSTHASTE_DATA");
});
