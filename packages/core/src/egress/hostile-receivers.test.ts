import { spawn } from "node:child_process";
import { connect, createServer, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { RESPONSE_BODY_MAX_BYTES } from "./egress.ts";
import { dnsResolver } from "./resolver.ts";
import { dnsServer } from "./testing/dns-server.ts";
import { portOf, reply } from "./testing/raw-server.ts";
import {
  failureOf,
  LOOPBACK_RULES,
  post,
  responseOf,
  rulesOf,
  testEgress,
  testRuntime,
  testServer,
  until,
} from "./testing/test-egress.ts";

const DEADLINE_MS = 300;
/** What a loaded machine may add; the point is that nothing hangs. */
const SLACK_MS = 1_000;

const HEAD = "HTTP/1.1 200 OK\r\n";

/** Writes `next()` again and again until the socket is gone. */
function drip(socket: Socket, next: () => string, everyMs: number): void {
  const timer = setInterval(() => socket.write(next()), everyMs);
  socket.once("close", () => clearInterval(timer));
}

function dripText(socket: Socket, text: string): void {
  let sent = 0;
  drip(socket, () => text[sent++] ?? "x", 15);
}

/** Writes as fast as the peer reads, for ever. */
function flood(socket: Socket, chunk: string): void {
  const bytes = Buffer.from(chunk.repeat(Math.ceil(65_536 / chunk.length)));
  const more = (): void => {
    while (!socket.destroyed && socket.write(bytes));
  };
  socket.on("drain", more);
  more();
}

function reset(socket: Socket): void {
  socket.resetAndDestroy();
}

/** One hostile answer: what it does to the socket, and what must come of it. */
type Case = readonly [name: string, act: (socket: Socket) => void, expected: string];

const CASES: readonly Case[] = [
  ["no reply", () => {}, "timeout"],
  ["a head that comes one byte at a time", (s) => dripText(s, HEAD.repeat(50)), "timeout"],
  ["headers that never end, slowly", (s) => (s.write(HEAD), drip(s, () => "a: b\r\n", 20)), "timeout"],
  ["a status line that never ends", (s) => (s.write("HTTP/1.1 200 "), flood(s, "OK")), "invalid_response"],
  ["a body that never ends, slowly", (s) => (s.write(`${HEAD}\r\n`), drip(s, () => "x", 20)), "200 cut"],
  ["a body that never comes", (s) => s.write(`${HEAD}content-length: 5\r\n\r\n`), "200 cut"],
  ["a body that never ends, fast", (s) => (s.write(`${HEAD}\r\n`), flood(s, "x")), "200 cut"],
  [
    "chunks that never end, fast",
    (s) => (s.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`), flood(s, "4\r\nxxxx\r\n")),
    "200 cut",
  ],
  [
    "a chunk extension that never ends",
    (s) => (s.write(`${HEAD}transfer-encoding: chunked\r\n\r\n4;`), flood(s, "x")),
    "200 cut",
  ],
  [
    "trailers that never end",
    (s) => (s.write(`${HEAD}transfer-encoding: chunked\r\n\r\n0\r\n`), flood(s, "a: b\r\n")),
    "200 cut",
  ],
  [
    "endless 103 Early Hints, slowly",
    (s) => drip(s, () => "HTTP/1.1 103 Early Hints\r\n\r\n", 30),
    "timeout",
  ],
  [
    "endless 103 Early Hints, fast",
    (s) => flood(s, "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"),
    "invalid_response",
  ],
  ["a 100 nobody asked for", (s) => s.write(`HTTP/1.1 100 Continue\r\n\r\n${reply()}`), "invalid_response"],
  [
    "101 Switching Protocols",
    (s) => s.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nhello"),
    "invalid_response",
  ],
  ["100 KB in one header", (s) => s.write(`${HEAD}a: ${"b".repeat(100_000)}\r\n\r\n`), "invalid_response"],
  ["10,000 headers", (s) => s.write(`${HEAD}${"a: b\r\n".repeat(10_000)}\r\n`), "invalid_response"],
  ["headers that never end, fast", (s) => (s.write(HEAD), flood(s, "a: b\r\n")), "invalid_response"],
  ["garbage", (s) => s.write("\u0000\u0001\u0002\u0003\r\n\r\n"), "invalid_response"],
  ["an error of Redis", (s) => s.write("-ERR unknown command 'POST'\r\n"), "invalid_response"],
  ["a greeting of SSH", (s) => s.write("SSH-2.0-OpenSSH_9.6\r\n"), "invalid_response"],
  ["a greeting of SMTP", (s) => s.write("220 mail.example.com ESMTP\r\n"), "invalid_response"],
  ["HTTP/2", (s) => s.write(Buffer.from([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 16, 0, 0])), "invalid_response"],
  ["TLS where http was asked for", (s) => s.write(Buffer.from([21, 3, 3, 0, 2, 2, 70])), "invalid_response"],
  ["a request instead of a reply", (s) => s.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n"), "invalid_response"],
  ["a status of four digits", (s) => s.write("HTTP/1.1 2000 OK\r\n\r\n"), "invalid_response"],
  ["a status of no digits", (s) => s.write("HTTP/1.1 abc OK\r\n\r\n"), "invalid_response"],
  [
    "a length and chunks at once",
    (s) => s.write(`${HEAD}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`),
    "invalid_response",
  ],
  [
    "two lengths",
    (s) => s.write(`${HEAD}content-length: 2\r\ncontent-length: 3\r\n\r\nokk`),
    "invalid_response",
  ],
  ["a negative length", (s) => s.write(`${HEAD}content-length: -1\r\n\r\n`), "invalid_response"],
  [
    "a length beyond all numbers",
    (s) => s.write(`${HEAD}content-length: 99999999999999999999\r\n\r\n`),
    "invalid_response",
  ],
  [
    "a chunk size that is no number",
    (s) => s.write(`${HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n`),
    "200 cut",
  ],
  ["a header without a colon", (s) => s.write(`${HEAD}nonsense\r\n\r\n`), "invalid_response"],
  ["a header with a NUL", (s) => s.write(`${HEAD}a: b\u0000c\r\n\r\n`), "invalid_response"],
  ["an end before the head", (s) => s.end("HTTP/1.1 20"), "connection_reset"],
  ["an end without a byte", (s) => s.end(), "connection_reset"],
  ["a reset before the head", reset, "connection_reset"],
  ["a reset within the head", (s) => s.write(HEAD, () => reset(s)), "connection_reset"],
  ["an end within the body", (s) => s.end(`${HEAD}content-length: 9\r\n\r\npart`), "200 cut"],
  ["an end within the chunks", (s) => s.end(`${HEAD}transfer-encoding: chunked\r\n\r\n9\r\npart`), "200 cut"],
];

async function outcomeOf(act: (socket: Socket) => void) {
  const server = await testServer(({ socket }) => act(socket));
  const egress = testEgress();
  const outcome = await post(egress, server.url, { deadlineMs: DEADLINE_MS });
  return { server, egress, outcome };
}

describe("a hostile receiver", () => {
  it.each(CASES)("with %s ends in time as what it is", async (_name, act, expected) => {
    const { server, egress, outcome } = await outcomeOf(act);
    const seen =
      outcome.kind === "failure"
        ? outcome.errorClass
        : `${outcome.statusCode} ${outcome.truncated ? "cut" : "whole"}`;
    expect([seen, outcome.kind === "failure" ? outcome.detail : ""]).toEqual([expected, expect.any(String)]);
    expect(outcome.timings.totalMs).toBeLessThan(DEADLINE_MS + SLACK_MS);
    if (outcome.kind === "response") expect(outcome.body.length).toBeLessThanOrEqual(RESPONSE_BODY_MAX_BYTES);
    else expect(outcome.message).toMatch(/^[A-Z][^\n]+\.$/);
    // Its connection is gone on both sides, and it got one POST.
    await until(() => server.open() === 0 && egress.stats.connections === 0);
    expect(server.posts()).toBe(1);
  });

  it("that resets within the body has answered", async () => {
    // A reset overtakes what was not read yet, so the head has to arrive first.
    const egress = testEgress();
    const other = await testServer(({ socket }) => socket.write(reply()));
    const server = await testServer(({ socket }) => {
      socket.write(`${HEAD}content-length: 9\r\n\r\npart`);
      // A whole exchange on another connection: by then this process has read what lay there before.
      void post(egress, other.url).then(() => reset(socket));
    });
    const response = responseOf(await post(egress, server.url));
    expect([response.statusCode, response.truncated, Buffer.from(response.body).toString()]).toEqual([
      200,
      true,
      "part",
    ]);
  });

  it("with an endless body is cut off: what it sends is not read", async () => {
    let written = 0;
    const server = await testServer(({ socket }) => {
      socket.once("close", () => (written = socket.bytesWritten));
      socket.write(`${HEAD}\r\n`);
      flood(socket, "x");
    });
    const response = responseOf(await post(testEgress(), server.url));
    expect([response.truncated, response.body.length]).toEqual([true, RESPONSE_BODY_MAX_BYTES]);
    await until(() => server.open() === 0);
    // What the buffers of both kernels swallow.
    expect(written).toBeLessThan(32 * 1_024 * 1_024);
  });

  it("with a body that is too long to be worth the connection loses the connection", async () => {
    const server = await testServer(({ socket, count }) =>
      socket.write(reply("200 OK", "x".repeat(65_535 + count))),
    );
    const egress = testEgress();
    const outcomes = [];
    for (let round = 0; round < 3; round++) outcomes.push(responseOf(await post(egress, server.url)));
    // 65,536 bytes are read to the end, 65,537 are not.
    expect(outcomes.map(({ truncated, timings }) => [truncated, timings.reused])).toEqual([
      [true, false],
      [true, true],
      [true, false],
    ]);
  });

  it("may send a few interim replies, not many", async () => {
    const server = await testServer(({ socket, count }) =>
      socket.write("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".repeat(15 + count) + reply()),
    );
    const egress = testEgress();
    expect(responseOf(await post(egress, server.url))).toMatchObject({ statusCode: 200, truncated: false });
    expect(failureOf(await post(egress, server.url)).errorClass).toBe("invalid_response");
  });

  it("cannot fill the memory, however many of them there are", async () => {
    const server = await testServer(({ socket }) => {
      socket.write(`${HEAD}\r\n`);
      flood(socket, "x");
    });
    const egress = testEgress();
    const kept = [];
    for (let round = 0; round < 20; round++) {
      kept.push(...(await Promise.all(Array.from({ length: 10 }, () => post(egress, server.url)))));
    }
    const bytes = kept.reduce((sum, outcome) => sum + responseOf(outcome).body.buffer.byteLength, 0);
    expect(bytes).toBe(200 * RESPONSE_BODY_MAX_BYTES);
  });

  it("with a compression bomb gets its bytes kept as they are", async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    const server = await testServer(({ socket }) => {
      socket.write(`${HEAD}content-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`);
      socket.write(bomb);
    });
    const response = responseOf(await post(testEgress(), server.url));
    expect(Buffer.from(response.body)).toEqual(bomb.subarray(0, RESPONSE_BODY_MAX_BYTES));
    expect(response.headers).toContainEqual(["content-encoding", "gzip"]);
  });

  it.each([
    ["a 204 with a body", "HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello", 204],
    [
      "a 304 with chunks",
      "HTTP/1.1 304 Not Modified\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      304,
    ],
    ["a second reply nobody asked for", reply() + reply("500 Internal Server Error", "x"), 200],
  ])("with %s cannot answer the next request with it", async (_name, text, status) => {
    const server = await testServer(({ socket }) => socket.write(text));
    const egress = testEgress();
    for (let round = 0; round < 4; round++) {
      const outcome = await post(egress, server.url);
      expect([responseOf(outcome).statusCode, responseOf(outcome).timings.reused]).toEqual([status, false]);
    }
    expect(server.posts()).toBe(4);
  });

  it("that answers before it has read the request has answered", async () => {
    const server = await testServer({
      onConnection: (socket) => {
        socket.pause();
        socket.write(reply("413 Content Too Large", "no"));
      },
    });
    const egress = testEgress();
    const response = responseOf(await post(egress, server.url, { body: "x".repeat(20_000_000) }));
    expect(response.statusCode).toBe(413);
    // Half a request is still under way in that connection: it must not carry another.
    expect(egress.stats.idle).toBe(0);
  });

  it("does not delay a well-behaved one", async () => {
    const silent = await testServer(() => {});
    const server = await testServer(({ socket }) => socket.write(reply()));
    const egress = testEgress();
    const stuck = Array.from({ length: 50 }, () => post(egress, silent.url, { deadlineMs: DEADLINE_MS }));
    responseOf(await post(egress, server.url, { deadlineMs: DEADLINE_MS }));
    expect((await Promise.all(stuck)).every((outcome) => failureOf(outcome).errorClass === "timeout")).toBe(
      true,
    );
  });
});

describe("a receiver that cannot be reached", () => {
  it("refuses: nothing listens there", async () => {
    const server = await testServer();
    await server.close();
    const outcome = failureOf(await post(testEgress(), server.url));
    expect(outcome.errorClass).toBe("connect_refused");
    expect(outcome.timings).toMatchObject({ dnsMs: null, connectMs: null, firstByteMs: null });
    expect(outcome.message).not.toMatch(/127|ECONN/);
  });

  it("has a name that does not exist", async () => {
    const dns = await dnsServer(() => ({ records: [], rcode: 3 }));
    onTestFinished(() => dns.close());
    const resolver = dnsResolver({ runtime: testRuntime, servers: [dns.address] });
    const outcome = failureOf(await post(testEgress({ resolver }), "http://gone.example.com/"));
    expect(outcome.errorClass).toBe("dns_failed");
    expect(outcome.timings.dnsMs).toEqual(expect.any(Number));
  });

  it("has silent name servers: the deadline holds there as well", async () => {
    const dns = await dnsServer(() => "silence");
    onTestFinished(() => dns.close());
    const resolver = dnsResolver({ runtime: testRuntime, servers: [dns.address] });
    const egress = testEgress({ resolver });
    const outcome = failureOf(await post(egress, "http://tarpit.example.com/", { deadlineMs: DEADLINE_MS }));
    expect(outcome).toMatchObject({ errorClass: "dns_failed", message: expect.stringContaining("in time") });
    expect(outcome.timings.totalMs).toBeLessThan(DEADLINE_MS + SLACK_MS);
    expect(egress.stats).toEqual({ origins: 0, connections: 0, idle: 0 });
  });

  it("has a resolver that throws", async () => {
    const resolver = { resolve: () => Promise.reject(new Error("broken")) };
    const outcome = failureOf(await post(testEgress({ resolver }), "http://receiver.test/"));
    expect(outcome).toMatchObject({ errorClass: "connect_failed", detail: "broken" });
  });

  it("is tried at its other addresses when the first one refuses", async () => {
    const server = await testServer({ host: "127.0.0.3", onRequest: ({ socket }) => socket.write(reply()) });
    const resolver = {
      resolve: async () => ({ ok: true, addresses: ["127.0.0.4", "127.0.0.5", "127.0.0.3"] }) as const,
    };
    const egress = testEgress({ resolver });
    expect(responseOf(await post(egress, `http://receiver.test:${server.port}/`)).statusCode).toBe(200);
  });

  it("accepts no connection: given up after the connect timeout, or the deadline when that is shorter", async () => {
    const port = await fullBacklog();
    const egress = testEgress({ connectTimeoutMs: DEADLINE_MS, rules: LOOPBACK_RULES });
    const slow = failureOf(await post(egress, `http://127.0.0.1:${port}/`));
    expect(slow.errorClass).toBe("connect_timeout");
    expect(slow.timings.totalMs).toBeLessThan(DEADLINE_MS + SLACK_MS);
    const patient = testEgress();
    const short = failureOf(await post(patient, `http://127.0.0.1:${port}/`, { deadlineMs: DEADLINE_MS }));
    expect(short.errorClass).toBe("connect_timeout");
    expect(patient.stats.origins).toBe(0);
  });

  it("has a first address that accepts nothing and a second that does", async () => {
    const port = await fullBacklog();
    const server = await testServer({
      host: "127.0.0.2",
      port,
      onRequest: ({ socket }) => socket.write(reply()),
    });
    const resolver = { resolve: async () => ({ ok: true, addresses: ["127.0.0.1", "127.0.0.2"] }) as const };
    const egress = testEgress({
      resolver,
      connectTimeoutMs: 2_000,
      rules: rulesOf({ allowedNetworks: ["127.0.0.0/8"] }),
    });
    expect(responseOf(await post(egress, `http://receiver.test:${port}/`)).statusCode).toBe(200);
    expect(server.posts()).toBe(1);
  });
});

/** A listener on 127.0.0.1 whose queue is full and whose process never accepts: the kernel drops the SYN. */
async function fullBacklog(): Promise<number> {
  const code = `
    const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
      process.stdout.write(String(server.address().port), () => process.kill(process.pid, "SIGSTOP"));
    });`;
  const child = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const port = await new Promise<number>((resolve) =>
    child.stdout.once("data", (text) => resolve(Number(text))),
  );
  // Until one does not get through.
  for (let n = 0; n < 64; n++) {
    const filler = connect({ port, host: "127.0.0.1" });
    onTestFinished(() => void filler.destroy());
    filler.on("error", () => {});
    const connected = await new Promise<boolean>((resolve) => {
      filler.once("connect", () => resolve(true));
      setTimeout(() => resolve(false), 200);
    });
    if (!connected) return port;
  }
  throw new Error("this kernel accepts connections beyond the backlog");
}

describe("reply fuzzing", () => {
  it("thousands of random replies each end in an outcome, and the process stays", async () => {
    const random = testRuntime.random;
    const pieces = [
      ..."HTTP/1.1 200 OK\r\n|HTTP/1.0 |HTTP/1.1 |100|101|103|204|304|200|999|\r\n|\r\n\r\n|\n|\r|: |\0|a|ok".split(
        "|",
      ),
      ..."content-length: 2\r\n|content-length: |transfer-encoding: chunked\r\n|2\r\nok\r\n|0\r\n\r\n|ffffffffff\r\n".split(
        "|",
      ),
      ..."connection: close\r\n|connection: upgrade\r\nupgrade: x\r\n|keep-alive: timeout=0\r\n|__proto__: x\r\n|[null]|{".split(
        "|",
      ),
    ];
    const seed = random.bytes(4);
    const rng = mulberry32(new DataView(seed.buffer, seed.byteOffset).getUint32(0));
    const make = (): Buffer => {
      if (rng() < 0.3) return Buffer.from(random.bytes(1 + Math.floor(rng() * 200)));
      const count = 1 + Math.floor(rng() * 12);
      const text = Array.from({ length: count }, () => pieces[Math.floor(rng() * pieces.length)]).join("");
      return Buffer.from((rng() < 0.7 ? "HTTP/1.1 " : "") + text, "latin1");
    };
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => sockets.delete(socket));
      socket.once("data", () => {
        const bytes = make();
        const cut = Math.floor(rng() * bytes.length);
        socket.write(bytes.subarray(0, cut));
        if (rng() < 0.2) socket.resetAndDestroy();
        else socket.end(bytes.subarray(cut));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const egress = testEgress();
    const url = `http://127.0.0.1:${portOf(server)}/`;
    const counts = new Map<string, number>();
    for (let round = 0; round < 100; round++) {
      const outcomes = await Promise.all(
        Array.from({ length: 40 }, () => post(egress, url, { deadlineMs: 5_000 })),
      );
      for (const outcome of outcomes) {
        const key = outcome.kind === "response" ? "response" : outcome.errorClass;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
    expect([...counts.keys()].toSorted(), `seed ${seed.join(",")}`).toEqual([
      "connection_reset",
      "invalid_response",
      "response",
    ]);
    expect([...counts.values()].reduce((a, b) => a + b)).toBe(4_000);
  });
});

function mulberry32(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
