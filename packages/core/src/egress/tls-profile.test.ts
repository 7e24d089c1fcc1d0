import { createServer, type TlsOptions, type TLSSocket } from "node:tls";
import { generateKeyPairSync } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import {
  EXPIRED_CERTIFICATE,
  GOOD_CERTIFICATE,
  OTHER_HOST_CERTIFICATE,
  SELF_SIGNED_CERTIFICATE,
  TEST_CA,
  type TestCertificate,
} from "./testing/certificates.ts";
import { portOf, reply } from "./testing/raw-server.ts";
import { failureOf, post, responseOf, scriptedResolver, testEgress } from "./testing/test-egress.ts";
import { checkIdentity, checkServerCa, tlsProfile } from "./tls-profile.ts";

const NOW = Date.UTC(2026, 10, 24);
const pemOf = ({ cert, key }: TestCertificate): string => `${cert}\n${key}\n`;
const ANA = tlsProfile({ identity: pemOf(GOOD_CERTIFICATE), ca: TEST_CA });
const BEN = tlsProfile({ identity: pemOf(OTHER_HOST_CERTIFICATE), ca: TEST_CA });
const NOBODY = tlsProfile({ identity: null, ca: TEST_CA });

/** A receiver that asks for a certificate and tells which it got, or resumed. */
async function mutual(options: TlsOptions = {}) {
  const names: string[] = [];
  const resumed: boolean[] = [];
  const sockets: TLSSocket[] = [];
  const server = createServer(
    { ...GOOD_CERTIFICATE, ca: TEST_CA, requestCert: true, rejectUnauthorized: true, ...options },
    (socket) => {
      sockets.push(socket);
      resumed.push(socket.isSessionReused());
      const name = String(socket.getPeerCertificate().subject?.CN ?? "nobody");
      socket.on("error", () => {});
      socket.on("data", () => {
        names.push(name);
        socket.write(reply("200 OK", name));
      });
    },
  );
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { names, resumed, sockets, url: `https://receiver.test:${portOf(server)}/` };
}

const resolver = scriptedResolver({ "receiver.test": ["127.0.0.1"] });
const bodyOf = (outcome: Awaited<ReturnType<typeof post>>): string =>
  Buffer.from(responseOf(outcome).body).toString();

test("a receiver that asks for our certificate gets the endpoint's; without one it answers nothing", async () => {
  const server = await mutual();
  const egress = testEgress({ resolver });
  expect(bodyOf(await post(egress, server.url, { tls: ANA }))).toBe("good");
  const refused = failureOf(await post(egress, server.url, { tls: NOBODY }));
  expect(["tls_failed", "connection_reset"]).toContain(refused.errorClass);
  expect(server.names).toEqual(["good"]);
});

test.each(["TLSv1.2", "TLSv1.3"] as const)(
  "under %s neither a connection nor a session of one identity is used for another, or for none",
  async (maxVersion) => {
    const server = await mutual({ rejectUnauthorized: false, maxVersion });
    const egress = testEgress({ resolver, extraCa: [TEST_CA] });
    const send = async (tls?: typeof ANA): Promise<string> =>
      bodyOf(await post(egress, server.url, tls === undefined ? {} : { tls }));
    expect([await send(ANA), await send(BEN), await send(NOBODY), await send()]).toEqual([
      "good",
      "other",
      "nobody",
      "nobody",
    ]);
    expect(server.sockets).toHaveLength(4);
    expect(server.resumed).toEqual([false, false, false, false]);
    // Its own connection is used again.
    expect(await send(ANA)).toBe("good");
    expect(server.sockets).toHaveLength(4);
    for (const socket of server.sockets.splice(0)) socket.destroy();
    server.resumed.length = 0;
    // And so is its own session, on a new one.
    await expect.poll(() => egress.stats.connections).toBe(0);
    expect([await send(BEN), await send(ANA)]).toEqual(["other", "good"]);
    expect(server.sockets).toHaveLength(2);
    expect(server.resumed).toEqual([true, true]);
  },
);

test("an endpoint's own authority is trusted for it alone, and the host name is checked as ever", async () => {
  const open = { requestCert: false };
  const server = await mutual(open);
  const egress = testEgress({ resolver });
  expect(bodyOf(await post(egress, server.url, { tls: NOBODY }))).toBe("nobody");
  expect(failureOf(await post(egress, server.url)).errorClass).toBe("tls_failed");
  const other = await mutual({ ...open, ...OTHER_HOST_CERTIFICATE });
  const refused = failureOf(await post(egress, other.url, { tls: NOBODY }));
  expect(refused.message).toContain("for another host name");
  expect(other.names).toEqual([]);
});

test("certificates that TLS refuses are a failed attempt that says so, not a crash", async () => {
  const server = await mutual();
  const broken = tlsProfile({ identity: "not PEM", ca: null });
  const refused = failureOf(await post(testEgress({ resolver }), server.url, { tls: broken }));
  expect(refused.message).toContain("Set them again");
  expect(refused.message).not.toContain("not PEM");
});

const encrypted = generateKeyPairSync("ec", {
  namedCurve: "P-256",
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "p" },
}).privateKey;

const large = generateKeyPairSync("rsa", {
  modulusLength: 4_160,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
}).privateKey;

test.each([
  ["a key that takes too long to sign with", `${GOOD_CERTIFICATE.cert}\n${large}`, "more than 4096 bits"],
  ["blocks without an end", "-----BEGIN A-----\n".repeat(1_800), "more than 12 blocks"],
  ["nothing", "", "exactly one private key"],
  ["no key", GOOD_CERTIFICATE.cert, "exactly one private key"],
  ["two keys", pemOf(GOOD_CERTIFICATE) + OTHER_HOST_CERTIFICATE.key, "exactly one private key"],
  ["no certificate", GOOD_CERTIFICATE.key, "Must hold the certificate"],
  ["another one's key", GOOD_CERTIFICATE.cert + "\n" + OTHER_HOST_CERTIFICATE.key, "does not belong"],
  ["an expired certificate", pemOf(EXPIRED_CERTIFICATE), "has expired"],
  ["a key with a password", `${GOOD_CERTIFICATE.cert}\n${encrypted}`, "password"],
  ["a broken certificate", pemOf(GOOD_CERTIFICATE).replace("MIIB", "AAAA"), "cannot be read"],
  ["a broken key", pemOf(GOOD_CERTIFICATE).replace("MHcC", "AAAA"), "cannot be read"],
  ["too many certificates", GOOD_CERTIFICATE.cert.repeat(11) + GOOD_CERTIFICATE.key, "more than 10"],
  ["too much", " ".repeat(40_000), "longer than"],
])("an identity with %s is refused", (_what, pem, message) => {
  expect(checkIdentity(pem, NOW)).toEqual({ ok: false, message: expect.stringContaining(message) });
});

test.each([
  ["nothing", "", "at least one"],
  ["a key", TEST_CA + GOOD_CERTIFICATE.key, "private key"],
  ["no authority", GOOD_CERTIFICATE.cert, "not one of an authority"],
  ["what cannot be read", TEST_CA.replace("MIIB", "AAAA"), "cannot be read"],
])("authorities with %s are refused", (_what, pem, message) => {
  expect(checkServerCa(pem, NOW)).toEqual({ ok: false, message: expect.stringContaining(message) });
});

test("what is in order is taken, with a chain, in any order of key and certificate", () => {
  expect(checkIdentity(pemOf(GOOD_CERTIFICATE), NOW)).toEqual({ ok: true });
  expect(checkIdentity(`${GOOD_CERTIFICATE.key}\n${GOOD_CERTIFICATE.cert}\n${TEST_CA}`, NOW)).toEqual({
    ok: true,
  });
  expect(checkServerCa(`${TEST_CA}\n`, NOW)).toEqual({ ok: true });
  expect(checkIdentity(pemOf(SELF_SIGNED_CERTIFICATE), NOW)).toEqual({ ok: true });
});
