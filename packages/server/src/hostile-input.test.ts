import { connect } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as limits from "./http-limits.ts";
import { routes } from "./routes/index.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

let server: TestServer;
let port: number;
let app: string;
beforeAll(async () => {
  server = await startTestServer();
  await server.app.listen({ host: "127.0.0.1", port: 0 });
  port = (server.app.server.address() as { port: number }).port;
  app = await server.application({ uid: "target" });
  await server.endpoint(app, { uid: "target" });
  await server.message(app, { eventId: "target" });
});
afterAll(async () => {
  // Whatever came, the server still works.
  expect((await server.call("GET", `/api/v1/app/${app}`)).status).toBe(200);
  await server.close();
});

/** Sends bytes as they are and returns everything that comes back until the server closes. */
function raw(...parts: (string | Buffer)[]): Promise<string> {
  return rawTo(port, ...parts);
}

function rawTo(at: number, ...parts: (string | Buffer)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(at, "127.0.0.1", () => {
      for (const part of parts) socket.write(part);
    });
    let text = "";
    socket.on("data", (data) => {
      text += data.toString();
      if (/\r\n\r\n[^]*\}$/.test(text)) socket.destroy();
    });
    socket.on("close", () => resolve(text));
    socket.on("error", (error: Error & { code?: string }) => {
      // The server closes while we still send: what it answered before counts.
      if (error.code !== "ECONNRESET" && error.code !== "EPIPE") reject(error);
    });
  });
}

const HEAD = (length: string): string =>
  `POST /api/v1/app/target/msg HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.live.key}\r\n` +
  `content-type: application/json\r\n${length}\r\n\r\n`;

describe("over the wire", () => {
  it("a body beyond 1 MiB without a length is cut off at the bound", async () => {
    const chunk = "y".repeat(65_536);
    const chunks = Array.from({ length: 17 }, () => `10000\r\n${chunk}\r\n`);
    const answer = await raw(HEAD("transfer-encoding: chunked"), ...chunks);
    expect(answer).toContain("HTTP/1.1 413");
    expect(answer).toContain('"code":"payload_too_large"');
    // There may be more of it, which nobody reads.
    expect(answer).toMatch(/\r\nconnection: close\r\n/i);
  });

  it("a body that claims to be too long is refused before it is sent", async () => {
    const answer = await raw(HEAD("content-length: 999999999999"));
    expect(answer).toContain("HTTP/1.1 413");
  });

  it.each([
    ["nonsense\r\n\r\n", "400"],
    ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"],
    [`GET /api/v1/app HTTP/1.1\r\nhost: x\r\n${"a:b\r\n".repeat(limits.HEADERS_MAX)}\r\n`, "400"],
    [`GET /${"y".repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, "431"],
    [`GET /api/v1/app/${"y".repeat(limits.PATH_PARAMETER_MAX_CHARS + 1)} HTTP/1.1\r\nhost: x\r\n\r\n`, "400"],
    ["GET / HTTP/9.9\r\n\r\n", "400"],
    ["GET /api/v1/health HTTP/1.1\r\nbad header\r\n\r\n", "400"],
    [`GET /api/v1/health HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(20_000)}\r\n\r\n`, "431"],
    [
      "POST /api/v1/app HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
      "400",
    ],
    ["POST /api/v1/app HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n", "400"],
  ])("%j is answered %s in the shape of every refusal", async (bytes, status) => {
    const answer = await raw(bytes);
    expect(answer).toContain(`HTTP/1.1 ${status}`);
    expect(answer).toMatch(/\r\n\r\n\{"code":"[a-z_]+","detail":"[^"]+"\}$/);
  });
});

describe("without a key", () => {
  it.each(routes.filter(({ scope }) => scope !== "public").map((route) => [route.operationId, route]))(
    "%s is refused before a byte of the body came",
    async (_id, { method, path }) => {
      const head = `${method} ${path.replaceAll(/:[a-z_]+/g, "target")} HTTP/1.1\r\nhost: x\r\n`;
      const answer = await raw(`${head}content-type: application/json\r\ncontent-length: 1000\r\n\r\n`);
      expect(answer).toContain("HTTP/1.1 401");
      expect(answer).toContain('"code":"authentication_failed"');
    },
  );
});

describe("in its own time", () => {
  let slow: TestServer;
  let at: number;
  beforeAll(async () => {
    slow = await server.another();
    await slow.app.listen({ host: "127.0.0.1", port: 0 });
    at = (slow.app.server.address() as { port: number }).port;
  });
  afterAll(() => slow.app.close());

  it("nobody has more of it than the bounds say", () => {
    const { headersTimeout, requestTimeout, timeout, maxConnections } = slow.app.server;
    expect({ headersTimeout, requestTimeout, timeout, maxConnections }).toEqual({
      headersTimeout: limits.HEADERS_TIMEOUT_MS,
      requestTimeout: limits.REQUEST_TIMEOUT_MS,
      timeout: limits.CONNECTION_TIMEOUT_MS,
      maxConnections: limits.CONNECTIONS_MAX,
    });
  });

  it.each([
    ["headers that never end", () => "GET /api/v1/health HTTP/1.1\r\nhost: x\r\nx-slow: "],
    ["a body that never ends", () => `${HEAD("content-length: 1000")}{`],
    ["a body in chunks that never ends", () => `${HEAD("transfer-encoding: chunked")}1\r\n{\r\n`],
  ])("%s: 408, and the connection is closed", async (_name, start) => {
    // The same clock, run down sooner.
    slow.app.server.headersTimeout = 1;
    slow.app.server.requestTimeout = 1;
    expect(await rawTo(at, start())).toContain("HTTP/1.1 408");
  });
});

const FIELDS = (
  "name uid url metadata throttleRate eventTypes channels disabled headers payload eventType eventId tags application " +
  "transformationsParams deliverAt key gracePeriodSeconds secret schemas description messages deleteHeaders " +
  "retrySchedule timeoutSeconds fifo __proto__ payloadRetentionPeriod"
).split(" ");

describe("whatever is sent", () => {
  const anyBody = fc.oneof(
    fc.json(),
    fc.string({ unit: "binary" }),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.object({ withNullPrototype: true }).map((value) => JSON.stringify(value)),
    // Known fields with values of any kind.
    fc
      .dictionary(
        fc.constantFrom(...FIELDS),
        fc.oneof(
          fc.jsonValue(),
          fc.constantFrom("target", "https://example.com/", "order.completed"),
          fc.constant({}),
        ),
      )
      .map((value) => JSON.stringify(value)),
  );
  const anyRef = fc.constantFrom(
    "target",
    "x",
    "__proto__",
    `msg_${"a".repeat(27)}`,
    "%00",
    "..%2f",
    "%F0%9F%98%80",
  );
  const anyQuery = fc
    .dictionary(
      fc.constantFrom(
        "limit",
        "iterator",
        "order",
        "with_content",
        "before",
        "after",
        "event_types",
        "status",
        "x",
      ),
      fc.oneof(fc.string(), fc.constantFrom("1", "true", "-", "ascending", "2026-01-01T00:00:00Z", "a,b")),
    )
    .map((query) => new URLSearchParams(query).toString());

  it.each(routes.map((route) => [route.operationId, route] as const))(
    "%s answers with success or a refusal, never with a fault of its own",
    async (_id, route) => {
      // The one that everything else hangs on stays.
      if (route.operationId === "v1.application.delete") return;
      await fc.assert(
        fc.asyncProperty(
          anyBody,
          fc.array(anyRef, { minLength: 3, maxLength: 3 }),
          anyQuery,
          async (body, refs, query) => {
            let next = 0;
            const path = route.path.replaceAll(/:[a-z_]+/g, () => refs[next++] ?? "");
            const sends = route.method !== "GET" && route.method !== "DELETE";
            const reply = await server.call(route.method, `${path}?${query}`, sends ? { body } : {});
            expect(reply.status, reply.text).toBeLessThan(500);
            if (reply.status < 400) return;
            const fields = { loc: expect.any(Array), msg: expect.any(String), type: expect.any(String) };
            expect(reply.json).toEqual(
              reply.status === 422
                ? { detail: expect.arrayContaining([fields]) }
                : { code: expect.any(String), detail: expect.any(String) },
            );
          },
        ),
        { numRuns: 40 },
      );
    },
  );
});
