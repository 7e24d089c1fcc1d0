import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createVerifier, type Verifier } from "@posthaste/receiver";
import { afterEach, expect, test } from "vitest";
import { ServerProcess } from "./testing/server-process.ts";

/** What the receiver saw: every POST, by message. */
interface Ledger {
  readonly posts: Map<string, number>;
  badSignatures: number;
  verifier: Verifier | null;
}

const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function setup(flags: readonly string[] = []): Promise<{ server: ServerProcess; ledger: Ledger }> {
  const ledger: Ledger = { posts: new Map(), badSignatures: 0, verifier: null };
  const receiver = await listen(ledger);
  const server = new ServerProcess(["--dev", "--log-level", "warn", ...flags]);
  cleanups.push(() => server.remove());
  await server.start();
  await call(server, "POST", "/app", { name: "Yoga with Ana", uid: "ana" });
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  await call(server, "POST", "/app/ana/endpoint", { url, uid: "site" });
  const { key } = (await call(server, "GET", "/app/ana/endpoint/site/secret")) as { key: string };
  ledger.verifier = createVerifier({ secrets: key });
  return { server, ledger };
}

async function listen(ledger: Ledger): Promise<Server> {
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const id = String(request.headers["webhook-id"]);
      ledger.posts.set(id, (ledger.posts.get(id) ?? 0) + 1);
      void ledger.verifier
        ?.verify({ headers: request.headers, body: Buffer.concat(chunks) })
        .catch(() => (ledger.badSignatures += 1));
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    receiver.closeAllConnections();
    receiver.close();
  });
  return receiver;
}

async function call(server: ServerProcess, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${server.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${server.key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

/** Posts events until told to stop; returns the ids that were acknowledged with a 202. */
function startClients(server: ServerProcess, count: number): { stop: () => Promise<string[]> } {
  const acknowledged: string[] = [];
  const stopped = new AbortController();
  const client = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      try {
        const message = (await call(server, "POST", "/app/ana/msg", {
          eventType: "order.completed",
          payload: { orderId: acknowledged.length, note: "x".repeat(200) },
        })) as { id: string };
        acknowledged.push(message.id);
      } catch {
        // Refused, reset or away: not acknowledged, so nothing was promised.
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  };
  const clients = Array.from({ length: count }, client);
  return {
    stop: async () => {
      stopped.abort();
      await Promise.all(clients);
      return acknowledged;
    },
  };
}

async function hasPayload(server: ServerProcess, messageId: string): Promise<boolean> {
  const response = await fetch(`${server.url}/api/v1/app/ana/msg/${messageId}/raw`, {
    headers: { authorization: `Bearer ${server.key}` },
  });
  if (response.status !== 200 && response.status !== 404) throw new Error(`raw: ${response.status}`);
  return response.status === 200;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

test(
  "kill -9 in the middle of traffic loses nothing that was acknowledged",
  { timeout: 120_000 },
  async () => {
    const { server, ledger } = await setup();
    const clients = startClients(server, 8);
    for (let kill = 1; kill <= 5; kill++) {
      const before = ledger.posts.size;
      await until(() => ledger.posts.size > before + 150);
      await server.end("SIGKILL");
      await server.start();
    }
    const acknowledged = await clients.stop();
    await until(() => acknowledged.every((id) => ledger.posts.has(id)));
    expect(acknowledged.length).toBeGreaterThan(500);
    expect(ledger.badSignatures).toBe(0);
    const [id = ""] = acknowledged;
    const attempts = (await call(server, "GET", `/app/ana/attempt/msg/${id}`)) as { data: unknown[] };
    expect(attempts.data.length).toBeGreaterThanOrEqual(1);
  },
);

test(
  "kill -9 between a delivery and the deletion of its payload leaves no payload behind",
  { timeout: 120_000 },
  async () => {
    const { server, ledger } = await setup();
    await call(server, "PATCH", "/management/environment-settings", { wipeSuccessfulPayload: true });
    const clients = startClients(server, 4);
    for (let kill = 1; kill <= 2; kill++) {
      const before = ledger.posts.size;
      await until(() => ledger.posts.size > before + 60);
      await server.end("SIGKILL");
      await server.start();
    }
    const acknowledged = await clients.stop();
    await until(() => acknowledged.every((id) => ledger.posts.has(id)));
    for (const id of acknowledged) {
      while (await hasPayload(server, id)) await new Promise((resolve) => setTimeout(resolve, 100));
    }
    // Each was sent whole, also the second time.
    expect(ledger.badSignatures).toBe(0);
    expect(acknowledged.length).toBeGreaterThan(100);
  },
);

test(
  "a graceful stop finishes what is in flight: no loss, no duplicate, exit code 0",
  { timeout: 60_000 },
  async () => {
    const { server, ledger } = await setup();
    const clients = startClients(server, 4);
    await until(() => ledger.posts.size > 200);
    expect(await server.end("SIGTERM")).toBe(0);
    await server.start();
    const acknowledged = await clients.stop();
    await until(() => acknowledged.every((id) => ledger.posts.has(id)));
    expect([...ledger.posts.values()].filter((posts) => posts > 1)).toEqual([]);
  },
);

test("a second server on the same data is refused and the first goes on", { timeout: 60_000 }, async () => {
  const { server, ledger } = await setup();
  const second = new ServerProcess(["--data", server.data, "--dev"]);
  cleanups.push(() => second.remove());
  await expect(second.start()).rejects.toThrow(/is using this data directory/);
  await call(server, "POST", "/app/ana/msg", { eventType: "order.completed", payload: {} });
  await until(() => ledger.posts.size === 1);
});
