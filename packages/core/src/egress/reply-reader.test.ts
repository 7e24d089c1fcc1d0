import { createServer } from "node:net";
import fc from "fast-check";
import { Client } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InvalidReply, REPLY_HEAD_MAX_BYTES, ReplyHeadTooLong, ReplyReader } from "./reply-reader.ts";
import { portOf } from "./testing/raw-server.ts";

/** What a reply was, read in pieces; `broken` instead of a status: the reader refused it. */
interface Seen {
  readonly statuses: readonly number[];
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly end: "done" | "open" | "broken";
  readonly persistent: boolean;
}

function readPieces(pieces: readonly Buffer[], closes = false): Seen {
  const reader = new ReplyReader();
  const statuses: number[] = [];
  let headers: Seen["headers"] = [];
  let body = "";
  const handler = {
    onHead: (status: number, pairs: Seen["headers"]): void => {
      statuses.push(status);
      headers = pairs;
    },
    onBody: (chunk: Uint8Array): void => void (body += Buffer.from(chunk).toString("latin1")),
  };
  let end: Seen["end"] = "open";
  try {
    for (const piece of pieces) reader.read(piece, handler);
    if (closes) reader.close();
    if (reader.done) end = "done";
  } catch (error) {
    if (!(error instanceof InvalidReply)) throw error;
    end = "broken";
  }
  return { statuses, headers, body, end, persistent: end === "done" && reader.persistent };
}

const whole = (text: string, closes = false): Seen => readPieces([Buffer.from(text, "latin1")], closes);
const byteByByte = (text: string): Seen =>
  readPieces([...Buffer.from(text, "latin1")].map((byte) => Buffer.from([byte])));

const OK = "HTTP/1.1 200 OK\r\n";
const headOf = (bytes: number): string => `${OK}a: ${"b".repeat(bytes - OK.length - 3)}\r\n\r\n`;

describe("a reply", () => {
  it.each([
    ["with a length", `${OK}Content-Length: 2 \r\nX-A:  b \r\n\r\nok`, "ok", true],
    [
      "in chunks",
      `${OK}transfer-encoding: chunked\r\n\r\n1\r\no\r\n01;x="y"\r\nk\r\n0\r\na: b\r\n\r\n`,
      "ok",
      true,
    ],
    ["without a reason", "HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", "", true],
    ["with an empty header", `${OK}a:\r\ncontent-length: 0\r\n\r\n`, "", true],
    ["that closes", `${OK}connection: x, Close\r\ncontent-length: 0\r\n\r\n`, "", false],
    ["of HTTP/1.0", "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", "", false],
    [
      "of HTTP/1.0 that stays",
      "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n",
      "",
      true,
    ],
    [
      "after hints",
      `HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${OK}content-length: 2\r\n\r\nok`,
      "ok",
      true,
    ],
    [
      "without content, whatever its length says",
      "HTTP/1.1 204 No Content\r\ncontent-length: 9\r\n\r\n",
      "",
      true,
    ],
  ])("%s is read, in one piece and byte by byte", (_name, text, body, persistent) => {
    const seen = whole(text);
    expect(seen).toMatchObject({ body, persistent, end: "done" });
    expect(seen.statuses.at(-1)).toBeLessThan(300);
    expect(byteByByte(text)).toEqual(seen);
  });

  it("keeps every header, names in lower case, values without the space around them", () => {
    expect(
      whole(`${OK}Set-Cookie: a \r\nset-cookie:\t b\r\nX: c\u00e9\r\ncontent-length: 0\r\n\r\n`).headers,
    ).toEqual([
      ["set-cookie", "a"],
      ["set-cookie", "b"],
      ["x", "c\u00e9"],
      ["content-length", "0"],
    ]);
  });

  it("without a length ends with its connection, and only there", () => {
    expect(whole(`${OK}\r\nabc`)).toMatchObject({ body: "abc", end: "open" });
    expect(whole(`${OK}\r\nabc`, true)).toMatchObject({ body: "abc", end: "done", persistent: false });
    expect(whole(`${OK}content-length: 9\r\n\r\nabc`, true)).toMatchObject({ end: "open" });
  });

  it("with something behind its end forbids another request", () => {
    expect(whole(`${OK}content-length: 2\r\n\r\nokX`)).toMatchObject({ end: "done", persistent: false });
  });

  it("may have a head of so many bytes and not one more", () => {
    expect(whole(headOf(REPLY_HEAD_MAX_BYTES)).statuses).toEqual([200]);
    for (const pieces of [1, 7]) {
      const bytes = Buffer.from(headOf(REPLY_HEAD_MAX_BYTES + 1));
      const reader = new ReplyReader();
      const read = (): void => {
        const size = Math.ceil(bytes.length / pieces);
        for (let at = 0; at < bytes.length; at += size) {
          reader.read(bytes.subarray(at, at + size), { onHead() {}, onBody() {} });
        }
      };
      expect(read).toThrow(ReplyHeadTooLong);
    }
  });
});

/** Bytes that are near enough to replies to get far. */
const piece = fc.constantFrom(
  "HTTP/1.1 200 OK\r\n",
  "HTTP/1.1 204 x\r\n",
  "HTTP/1.1 103 x\r\n",
  "HTTP/1.0 500 \r\n",
  "HTTP/1.1 ",
  "200",
  "content-length: 2\r\n",
  "content-length: 0\r\n",
  "content-length: +2\r\n",
  "Content-Length:2\r\n",

  "transfer-encoding: chunked\r\n",
  "transfer-encoding: gzip, chunked\r\n",
  "transfer-encoding: gzip\r\n",
  "connection: close\r\n",
  "a: b\r\n",
  "a b: c\r\n",
  ": x\r\n",
  "a:\u0001\r\n",
  " folded\r\n",
  "a: b\n",
  "\r\n",
  "\r\n\r\n",
  "\r",
  "\n",
  "2\r\nok\r\n",
  "0\r\n\r\n",
  "2;x\r\nok\r\n",
  "ok",
  "x",
);
const start = fc.constantFrom("HTTP/1.1 200 OK\r\n", "HTTP/1.1 404 Not Found\r\n", "");
const reply = fc
  .tuple(start, fc.array(piece, { maxLength: 8 }), fc.constantFrom("\r\n\r\n", "\r\n", ""))
  .map(([first, rest, last]) => first + rest.join("") + last);

describe("any bytes", () => {
  it("are read the same however they are cut", () => {
    fc.assert(
      fc.property(reply, fc.array(fc.nat({ max: 200 }), { maxLength: 6 }), (text, cuts) => {
        const bytes = Buffer.from(text, "latin1");
        const at = [
          0,
          ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b),
          bytes.length,
        ];
        const pieces = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        expect(readPieces(pieces)).toEqual(readPieces([bytes]));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("beside another HTTP client", () => {
  let port = 0;
  let answer: Buffer = Buffer.alloc(0);
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(answer));
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = portOf(server);
  });
  afterAll(() => void server.close());

  /** Null: the other client refuses the reply, or finds it incomplete. */
  async function otherReads(bytes: Buffer): Promise<{ status: number; body: string } | null> {
    answer = bytes;
    const client = new Client(`http://127.0.0.1:${port}`, { pipelining: 1 });
    try {
      const response = await client.request({ method: "POST", path: "/", body: "{}" });
      return {
        status: response.statusCode,
        body: Buffer.from(await response.body.bytes()).toString("latin1"),
      };
    } catch {
      return null;
    } finally {
      await client.destroy();
    }
  }

  it("no reply is taken for a whole one that the other refuses, and whole ones say the same to both", async () => {
    await fc.assert(
      fc.asyncProperty(reply, async (text) => {
        const mine = whole(text, true);
        const other = await otherReads(Buffer.from(text, "latin1"));
        if (mine.end !== "done") return;
        expect(other).toEqual({ status: mine.statuses.at(-1), body: mine.body });
      }),
      { numRuns: 300 },
    );
  });
});
