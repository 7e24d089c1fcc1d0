import { once } from "node:events";
import { connect } from "node:net";
import { SECOND_MS } from "@posthaste/core/domain/time";
import { fakeRuntime } from "@posthaste/core/runtime/testing/fake-runtime";
import { ApiException, Svix } from "svix";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { QUOTA_BUCKETS_MAX, QUOTA_BURST_S } from "./http-limits.ts";
import { issue } from "./issue.ts";
import { NO_QUOTAS, type Quota, type QuotaRates, Quotas } from "./quotas.ts";
import { loadSvixContract } from "./testing/svix-contract.ts";
import { type Reply, startTestServer, type TestServer } from "./testing/test-server.ts";

const contract = loadSvixContract();
let base: TestServer;
beforeAll(async () => {
  base = await startTestServer();
});
afterAll(() => base.close());

/** A node with quotas; its clock is the test's. */
const node = (quotas: Partial<QuotaRates>): Promise<TestServer> =>
  base.another({ quotas: new Quotas({ ...NO_QUOTAS, ...quotas }, base.runtime) });

/** Calls until it is refused: how many were not, and the refusal. */
async function spend(call: () => Promise<Reply>): Promise<{ allowed: number; refusal: Reply }> {
  for (let allowed = 0; allowed < 200; allowed++) {
    const reply = await call();
    if (reply.status === 429) return { allowed, refusal: reply };
    expect(reply.status, reply.text).toBeLessThan(400);
  }
  throw new Error("nothing was refused");
}

function expectRefused(refusal: Reply, { retryAfterS, path }: { retryAfterS: number; path: string }): void {
  expect(refusal.headers["retry-after"]).toBe(String(retryAfterS));
  expect(refusal.json).toEqual({
    code: "too_many_requests",
    detail: expect.stringContaining(`Try again in ${retryAfterS} s`),
  });
  const [method = "", url = ""] = path.split(" ");
  if (contract) expect(contract.faults(method, url, { status: 429, body: refusal.json })).toBeNull();
}

describe("requests of one credential", () => {
  it("are refused beyond the key's burst, and allowed again at its rate", async () => {
    const server = await node({ keyRequestsPerS: 2 });
    const list = (): Promise<Reply> => server.call("GET", "/api/v1/app");
    const { allowed, refusal } = await spend(list);
    expect(allowed).toBe(2 * QUOTA_BURST_S);
    expectRefused(refusal, { retryAfterS: 1, path: "GET /api/v1/app" });
    await base.runtime.advance(SECOND_MS);
    expect((await spend(list)).allowed).toBe(2);
  });

  it("are counted for each key apart, also those that are refused, and never where no key is needed", async () => {
    const server = await node({ keyRequestsPerS: 1 });
    const { environmentId } = base.live;
    const narrow = await issue({ kind: "api_key", environmentId, name: "n", scopes: [] }, base);
    for (let n = 0; n < QUOTA_BURST_S; n++) {
      expect((await server.call("GET", "/api/v1/app", { key: narrow.text })).status).toBe(403);
    }
    expect((await server.call("GET", "/api/v1/app", { key: narrow.text })).status).toBe(429);
    for (const path of ["/api/v1/app", "/api/v1/event-type"]) {
      expect((await server.call("GET", path, { key: base.sandbox.key })).status).toBe(200);
    }
    for (let n = 0; n < 2 * QUOTA_BURST_S; n++) {
      expect((await server.call("GET", "/api/v1/health", { key: narrow.text })).status).toBe(204);
    }
  });

  it("of a portal's or a message token are counted apart from the keys'", async () => {
    const server = await node({ tokenRequestsPerS: 1 });
    const appId = await base.application();
    const token = {
      environmentId: base.live.environmentId,
      appId,
      expiresAt: Number.MAX_SAFE_INTEGER,
    } as const;
    const portal = await issue({ ...token, kind: "portal" }, base);
    const sender = await issue({ ...token, kind: "message" }, base);
    const look = (): Promise<Reply> =>
      server.call("GET", `/api/v1/app/${appId}/endpoint`, { key: portal.text });
    const { allowed, refusal } = await spend(look);
    expect(allowed).toBe(QUOTA_BURST_S);
    expectRefused(refusal, { retryAfterS: 1, path: "GET /api/v1/app/x/endpoint" });
    const body = { eventType: "order.completed", payload: {} };
    const sent = await server.call("POST", `/api/v1/app/${appId}/msg`, { key: sender.text, body });
    expect(sent.status).toBe(202);
    for (let n = 0; n < 2 * QUOTA_BURST_S; n++) {
      expect((await server.call("GET", "/api/v1/app")).status).toBe(200);
    }
  });

  it("are refused before a byte of the body came", async () => {
    const server = await node({ keyRequestsPerS: 1 });
    await spend(() => server.call("GET", "/api/v1/app"));
    await server.app.listen({ host: "127.0.0.1", port: 0 });
    const { port } = server.app.server.address() as { port: number };
    const socket = connect(port, "127.0.0.1");
    socket.write(
      `POST /api/v1/app HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${base.live.key}\r\n` +
        "content-type: application/json\r\ncontent-length: 1000\r\n\r\n",
    );
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 429 [^]*\r\nretry-after: 1\r\n/);
    socket.destroy();
    server.app.server.closeAllConnections();
    await server.app.close();
  });
});

const stored = async (app: string): Promise<number> =>
  (await base.call("GET", `/api/v1/app/${app}/msg?limit=250`)).json.data.length;

describe("messages for one application", () => {
  const messageTo = (server: TestServer, app: string, body: unknown = MESSAGE): Promise<Reply> =>
    server.call("POST", `/api/v1/app/${app}/msg`, { body });
  const MESSAGE = { eventType: "order.completed", payload: {} };
  const batch = (count: number): object => ({ messages: Array.from({ length: count }, () => MESSAGE) });

  it("are refused beyond the burst, by id and by uid alike, and none of them is stored", async () => {
    const server = await node({ appMessagesPerS: 1 });
    const app = await base.application({ uid: "busy" });
    const other = await base.application();
    let turn = 0;
    const { allowed, refusal } = await spend(() => messageTo(server, turn++ % 2 === 0 ? app : "busy"));
    expect(allowed).toBe(QUOTA_BURST_S);
    expectRefused(refusal, { retryAfterS: 1, path: "POST /api/v1/app/x/msg" });
    // Before the body is looked at.
    expect((await messageTo(server, "busy", "{")).status).toBe(429);
    expect(await stored(app)).toBe(QUOTA_BURST_S);
    expect((await messageTo(server, other)).status).toBe(202);
    expect((await server.call("GET", `/api/v1/app/${app}`)).status).toBe(200);
    await base.runtime.advance(SECOND_MS);
    expect((await spend(() => messageTo(server, app))).allowed).toBe(1);
  });

  it("of a batch are all counted: it is accepted whole or refused whole, and what is owed is waited for", async () => {
    const server = await node({ appMessagesPerS: 1 });
    const app = await base.application();
    const send = (count: number): Promise<Reply> =>
      server.call("POST", `/api/v1/app/${app}/msg/batch`, { body: batch(count) });
    expect((await send(QUOTA_BURST_S + 5)).status).toBe(200);
    const refusal = await send(1);
    expect(refusal.status).toBe(429);
    expect(refusal.headers["retry-after"]).toBe("6");
    expect(await stored(app)).toBe(QUOTA_BURST_S + 5);
    await base.runtime.advance(6 * SECOND_MS);
    expect((await send(1)).status).toBe(200);
  });

  it.each([
    ["/msg", MESSAGE],
    ["/msg/batch", batch(1)],
    ["/endpoint/hook/msg/test-attempt", MESSAGE],
    ["/endpoint/hook/send-example", { eventType: "svix.ping" }],
  ])("that come by %s are counted, and refused before a body is read", async (way, body) => {
    const server = await node({ appMessagesPerS: 1 });
    const app = await base.application();
    await base.endpoint(app, { uid: "hook" });
    const send = (sent: unknown): Promise<Reply> =>
      server.call("POST", `/api/v1/app/${app}${way}`, { body: sent });
    expect((await spend(() => send(body))).allowed).toBe(QUOTA_BURST_S);
    expect((await send("{")).status).toBe(429);
  });

  it("are counted together, whoever sends them", async () => {
    const server = await node({ appMessagesPerS: 1 });
    const appId = await base.application();
    const { environmentId } = base.live;
    const sender = await issue(
      { kind: "message", environmentId, appId, expiresAt: Number.MAX_SAFE_INTEGER },
      base,
    );
    await spend(() => messageTo(server, appId));
    const url = `/api/v1/app/${appId}/msg`;
    expect((await server.call("POST", url, { key: sender.text, body: MESSAGE })).status).toBe(429);
  });
});

describe("broadcasts", () => {
  const BROADCAST = { eventType: "order.completed", payload: {} };
  let limited: TestServer;
  const refused: Quota[] = [];
  beforeAll(async () => {
    let quotas: Quotas | null = null;
    const made = await startTestServer({ onBroadcast: (appId) => quotas?.countBroadcast(appId) });
    const { clock } = made.runtime;
    const rates = { ...NO_QUOTAS, appMessagesPerS: 0.001 };
    quotas = new Quotas(rates, { clock, onRefused: (quota) => refused.push(quota) });
    limited = { ...(await made.another({ quotas })), close: () => made.close() };
  });
  afterAll(() => limited.close());

  it("count in the messages of each application, and beyond its rate are refused before they begin", async () => {
    const [app, other] = [await limited.application(), await limited.application()];
    const broadcast = (): Promise<Reply> =>
      limited.call("POST", "/api/v1/msg/broadcast", { body: BROADCAST });
    const { id } = (await broadcast()).json;
    await limited.until(async () => {
      await limited.runtime.advance(50);
      const { text } = await limited.call("GET", `/api/v1/background-task/${id}`);
      return text.includes('"status":"finished"');
    });
    for (const appId of [app, other]) {
      const reply = await limited.call("POST", `/api/v1/app/${appId}/msg`, { body: BROADCAST });
      expect([reply.status, reply.json.code]).toEqual([429, "too_many_requests"]);
    }
    const refusal = await broadcast();
    expectRefused(refusal, {
      retryAfterS: Number(refusal.headers["retry-after"]),
      path: "POST /api/v1/msg/broadcast",
    });
    expect(refusal.status).toBe(429);
    expect(refused).toEqual(["application", "application", "broadcast"]);
    await limited.runtime.advance(1_000 * SECOND_MS);
    expect((await broadcast()).status).toBe(202);
  });
});

it("Svix's client sees the refusal as the contract has it", async () => {
  const server = await node({ keyRequestsPerS: 1 });
  await spend(() => server.call("GET", "/api/v1/app"));
  await server.app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = server.app.server.address() as { port: number };
  const svix = new Svix(base.live.key, { serverUrl: `http://127.0.0.1:${port}`, retryScheduleInMs: [] });
  const refusal: unknown = await svix.application.list().catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(ApiException);
  expect(refusal).toMatchObject({
    code: 429,
    body: { code: "too_many_requests" },
    headers: { "retry-after": "1" },
  });
  server.app.server.closeAllConnections();
  await server.app.close();
});

describe("what is counted", () => {
  it("takes bounded memory: beyond the bound whoever was idle longest starts anew, and nobody else", () => {
    const { clock } = fakeRuntime();
    const quotas = new Quotas({ ...NO_QUOTAS, keyRequestsPerS: 0.1 }, { clock });
    const take = (id: string) => (): void => quotas.takeRequest({ id, appId: null });
    take("idle")();
    take("busy")();
    expect(take("idle")).toThrow("too many");
    for (let n = 0; n < QUOTA_BUCKETS_MAX - 1; n++) take(`key_${n}`)();
    expect(take("idle")).not.toThrow();
    expect(take(`key_${QUOTA_BUCKETS_MAX - 2}`)).toThrow("too many");
  });

  it("has no limit where none is set", () => {
    const quotas = new Quotas(NO_QUOTAS, fakeRuntime());
    expect(quotas.limitsMessages).toBe(false);
    for (let n = 0; n < 100_000; n++) {
      quotas.takeRequest({ id: "key", appId: null });
      quotas.takeRequest({ id: "token", appId: "app" });
      quotas.takeMessages("app", 1_000);
    }
  });
});
