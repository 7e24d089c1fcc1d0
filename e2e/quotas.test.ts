import { afterEach, expect, test } from "vitest";
import { ServerProcess } from "./testing/server-process.ts";

const servers: ServerProcess[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.remove();
});

/** A burst is ten seconds' worth. */
const BURST = 10;

async function start(flags: readonly string[]): Promise<ServerProcess> {
  const server = new ServerProcess(["--log-level", "warn", ...flags]);
  servers.push(server);
  await server.start();
  return server;
}

const call = (server: ServerProcess, method: string, path: string, body?: object): Promise<Response> =>
  fetch(`${server.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${server.key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

/** Of each quota, how many requests the server says that it refused. */
async function refusals(server: ServerProcess): Promise<Record<string, number>> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const lines = text.matchAll(/^posthaste_requests_refused_total\{quota="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, quota = "", count]) => [quota, Number(count)]));
}

async function expectRefusal(reply: Response): Promise<number> {
  expect(reply.status).toBe(429);
  const retryAfterS = Number(reply.headers.get("retry-after"));
  expect(retryAfterS).toBeGreaterThanOrEqual(1);
  expect(await reply.json()).toEqual({
    code: "too_many_requests",
    detail: expect.stringContaining(`Try again in ${retryAfterS} s`),
  });
  return retryAfterS;
}

test("requests beyond a key's quota are answered 429 with Retry-After, counted, and allowed again after it", async () => {
  const server = await start(["--key-requests-per-second", "1"]);
  expect((await refusals(server))["key"] ?? 0).toBe(0);
  const replies = await Promise.all(
    Array.from({ length: 4 * BURST }, () => call(server, "GET", "/event-type?limit=1")),
  );
  const refused = replies.filter(({ status }) => status !== 200);
  expect(replies.length - refused.length).toBeGreaterThanOrEqual(BURST);
  expect(refused.length).toBeGreaterThan(0);
  const waits = await Promise.all(refused.map(expectRefusal));
  expect(await refusals(server)).toEqual({ key: refused.length });
  await new Promise((resolve) => setTimeout(resolve, Math.max(...waits) * 1_000));
  expect((await call(server, "GET", "/event-type?limit=1")).status).toBe(200);
  expect(await refusals(server)).toEqual({ key: refused.length });
});

test("messages beyond an application's quota are refused whole and counted, those of another application are not", async () => {
  const server = await start(["--app-messages-per-second", "1"]);
  for (const uid of ["ana", "ben"]) {
    expect((await call(server, "POST", "/app", { name: uid, uid })).status).toBe(201);
  }
  const send = (uid: string): Promise<Response> =>
    call(server, "POST", `/app/${uid}/msg`, { eventType: "order.completed", payload: {} });
  const replies = await Promise.all(Array.from({ length: 4 * BURST }, () => send("ana")));
  const refused = replies.filter(({ status }) => status !== 202);
  expect(refused.length).toBeGreaterThan(0);
  await Promise.all(refused.map(expectRefusal));
  expect((await send("ben")).status).toBe(202);
  expect(await refusals(server)).toEqual({ application: refused.length });
  const stored = (await (await call(server, "GET", "/app/ana/msg?limit=250")).json()) as { data: object[] };
  expect(stored.data).toHaveLength(replies.length - refused.length);
});
