import { createServer, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HEADERS_MAX, HEADERS_MAX_BYTES, PATH_PARAMETER_MAX_CHARS } from "../http-limits.ts";
import { type PlainRequest, readPlainRequest } from "./plain-request.ts";

const read = (text: string): PlainRequest | null => readPlainRequest(Buffer.from(text, "latin1"));

interface Parts {
  readonly line: string;
  readonly headers: readonly string[];
  readonly body: string;
}

const HEADERS = [
  "host: 127.0.0.1:8071",
  "authorization: Bearer phk_live_x",
  "content-type: application/json",
  "content-length: 2",
];
const print = ({
  line = "POST /api/v1/app/app_1/msg HTTP/1.1",
  headers = HEADERS,
  body = "{}",
}: Partial<Parts>): string => `${[line, ...headers].join("\r\n")}\r\n\r\n${body}`;
const withHeader = (header: string): string => print({ headers: [...HEADERS, header] });
const without = (name: string, instead: string[] = []): string =>
  print({ headers: [...HEADERS.filter((header) => !header.startsWith(name)), ...instead] });

describe("a plain request", () => {
  it("is read with all that its route needs", () => {
    const text = print({
      line: "POST /api/v1/app/ana.k-1_X/msg?with_content=false HTTP/1.1",
      headers: [
        "Host: x",
        "User-Agent: svix-libs/1",
        "Content-Type:application/json; charset=utf-8",
        "AUTHORIZATION: \t Bearer k \t",
        "Idempotency-Key: a b",
        "Connection: Keep-Alive",
        "content-length: 4",
      ],
      body: "{  }",
    });
    const request = read(text);
    expect({ ...request, body: String(request?.body) }).toEqual({
      url: "/api/v1/app/ana.k-1_X/msg?with_content=false",
      appRef: "ana.k-1_X",
      query: { with_content: "false" },
      authorization: "Bearer k",
      idempotencyKey: "a b",
      body: "{  }",
    });
    expect(read(print({}))).toMatchObject({ query: {}, idempotencyKey: undefined });
  });

  it.each([
    ["another method", print({ line: "PUT /api/v1/app/a/msg HTTP/1.1" })],
    ["another path", print({ line: "POST /api/v1/app/a/msg/batch HTTP/1.1" })],
    ["a slash at the end", print({ line: "POST /api/v1/app/a/msg/ HTTP/1.1" })],
    ["an absolute form", print({ line: "POST http://x/api/v1/app/a/msg HTTP/1.1" })],
    ["something to decode", print({ line: "POST /api/v1/app/%61/msg HTTP/1.1" })],
    ["no application", print({ line: "POST /api/v1/app//msg HTTP/1.1" })],
    ["another query", print({ line: "POST /api/v1/app/a/msg?with_content=1 HTTP/1.1" })],
    ["an older version", print({ line: "POST /api/v1/app/a/msg HTTP/1.0" })],
    ["two spaces", print({ line: "POST  /api/v1/app/a/msg HTTP/1.1" })],
    ["an empty line first", `\r\n${print({})}`],
    ["no host", without("host")],
    ["no length", without("content-length")],
    ["no type", without("content-type")],
    ["no key", without("authorization")],
    ["two hosts", withHeader("host: y")],
    ["two lengths", withHeader("content-length: 2")],
    ["two types", withHeader("content-type: application/json")],
    ["two keys", withHeader("authorization: Bearer other")],
    ["two idempotency keys", print({ headers: [...HEADERS, "idempotency-key: a", "Idempotency-Key: b"] })],
    ["chunks", withHeader("transfer-encoding: chunked")],
    ["a coded body", withHeader("content-encoding: gzip")],
    ["something it expects", withHeader("expect: 100-continue")],
    ["an upgrade", withHeader("upgrade: h2c")],
    ["a connection that closes", withHeader("connection: close")],
    ["a type with more to it", without("content-type", ["content-type: application/json; charset=latin1"])],
    ["a length with a sign", without("content-length", ["content-length: +2"])],
    ["a length that is a list", without("content-length", ["content-length: 2, 2"])],
    ["a length in hexadecimal", without("content-length", ["content-length: 0x2"])],
    ["a body that is shorter", print({ body: "{" })],
    ["a body that is longer", print({ body: "{} " })],
    ["a second request behind it", print({}) + print({})],
    ["a head that goes on", print({}).slice(0, -5)],
    ["a folded header", withHeader("x: a\r\n b")],
    ["a space before the colon", withHeader("x : a")],
    ["a header without a name", withHeader(": a")],
    ["a bare line feed", withHeader("x: a\ny: b")],
    ["a bare carriage return", withHeader("x: a\ry: b")],
    ["a NUL", withHeader("x: a\0")],
    ["bytes beyond ASCII", withHeader("x: \u00e9")],
    ["a line that is no header", withHeader("nonsense")],
    [
      "too many headers",
      print({ headers: [...HEADERS, ...Array.from({ length: HEADERS_MAX - 3 }, () => "x: y")] }),
    ],
    ["too long a head", withHeader(`x: ${"y".repeat(HEADERS_MAX_BYTES)}`)],
    [
      "too long an id",
      print({ line: `POST /api/v1/app/${"a".repeat(PATH_PARAMETER_MAX_CHARS + 1)}/msg HTTP/1.1` }),
    ],
  ])("has not %s", (_what, text) => {
    expect(read(text)).toBeNull();
  });

  it.each([
    ["blanks before a byte that is none", withHeader(`x:${" ".repeat(16_000)}\u00e9`)],
    ["blanks and nothing", withHeader(`x:${" \t".repeat(8_000)}\r`)],
    ["blanks behind a value", withHeader(`x: a${" ".repeat(16_000)}\0`)],
    ["a name without an end", withHeader("x".repeat(16_000))],
  ])("is told from %s at once", (_what, text) => {
    const piece = Buffer.from(text, "latin1");
    // Milliseconds. If blanks were tried in every way: longer than any test may take.
    for (let round = 0; round < 1_000; round++) expect(readPlainRequest(piece)).toBeNull();
  });

  it("may have so many headers and so long an id", () => {
    const headers = [...HEADERS, ...Array.from({ length: HEADERS_MAX - HEADERS.length }, () => "x: y")];
    const line = `POST /api/v1/app/${"a".repeat(PATH_PARAMETER_MAX_CHARS)}/msg HTTP/1.1`;
    expect(read(print({ headers, line }))).not.toBeNull();
  });
});

/** What Node's own server makes of the same bytes. */
interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

describe("what is taken for a plain request", () => {
  let seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method, url, headers } = request;
      seen.push({ method, url, headers, body: Buffer.concat(chunks).toString("latin1") });
      response.setHeader("connection", "close").end();
    });
  });
  let port = 0;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = (server.address() as { port: number }).port;
  });
  afterAll(() => void server.close());

  const send = (bytes: Buffer): Promise<string> =>
    new Promise((resolve) => {
      let answer = "";
      const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
      socket.on("data", (chunk) => (answer += chunk.toString("latin1")));
      socket.on("error", () => undefined);
      socket.on("close", () => resolve(answer));
    });

  /** Things that stand in requests, and some that should not. */
  const piece = fc.oneof(
    { weight: 6, arbitrary: fc.constant("") },
    fc.constantFrom(
      " ",
      "\t",
      "\r",
      "\n",
      ":",
      ";",
      ",",
      "/",
      "?",
      "%",
      "\0",
      "\u000b",
      "\u007f",
      "\u00e9",
      "\u00a0",
      "\r\n",
      "\r\n\r\n",
      "\n",
      "\r\n ",
      "chunked",
      "0",
      "2",
      "close",
      "\r\ncontent-length: 2",
      "\r\ntransfer-encoding: chunked",
      "\r\nconnection: te",
      "\r\nhost:",
      "\r\nexpect: 100-continue",
    ),
  );
  const header = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...HEADERS) },
    fc.constantFrom(
      "content-length: 02",
      "content-length: 3",
      "Content-Type: application/json;charset=utf-8",
      "connection: keep-alive",
      "connection: Keep-Alive, x",
      "idempotency-key: k",
      "x-a: b",
      "te: trailers",
      "transfer-encoding: identity",
    ),
    fc.tuple(fc.constantFrom(...HEADERS, "x-a: b"), piece, fc.nat(40)).map(([text, bit, at]) => {
      const place = Math.min(at, text.length);
      return text.slice(0, place) + bit + text.slice(place);
    }),
  );
  const request = fc
    .record({
      line: fc.oneof(
        { weight: 5, arbitrary: fc.constant("POST /api/v1/app/app_1/msg HTTP/1.1") },
        fc.constantFrom(
          "POST /api/v1/app/app_1/msg?with_content=true HTTP/1.1",
          "POST /api/v1/app/../msg HTTP/1.1",
          "POST /api/v1/app/app_1/msg#a HTTP/1.1",
          "GET /api/v1/app/app_1/msg HTTP/1.1",
        ),
      ),
      headers: fc.oneof(
        { weight: 2, arbitrary: fc.shuffledSubarray(HEADERS, { minLength: HEADERS.length }) },
        fc.array(header, { minLength: 4, maxLength: 7 }),
        header.map((one) => [...HEADERS, one]),
      ),
      body: fc.oneof(
        { weight: 4, arbitrary: fc.constant("{}") },
        fc.constantFrom("{ }", "", "{}\r\n", "\u00e9x"),
      ),
    })
    .map((parts) => Buffer.from(print(parts), "latin1"));

  it("is the same one request to Node's server, whatever bytes come", async () => {
    let plain = 0;
    await fc.assert(
      fc.asyncProperty(request, async (bytes) => {
        const taken = readPlainRequest(bytes);
        if (taken === null) return;
        plain += 1;
        seen = [];
        await send(bytes);
        expect(seen).toHaveLength(1);
        const [{ method, url, headers, body }] = seen as [Seen];
        expect({ method, url, body }).toEqual({
          method: "POST",
          url: taken.url,
          body: taken.body.toString("latin1"),
        });
        expect(headers.authorization).toBe(taken.authorization);
        expect(headers["idempotency-key"]).toBe(taken.idempotencyKey);
        expect(headers["content-encoding"]).toBeUndefined();
        expect(headers["transfer-encoding"]).toBeUndefined();
        expect(headers["content-type"]).toMatch(/^application\/json/i);
      }),
      { numRuns: 3_000 },
    );
    expect(plain).toBeGreaterThan(300);
  });
});
