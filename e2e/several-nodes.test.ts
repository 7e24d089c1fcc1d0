import { type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { makeDatabase, noPostgres } from "../packages/core/src/storage/postgres/testing/test-database.ts";
import { freePort, runPosthaste } from "./testing/server-process.ts";

const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

interface Node {
  readonly url: string;
  readonly child: ChildProcess;
  readonly output: () => string;
}

async function run(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = runPosthaste(args);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => void (stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => void (stderr += chunk.toString()));
  const [code] = (await once(child, "close")) as [number];
  return { code, stdout, stderr };
}

async function startNode(
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Node> {
  const port = await freePort();
  const child = runPosthaste(["start", "--dev", "--port", String(port), ...flags], {
    ...process.env,
    ...env,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => void (output += chunk.toString()));
  }
  cleanups.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  });
  const node = { url: `http://127.0.0.1:${port}`, child, output: () => output };
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`the node ended with code ${child.exitCode}:\n${output}`);
    const answer = await fetch(`${node.url}/api/v1/health`).catch(() => null);
    return answer?.ok === true;
  });
  return node;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 25));
}

/** A receiver that answers what it is told to, and the ids it got. */
async function startReceiver(): Promise<{
  url: string;
  posts: string[];
  hang: boolean;
  refuses: boolean;
  release(): void;
}> {
  const hanging: ServerResponse[] = [];
  const receiver = {
    url: "",
    posts: [] as string[],
    hang: false,
    refuses: false,
    release() {
      receiver.hang = false;
      for (const response of hanging.splice(0)) response.destroy();
    },
  };
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      receiver.posts.push(String(request.headers["webhook-id"]));
      if (receiver.hang) hanging.push(response);
      else response.writeHead(receiver.refuses ? 500 : 204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return receiver;
}

describe.skipIf(noPostgres)("several nodes on one PostgreSQL", () => {
  const key = `phk_live_${randomBytes(16).toString("hex")}`;
  const ask = (
    node: Node,
    { method = "GET", path, body, as = key }: { method?: string; path: string; body?: unknown; as?: string },
  ): Promise<Response> =>
    fetch(`${node.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${as}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const call = async (node: Node, method: string, path: string, body?: unknown): Promise<{ id: string }> => {
    const response = await fetch(`${node.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? { id: "" } : (JSON.parse(text) as { id: string });
  };
  const send = async (node: Node): Promise<string> => {
    const body = { eventType: "order.completed", payload: { a: 1 } };
    return (await call(node, "POST", "/app/ana/msg", body)).id;
  };

  test("migrate says what it did in one sentence, and never the password", async () => {
    const url = await makeDatabase({ empty: true });
    const first = await run(["migrate", "--database", url]);
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.stdout).toMatch(/^The database t_\w+ at 127\.0\.0\.1:\d+ went from schema 0 to \d+\.\n$/);
    const second = await run(["migrate", "--database", url]);
    expect(second.code).toBe(0);
    expect(second.stdout).toMatch(/has schema \d+ already\.\n$/);
    const wrong = await run(["migrate", "--database", `${url}_not_there`]);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr.trim().split("\n")).toHaveLength(1);
    expect(wrong.stderr + first.stdout).not.toContain("posthaste:posthaste");
    expect(wrong.stderr + first.stdout).not.toContain(":posthaste@");
    expect(await run(["migrate"])).toMatchObject({ code: 64 });
  });

  test("nodes that start at once on an empty database all come up", async () => {
    const url = await makeDatabase({ empty: true });
    const flags = ["--database", url, "--api-key", key];
    const nodes = await Promise.all([startNode(flags), startNode(flags), startNode(flags)]);
    for (const node of nodes) await call(node, "GET", "/app");
    for (const node of nodes) expect(node.output()).not.toContain(":posthaste@");
  });

  test("kill -9 of one node: the other sends what it held", async () => {
    const receiver = await startReceiver();
    const flags = ["--database", await makeDatabase(), "--api-key", key];
    const [a, b] = [await startNode(flags), await startNode(flags)];
    await call(a, "POST", "/app", { name: "Yoga with Ana", uid: "ana" });
    await call(a, "POST", "/app/ana/endpoint", { url: receiver.url });
    receiver.hang = true;
    const sent = await Promise.all(Array.from({ length: 20 }, () => send(a)));
    await until(() => receiver.posts.length >= 4);
    a.child.kill("SIGKILL");
    receiver.hang = false;
    receiver.posts.length = 0;
    await until(() => new Set(receiver.posts).size === sent.length);
    await send(b);
  });

  test(
    "settings that one node is told count on the other, which deletes payloads that a dead one delivered",
    { timeout: 60_000 },
    async () => {
      const receiver = await startReceiver();
      const flags = ["--database", await makeDatabase(), "--api-key", key];
      const [a, b] = [await startNode(flags), await startNode(flags)];
      await call(a, "POST", "/app", { name: "Yoga with Ana", uid: "ana" });
      const endpoint = (await call(a, "POST", "/app/ana/endpoint", { url: receiver.url })).id;
      const settings = "/management/environment-settings";
      const access = await ask(a, { method: "POST", path: "/auth/app-portal-access/ana", body: {} });
      const { token } = (await access.json()) as { token: string };
      const change = async (): Promise<number> => {
        const path = `/app/ana/endpoint/${endpoint}`;
        return (await ask(b, { method: "PATCH", path, body: { description: "Shop" }, as: token })).status;
      };
      expect(await change()).toBe(200);
      await call(a, "PATCH", settings, { readOnly: true, wipeSuccessfulPayload: true });
      const told = performance.now();
      await until(async () => (await change()) === 403);
      expect(performance.now() - told).toBeLessThan(10_000);
      const sent = await Promise.all(Array.from({ length: 50 }, () => send(a)));
      await until(() => new Set(receiver.posts).size === sent.length);
      a.child.kill("SIGKILL");
      for (const id of sent) {
        await until(async () => (await ask(b, { path: `/app/ana/msg/${id}/raw` })).status === 404);
      }
    },
  );

  test("a node that was stopped for longer than the others' patience sends nothing of it when it goes on", async () => {
    const receiver = await startReceiver();
    const flags = ["--database", await makeDatabase(), "--api-key", key];
    const [a, b] = [await startNode(flags), await startNode(flags)];
    await call(a, "POST", "/app", { name: "Yoga with Ana", uid: "ana" });
    await call(a, "POST", "/app/ana/endpoint", { url: receiver.url });
    receiver.hang = true;
    const sent = await Promise.all(Array.from({ length: 20 }, () => send(a)));
    await until(() => receiver.posts.length >= 4);
    a.child.kill("SIGSTOP");
    receiver.release();
    receiver.posts.length = 0;
    await until(() => new Set(receiver.posts).size === sent.length);
    const before = receiver.posts.length;
    a.child.kill("SIGCONT");
    await until(() => a.output().includes("this node's lease is lost"));
    await until(async () => (await fetch(`${a.url}/api/v1/health`)).ok);
    const late = [await send(a), await send(b)];
    await until(() => receiver.posts.length >= before + late.length);
    expect(receiver.posts.slice(before).toSorted()).toEqual(late.toSorted());
  });

  test("an api node accepts, a worker sends, and both stop cleanly", async () => {
    const receiver = await startReceiver();
    const flags = ["--database", await makeDatabase(), "--api-key", key];
    const api = await startNode([...flags, "--role", "api"]);
    await call(api, "POST", "/app", { name: "Yoga with Ana", uid: "ana" });
    await call(api, "POST", "/app/ana/endpoint", { url: receiver.url });
    const sent = [await send(api), await send(api)];
    const worker = await startNode([...flags, "--role", "worker"]);
    await until(() => receiver.posts.length === 2);
    expect(receiver.posts.toSorted()).toEqual(sent.toSorted());
    await expect(send(worker)).rejects.toThrow("503");
    const metrics = await (await fetch(`${worker.url}/metrics`)).text();
    expect(metrics).toContain("posthaste_nodes 2\n");
    for (const { child } of [api, worker]) {
      const exit = once(child, "exit");
      child.kill("SIGTERM");
      expect(await exit).toEqual([0, null]);
    }
  });

  test("an environment made on one node is served by the other at once, and refused there within 5 s of its end", async () => {
    const receiver = await startReceiver();
    const operator = `phop_${randomBytes(16).toString("hex")}`;
    const flags = ["--database", await makeDatabase(), "--retry-schedule", Array(20).fill("300ms").join()];
    const env = { POSTHASTE_OPERATOR_KEY: operator };
    const [one, two] = [await startNode(flags, env), await startNode(flags, env)];
    const path = "/management/environment";
    const asked = { method: "POST", path, body: { name: "Staging", type: "development" }, as: operator };
    const { id } = (await (await ask(one, asked)).json()) as { id: string };
    const keys = `/management/authentication/${id}/api-token`;
    const issued = await ask(one, { method: "POST", path: keys, body: { name: "First" }, as: operator });
    const { token: as } = (await issued.json()) as { token: string };
    const post = async (place: string, body: object): Promise<number> =>
      (await ask(two, { method: "POST", path: place, body, as })).status;
    expect(await post("/app", { name: "Ana", uid: "ana" })).toBe(201);
    // Never answers with a success, so that there is always a next attempt.
    expect(await post("/app/ana/endpoint", { url: receiver.url })).toBe(201);
    receiver.refuses = true;
    for (let sent = 0; sent < 5; sent++) {
      expect(await post("/app/ana/msg", { eventType: "order.completed", payload: {} })).toBe(202);
    }
    await until(() => receiver.posts.length >= 10);
    const deletedAt = performance.now();
    expect((await ask(one, { method: "DELETE", path: `${path}/${id}`, as: operator })).status).toBe(204);
    expect((await ask(one, { path: "/app", as })).status).toBe(401);
    await until(async () => (await ask(two, { path: "/app", as })).status === 401);
    expect(performance.now() - deletedAt).toBeLessThan(6_000);
    const before = receiver.posts.length;
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(receiver.posts.length).toBe(before);
    for (const node of [one, two]) expect((await ask(node, { path: "/app", as: operator })).status).toBe(403);
    expect((await ask(two, { path: `${path}/${id}`, as: operator })).status).toBe(404);
  });
});
