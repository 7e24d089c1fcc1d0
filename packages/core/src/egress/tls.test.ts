import { createServer, type TlsOptions, type TLSSocket } from "node:tls";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import {
  EXPIRED_CERTIFICATE,
  GOOD_CERTIFICATE,
  OTHER_HOST_CERTIFICATE,
  SELF_SIGNED_CERTIFICATE,
  TEST_CA,
} from "./testing/certificates.ts";
import { portOf, reply } from "./testing/raw-server.ts";
import {
  failureOf,
  post,
  responseOf,
  scriptedResolver,
  testEgress,
  testServer,
  until,
} from "./testing/test-egress.ts";

/** A receiver that speaks TLS and answers every request. */
async function tlsServer(options: TlsOptions = GOOD_CERTIFICATE, close = false) {
  const sockets: TLSSocket[] = [];
  const resumed: boolean[] = [];
  let bytes = 0;
  const server = createServer({ ALPNProtocols: ["h2", "http/1.1"], ...options }, (socket) => {
    sockets.push(socket);
    resumed.push(socket.isSessionReused());
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      bytes += chunk.length;
      if (!chunk.toString("latin1").includes("order.completed")) return;
      if (close) socket.end(reply("200 OK", "ok", ["connection: close"]));
      else socket.write(reply());
    });
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const port = portOf(server);
  return { sockets, resumed, port, url: `https://receiver.test:${port}/`, bytes: () => bytes };
}

const resolver = scriptedResolver({ "receiver.test": ["127.0.0.1"], "other.test": ["127.0.0.1"] });
const trusting = () => testEgress({ resolver, extraCa: [TEST_CA] });

describe("TLS", () => {
  it("delivers to a certificate that is good, over HTTP/1.1 and with the name in the handshake", async () => {
    const server = await tlsServer();
    const egress = trusting();
    const first = responseOf(await post(egress, server.url));
    expect(first.statusCode).toBe(200);
    expect(first.timings).toMatchObject({
      dnsMs: expect.any(Number),
      tlsMs: expect.any(Number),
      reused: false,
    });
    expect(responseOf(await post(egress, server.url)).timings).toMatchObject({ tlsMs: null, reused: true });
    expect(server.sockets.length).toBe(1);
    expect(server.sockets[0]).toMatchObject({ alpnProtocol: "http/1.1", servername: "receiver.test" });
  });

  it("checks an address against the addresses in the certificate, without a name in the handshake", async () => {
    const server = await tlsServer();
    responseOf(await post(trusting(), `https://127.0.0.1:${server.port}/`));
    expect(server.sockets[0]?.servername).toBeFalsy();
    const other = await tlsServer(OTHER_HOST_CERTIFICATE);
    const refused = failureOf(await post(trusting(), `https://127.0.0.1:${other.port}/`));
    expect(refused.message).toContain("for another host name");
  });

  it.each([
    ["an expired certificate", EXPIRED_CERTIFICATE, "has expired"],
    ["a certificate for another host", OTHER_HOST_CERTIFICATE, "is for another host name"],
    ["a self-signed certificate", SELF_SIGNED_CERTIFICATE, "is self-signed"],
  ])("refuses %s and sends nothing", async (_name, certificate, message) => {
    const server = await tlsServer(certificate);
    const egress = trusting();
    for (let round = 0; round < 3; round++) {
      const outcome = failureOf(await post(egress, server.url));
      expect(outcome).toMatchObject({ errorClass: "tls_failed", message: expect.stringContaining(message) });
      expect(outcome.timings.connectMs).toEqual(expect.any(Number));
    }
    expect(server.bytes()).toBe(0);
    expect(egress.stats).toEqual({ origins: 0, connections: 0, idle: 0 });
  });

  it("refuses an authority nobody added", async () => {
    const server = await tlsServer();
    expect(failureOf(await post(testEgress({ resolver }), server.url))).toMatchObject({
      errorClass: "tls_failed",
    });
    expect(server.bytes()).toBe(0);
  });

  describe("with NODE_TLS_REJECT_UNAUTHORIZED=0", () => {
    const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    afterEach(() => {
      if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
      else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
    });

    it("verifies all the same", async () => {
      process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
      for (const certificate of [EXPIRED_CERTIFICATE, SELF_SIGNED_CERTIFICATE, OTHER_HOST_CERTIFICATE]) {
        const server = await tlsServer(certificate);
        expect(failureOf(await post(trusting(), server.url)).errorClass).toBe("tls_failed");
        expect(server.bytes()).toBe(0);
      }
    });
  });

  it.each(["TLSv1.2", "TLSv1.3"] as const)(
    "resumes a %s session on the next connection",
    async (maxVersion) => {
      const server = await tlsServer({ ...GOOD_CERTIFICATE, maxVersion }, true);
      const egress = trusting();
      for (let round = 0; round < 3; round++) responseOf(await post(egress, server.url));
      expect(server.resumed).toEqual([false, true, true]);
    },
  );

  it("never resumes a session whose certificate was not for the host: TLS 1.2 would skip that check", async () => {
    const server = await tlsServer({ ...OTHER_HOST_CERTIFICATE, maxVersion: "TLSv1.2" });
    const egress = trusting();
    for (let round = 0; round < 5; round++) {
      expect(failureOf(await post(egress, server.url)).message).toContain("for another host name");
    }
    expect(server.bytes()).toBe(0);
  });

  it("does not carry a session of one name over to another", async () => {
    const server = await tlsServer({ ...GOOD_CERTIFICATE, maxVersion: "TLSv1.2" }, true);
    const egress = trusting();
    responseOf(await post(egress, server.url));
    const other = failureOf(await post(egress, `https://other.test:${server.port}/`));
    expect(other.message).toContain("for another host name");
  });

  it("refuses TLS older than 1.2", async () => {
    const server = await tlsServer({
      ...GOOD_CERTIFICATE,
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    });
    expect(failureOf(await post(trusting(), server.url)).errorClass).toBe("tls_failed");
  });

  it("refuses a server that wants a certificate of ours", async () => {
    const server = await tlsServer({
      ...GOOD_CERTIFICATE,
      requestCert: true,
      rejectUnauthorized: true,
      ca: TEST_CA,
    });
    expect(["tls_failed", "connection_reset"]).toContain(
      failureOf(await post(trusting(), server.url)).errorClass,
    );
    expect(server.bytes()).toBe(0);
  });

  it.each([
    ["says nothing", () => {}],
    [
      "answers in plain HTTP",
      (socket: { write(text: string): unknown }) => socket.write(reply("400 Bad Request")),
    ],
    [
      "answers with garbage",
      (socket: { write(text: string): unknown }) => socket.write("\u0000".repeat(100)),
    ],
    ["closes", (socket: { destroy(): unknown }) => socket.destroy()],
    ["resets", (socket: { resetAndDestroy(): unknown }) => socket.resetAndDestroy()],
  ])("fails in time when the server %s instead of shaking hands", async (_name, act) => {
    const server = await testServer({ onConnection: (socket) => socket.once("data", () => act(socket)) });
    const egress = testEgress({ resolver, connectTimeoutMs: 300 });
    const outcome = failureOf(await post(egress, `https://receiver.test:${server.port}/`));
    expect(outcome.errorClass).toBe("tls_failed");
    expect(outcome.timings).toMatchObject({ connectMs: expect.any(Number), tlsMs: null });
    await until(() => server.open() === 0 && egress.stats.origins === 0);
  });
});
