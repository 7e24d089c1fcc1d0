import { describe, expect, it } from "vitest";
import { fakeRuntime } from "../runtime/testing/fake-runtime.ts";
import { RESPONSE_BODY_MAX_BYTES } from "./egress.ts";
import { reply } from "./testing/raw-server.ts";
import {
  failureOf,
  post,
  responseOf,
  scriptedResolver,
  testEgress,
  testRuntime,
  testServer,
  until,
} from "./testing/test-egress.ts";

const answering = (text = reply()) => testServer(({ socket }) => socket.write(text));

describe("a request", () => {
  it.each([
    ["a string", '{"name":"Zoë ☕"}', Buffer.from('{"name":"Zoë ☕"}')],
    ["bytes", new Uint8Array([0, 255, 128, 10, 13]), Buffer.from([0, 255, 128, 10, 13])],
    ["a window on a larger buffer", new Uint8Array(100).fill(7).subarray(10, 13), Buffer.from([7, 7, 7])],
    ["an empty string", "", Buffer.alloc(0)],
    ["no bytes", new Uint8Array(0), Buffer.alloc(0)],
    ["a large body", "x".repeat(300_000), Buffer.alloc(300_000, "x")],
  ])("arrives exactly as given: %s", async (_name, body, expected) => {
    const bodies: Buffer[] = [];
    const server = await testServer(({ socket, body: received }) => {
      bodies.push(received);
      socket.write(reply());
    });
    responseOf(await post(testEgress(), server.url, { body }));
    expect(bodies).toEqual([expected]);
  });

  it("carries path and query as the URL has them, and no fragment", async () => {
    const server = await answering();
    const egress = testEgress();
    await post(egress, `http://127.0.0.1:${server.port}/a/../b%20c/%2e%2e/?q=%F0%9F%98%80&x=a+b#secret`);
    expect(server.received().split("\r\n")[0]).toBe("POST /?q=%F0%9F%98%80&x=a+b HTTP/1.1");
  });

  it("names the host as it was written, not its address", async () => {
    const server = await answering();
    const egress = testEgress({ resolver: scriptedResolver({ "receiver.test": ["127.0.0.1"] }) });
    await post(egress, `http://Receiver.test.:${server.port}/`);
    expect(server.received()).toContain(`host: receiver.test:${server.port}\r\n`);
  });
});

describe("a response", () => {
  it("keeps its headers in order, with lower-case names and every repetition", async () => {
    const server = await answering(
      "HTTP/1.1 418 I'm a teapot\r\nX-B: 1\r\nSet-Cookie: a=1\r\nX-A: caf\xe9\r\nSet-Cookie: b=2\r\n__proto__: x\r\nContent-Length: 0\r\n\r\n",
    );
    const response = responseOf(await post(testEgress(), server.url));
    expect(response.statusCode).toBe(418);
    expect(response.headers.map(([name]) => name)).toEqual([
      "x-b",
      "set-cookie",
      "x-a",
      "set-cookie",
      "__proto__",
      "content-length",
    ]);
    expect(response.headers[3]).toEqual(["set-cookie", "b=2"]);
    expect(response).toMatchObject({ truncated: false, body: new Uint8Array(0) });
  });

  it.each([
    ["a length", reply("200 OK", "hello")],
    [
      "chunks",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\nx: y\r\n\r\n",
    ],
    ["the end of the connection", "HTTP/1.1 200 OK\r\n\r\nhello"],
    ["HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nhello"],
  ])("is read whole when its body ends by %s", async (_name, text) => {
    const server = await testServer(({ socket }) =>
      text.includes("content-length") || text.includes("chunked") ? socket.write(text) : socket.end(text),
    );
    const response = responseOf(await post(testEgress(), server.url));
    expect(Buffer.from(response.body).toString()).toBe("hello");
    expect(response.truncated).toBe(false);
  });

  it("is kept up to its bound, and its connection is used again", async () => {
    const server = await answering(reply("200 OK", "y".repeat(RESPONSE_BODY_MAX_BYTES + 20_000)));
    const egress = testEgress();
    const first = responseOf(await post(egress, server.url));
    expect([first.body.length, first.truncated]).toEqual([RESPONSE_BODY_MAX_BYTES, true]);
    expect(first.body.buffer.byteLength).toBe(RESPONSE_BODY_MAX_BYTES);
    expect(responseOf(await post(egress, server.url)).timings.reused).toBe(true);
    expect(server.connections()).toBe(1);
  });

  it("is whole at exactly its bound", async () => {
    const server = await answering(reply("200 OK", "y".repeat(RESPONSE_BODY_MAX_BYTES)));
    const response = responseOf(await post(testEgress(), server.url));
    expect([response.body.length, response.truncated]).toEqual([RESPONSE_BODY_MAX_BYTES, false]);
  });

  it("is measured phase by phase on a new connection, and without them on a used one", async () => {
    const server = await answering();
    const egress = testEgress({ resolver: scriptedResolver({ "receiver.test": ["127.0.0.1"] }) });
    const url = `http://receiver.test:${server.port}/`;
    const first = responseOf(await post(egress, url)).timings;
    expect(first).toEqual({
      dnsMs: expect.any(Number),
      connectMs: expect.any(Number),
      tlsMs: null,
      firstByteMs: expect.any(Number),
      totalMs: expect.any(Number),
      reused: false,
    });
    expect(first.totalMs).toBeGreaterThanOrEqual(first.firstByteMs!);
    expect(first.firstByteMs!).toBeGreaterThanOrEqual(first.dnsMs! + first.connectMs!);
    expect(responseOf(await post(egress, url)).timings).toMatchObject({
      dnsMs: null,
      connectMs: null,
      tlsMs: null,
      reused: true,
    });
  });
});

describe("connections", () => {
  it("are used again, one request at a time", async () => {
    let busy = 0;
    const server = await testServer(({ socket }) => {
      busy++;
      setImmediate(() => {
        busy--;
        socket.write(reply());
      });
      expect(busy).toBe(1);
    });
    const egress = testEgress({ connectionsPerOrigin: 1 });
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => post(egress, server.url)));
    expect(outcomes.filter(({ timings }) => timings.reused).length).toBe(19);
    expect([server.connections(), server.posts()]).toEqual([1, 20]);
  });

  it("are opened up to the bound, and further requests wait their turn", async () => {
    const waiting: (() => void)[] = [];
    const server = await testServer(({ socket }) => waiting.push(() => socket.write(reply())));
    const egress = testEgress({ connectionsPerOrigin: 3 });
    const all = Array.from({ length: 10 }, () => post(egress, server.url));
    await until(() => waiting.length === 3);
    for (let served = 0; served < 10; served++) {
      await until(() => waiting.length > served);
      waiting[served]!();
    }
    const outcomes = await Promise.all(all);
    expect(outcomes.every(({ kind }) => kind === "response")).toBe(true);
    expect(server.connections()).toBe(3);
  });

  it("that fail make room for those who wait", async () => {
    const server = await testServer(({ socket }) => socket.destroy());
    const egress = testEgress({ connectionsPerOrigin: 2 });
    const outcomes = await Promise.all(Array.from({ length: 9 }, () => post(egress, server.url)));
    expect(outcomes.map((outcome) => failureOf(outcome).errorClass)).toEqual(
      Array.from({ length: 9 }, () => "connection_reset"),
    );
    expect(server.posts()).toBe(9);
    expect(egress.stats).toEqual({ origins: 0, connections: 0, idle: 0 });
  });

  it("a server closes after each reply are not used again and lose nothing", async () => {
    const server = await testServer(({ socket }) => socket.end(reply("200 OK", "ok", ["connection: close"])));
    const egress = testEgress({ connectionsPerOrigin: 2 });
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => post(egress, server.url)));
    expect(outcomes.every(({ kind, timings }) => kind === "response" && !timings.reused)).toBe(true);
    expect([server.connections(), server.posts()]).toEqual([20, 20]);
  });

  it("found closed before the request was written are replaced without a failure and without a second POST", async () => {
    for (let round = 0; round < 30; round++) {
      const server = await testServer(({ socket }) => socket.write(reply()));
      const closing = await testServer(({ socket }) => {
        socket.write(reply());
        // Sometimes before, sometimes while and sometimes after the next request is handed over.
        const hops = round % 6;
        const close = (left: number): void =>
          left === 0 ? void socket.destroy() : void setImmediate(close, left - 1);
        close(hops);
      });
      const egress = testEgress();
      for (let n = 0; n < 5; n++) await post(egress, server.url);
      const outcomes = [];
      for (let n = 0; n < 5; n++) outcomes.push(await post(egress, closing.url));
      const answered = outcomes.filter(({ kind }) => kind === "response").length;
      const reset = outcomes.filter(({ kind }) => kind === "failure").length;
      // What failed was written on a connection that closed at that moment: it may or may not have arrived.
      expect(closing.posts()).toBeGreaterThanOrEqual(answered);
      expect(closing.posts()).toBeLessThanOrEqual(answered + reset);
    }
  });

  it("closed while idle cost nothing: the next request opens another one", async () => {
    const sockets: { destroy(): void }[] = [];
    const server = await testServer({
      onConnection: (socket) => sockets.push(socket),
      onRequest: ({ socket }) => socket.write(reply()),
    });
    const egress = testEgress();
    for (let round = 1; round <= 10; round++) {
      expect(responseOf(await post(egress, server.url)).timings.reused).toBe(false);
      sockets.at(-1)!.destroy();
      // Either the close is known, or it has just arrived and the request must find out before it is written.
      if (round % 2 === 0) await until(() => egress.stats.connections === 0);
      else await new Promise((resolve) => setImmediate(resolve));
    }
    expect([server.posts(), server.connections()]).toEqual([10, 10]);
  });

  it("that break after the request was written fail it, and it is not sent again", async () => {
    const server = await testServer(({ socket, count }) =>
      count === 2 ? socket.destroy() : socket.write(reply()),
    );
    const egress = testEgress();
    await post(egress, server.url);
    const second = failureOf(await post(egress, server.url));
    expect(second).toMatchObject({ errorClass: "connection_reset", timings: { reused: true } });
    expect(server.posts()).toBe(2);
  });

  it("get no more requests once they are old", async () => {
    const server = await answering();
    let nowMs = 0;
    const clock = { now: () => 0, monotonic: () => nowMs };
    const egress = testEgress({ runtime: { ...testRuntime, clock }, idleMs: 120_000 });
    await post(egress, server.url);
    nowMs = 59_999;
    expect(responseOf(await post(egress, server.url)).timings.reused).toBe(true);
    nowMs = 60_000;
    expect(responseOf(await post(egress, server.url)).timings.reused).toBe(false);
    await until(() => server.open() === 1);
  });

  it("are closed after their idle time, or earlier when the server says so", async () => {
    const plain = await answering();
    const hinting = await answering(
      reply("200 OK", "ok", ["connection: keep-alive", "keep-alive: timeout=1"]),
    );
    const egress = testEgress({ idleMs: 50 });
    await post(egress, plain.url);
    await post(egress, hinting.url);
    await until(() => plain.open() === 0 && hinting.open() === 0);
    expect(egress.stats).toEqual({ origins: 0, connections: 0, idle: 0 });
  });

  it("are not used for a second request while bytes nobody asked for are in them", async () => {
    const server = await testServer(({ socket }) => socket.write(reply() + reply("200 OK", "smuggled")));
    const egress = testEgress();
    for (let round = 0; round < 5; round++) {
      const response = responseOf(await post(egress, server.url));
      expect(Buffer.from(response.body).toString()).toBe("ok");
    }
    expect(server.posts()).toBe(5);
  });

  it("of a thousand host names are bounded by closing the ones idle longest", async () => {
    const server = await answering();
    const resolver = { resolve: async () => ({ ok: true, addresses: ["127.0.0.1"] }) as const };
    const egress = testEgress({ resolver, origins: 50 });
    for (let n = 0; n < 1_000; n++) {
      responseOf(await post(egress, `http://h${n}.receiver.test:${server.port}/`));
      expect(egress.stats.origins).toBeLessThanOrEqual(50);
    }
    expect(egress.stats).toEqual({ origins: 50, connections: 50, idle: 50 });
    expect(responseOf(await post(egress, `http://h999.receiver.test:${server.port}/`)).timings.reused).toBe(
      true,
    );
    expect(responseOf(await post(egress, `http://h0.receiver.test:${server.port}/`)).timings.reused).toBe(
      false,
    );
    await until(() => server.open() <= 50);
  });

  it("that are idle are bounded in all", async () => {
    const server = await answering();
    const egress = testEgress({ idleConnections: 5 });
    await Promise.all(Array.from({ length: 30 }, () => post(egress, server.url)));
    expect(egress.stats).toEqual({ origins: 1, connections: 5, idle: 5 });
    await until(() => server.open() === 5);
  });

  it("are never shared between two egresses", async () => {
    const server = await answering();
    await post(testEgress(), server.url);
    expect(responseOf(await post(testEgress(), server.url)).timings.reused).toBe(false);
  });
});

describe("abort and close", () => {
  it("an abort before the answer interrupts, wherever the request is", async () => {
    const server = await testServer(() => {});
    const stuck = { resolve: () => new Promise<never>(() => {}) };
    const egress = testEgress({ connectionsPerOrigin: 1, resolver: stuck });
    const controller = new AbortController();
    const { signal } = controller;
    const sent = post(egress, server.url, { signal });
    await until(() => server.posts() === 1);
    const queued = post(egress, server.url, { signal });
    const resolving = post(egress, "http://receiver.test/", { signal });
    controller.abort();
    const late = post(egress, server.url, { signal });
    for (const outcome of await Promise.all([sent, queued, resolving, late])) {
      expect(failureOf(outcome).errorClass).toBe("interrupted");
    }
    expect(server.posts()).toBe(1);
    await until(() => server.open() === 0);
    expect(egress.stats).toEqual({ origins: 0, connections: 0, idle: 0 });
  });

  it("an abort after the status line keeps the status", async () => {
    const server = await testServer(({ socket }) =>
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart"),
    );
    const controller = new AbortController();
    const egress = testEgress();
    const other = await answering();
    const pending = post(egress, server.url, { signal: controller.signal });
    await until(() => server.posts() === 1);
    // A whole exchange on another connection: by then this process has read what lay there before.
    await post(egress, other.url);
    controller.abort();
    const response = responseOf(await pending);
    expect([response.statusCode, response.truncated, Buffer.from(response.body).toString()]).toEqual([
      200,
      true,
      "part",
    ]);
  });

  it("one signal serves thousands of requests with one listener, and none afterwards", async () => {
    const server = await answering();
    const egress = testEgress();
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args));
    const remove = signal.removeEventListener.bind(signal);
    signal.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove(...args));
    const all = Array.from({ length: 2_000 }, () => post(egress, server.url, { signal }));
    expect(listeners).toBe(1);
    await Promise.all(all);
    expect(listeners).toBe(0);
  });

  it("close interrupts what is open, closes what is idle and sends nothing afterwards", async () => {
    const silent = await testServer(() => {});
    const server = await answering();
    const egress = testEgress({ connectionsPerOrigin: 1 });
    await post(egress, server.url);
    const open = [post(egress, silent.url), post(egress, silent.url), post(egress, "http://127.0.0.1:9/")];
    await until(() => silent.posts() === 1);
    await egress.close();
    const classes = (await Promise.all(open)).map((outcome) => failureOf(outcome).errorClass);
    expect(classes.slice(0, 2)).toEqual(["interrupted", "interrupted"]);
    expect(egress.stats).toEqual({ origins: 0, connections: 0, idle: 0 });
    expect(failureOf(await post(egress, server.url)).errorClass).toBe("interrupted");
    await until(() => server.open() === 0 && silent.open() === 0);
    expect([server.posts(), silent.posts()]).toEqual([1, 1]);
  });

  it("leaves one timer behind for each idle connection, and none when it is closed", async () => {
    const runtime = fakeRuntime();
    const server = await answering();
    const egress = testEgress({ runtime });
    await post(egress, server.url);
    await post(egress, "http://127.0.0.1:1025/");
    await post(egress, "http://10.0.0.1/");
    expect(runtime.pendingTimers()).toBe(1);
    await egress.close();
    expect(runtime.pendingTimers()).toBe(0);
  });
});
