import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BATCH_BODY_MAX_BYTES } from "@posthaste/core/domain/limits";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "../e2e/testing/server-process.ts";
import { read } from "./testing/repository.ts";

/** A machine without nginx skips these; everything else about the file is checked in compose.test.ts. */
const hasNginx = spawnSync("nginx", ["-v"]).status === 0;
const REQUESTS = 24;

/** How a node behaves: as usual, stopping, or dying while it works on a request. */
type Mode = "works" | "stops" | "breaks";

class Node {
  mode: Mode = "works";
  port = 0;
  /** Bodies that arrived whole, also those it never answered. */
  readonly got: string[] = [];
  readonly #server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      this.got.push(Buffer.concat(chunks).toString());
      if (this.mode === "breaks") response.destroy();
      else response.writeHead(this.mode === "works" ? 202 : 503).end(`{"code":"${this.mode}"}`);
    });
  });

  async open(): Promise<void> {
    this.mode = "works";
    this.got.length = 0;
    if (this.#server.listening) return;
    this.#server.listen(this.port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

describe.skipIf(!hasNginx)("nginx with deploy/nginx.conf", () => {
  const folder = mkdtempSync(join(tmpdir(), "posthaste-nginx-"));
  const nodes = [new Node(), new Node()] as const;
  let port = 0;
  let nginx: ChildProcess | null = null;

  beforeAll(async () => {
    for (const node of nodes) node.port = await freePort();
    port = await freePort();
    // Run as root, its workers are another user.
    chmodSync(folder, 0o755);
    const file = join(folder, "nginx.conf");
    writeFileSync(file, configuration());
    nginx = spawn("nginx", ["-c", file, "-g", "daemon off;"], { stdio: "inherit" });
    await Promise.all(nodes.map((node) => node.open()));
    for (let tries = 0; tries < 200; tries += 1) {
      if ((await fetch(`http://127.0.0.1:${port}/`).catch(() => null)) !== null) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error("nginx did not start");
  });
  beforeEach(async () => {
    await Promise.all(nodes.map((node) => node.open()));
  });
  afterAll(async () => {
    if (nginx && nginx.exitCode === null) {
      const ended = once(nginx, "exit");
      nginx.kill("SIGTERM");
      await ended;
    }
    await Promise.all(nodes.map((node) => node.close()));
    rmSync(folder, { recursive: true, force: true });
  });

  /** The committed file with what only a network of containers has replaced: names and Docker's DNS. */
  function configuration(): string {
    return read("deploy/nginx.conf")
      .replace("server node-a:8071 resolve;", `server 127.0.0.1:${nodes[0].port};`)
      .replace("server node-b:8071 resolve;", `server 127.0.0.1:${nodes[1].port};`)
      .replace("listen 8080", `listen 127.0.0.1:${port}`)
      .replaceAll(" /tmp/", ` ${folder}/`)
      .replace("error_log stderr", `error_log ${folder}/error.log`);
  }

  async function ask(method: "GET" | "POST", body: string | null, key: string | null): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/app/ana/msg`, {
      method,
      ...(body === null ? {} : { body }),
      headers: key === null ? {} : { "idempotency-key": key },
    });
    await response.text();
    return response.status;
  }

  /** The answers to as many requests as make both nodes the first one asked. */
  async function askAll(method: "GET" | "POST", keyed: boolean): Promise<Set<number>> {
    const asked = Array.from({ length: REQUESTS }, (_none, index) =>
      ask(method, method === "GET" ? null : `event ${index}`, keyed ? `key-${index}` : null),
    );
    return new Set(await Promise.all(asked));
  }

  test("requests go to both nodes", async () => {
    expect(await askAll("POST", false)).toEqual(new Set([202]));
    for (const { got } of nodes) expect(got.length).toBeGreaterThan(0);
  });

  test.each([0, 1] as const)(
    "a stop of node %i is not seen: its 503 is asked again at the other",
    async (index) => {
      nodes[index].mode = "stops";
      expect(await askAll("POST", false)).toEqual(new Set([202]));
      expect(nodes[1 - index]?.got.length).toBe(REQUESTS);
    },
  );

  test("a node that is gone is not seen", async () => {
    await nodes[0].close();
    expect(await askAll("POST", false)).toEqual(new Set([202]));
    expect(await askAll("GET", false)).toEqual(new Set([202]));
  });

  test("a node that dies in a request is not seen by GET, nor by POST with an Idempotency-Key", async () => {
    nodes[1].mode = "breaks";
    expect(await askAll("GET", false)).toEqual(new Set([202]));
    expect(await askAll("POST", true)).toEqual(new Set([202]));
  });

  test("a POST without a key that a node may have done is never sent twice: its client gets 502", async () => {
    nodes[1].mode = "breaks";
    expect(await askAll("POST", false)).toEqual(new Set([202, 502]));
    const all = nodes.flatMap(({ got }) => got);
    expect(all.length).toBe(REQUESTS);
    expect(new Set(all).size).toBe(REQUESTS);
  });

  test("when both stop, the client gets the node's own 503", async () => {
    for (const node of nodes) node.mode = "stops";
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "event" });
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ code: "stops" });
  });

  test("a batch of the largest size arrives whole, also the second time it is sent", async () => {
    for (const mode of ["works", "stops"] as const) {
      nodes[0].mode = mode;
      nodes[1].got.length = 0;
      const body = "x".repeat(BATCH_BODY_MAX_BYTES);
      while (nodes[1].got.length === 0) expect(await ask("POST", body, null)).toBe(202);
      expect(nodes[1].got[0] === body).toBe(true);
    }
  });

  test("metrics are not shown", async () => {
    const { status } = await fetch(`http://127.0.0.1:${port}/metrics`);
    expect(status).toBe(404);
    expect(nodes.flatMap(({ got }) => got)).toEqual([]);
  });
});
