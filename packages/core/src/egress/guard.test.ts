import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { fakeRuntime } from "../runtime/testing/fake-runtime.ts";
import { Connector, type ConnectResult } from "./connector.ts";
import type { EgressRules } from "./policy.ts";
import { dnsResolver, type Resolver } from "./resolver.ts";
import { BAD_URL_HOSTS } from "./testing/bad-hosts.ts";
import { dnsServer, type DnsAnswer, type DnsQuestion } from "./testing/dns-server.ts";
import { reply } from "./testing/raw-server.ts";
import {
  failureOf,
  LOOPBACK_RULES,
  post,
  PUBLIC_RULES,
  responseOf,
  rulesOf,
  scriptedResolver,
  testEgress,
  testRuntime,
  testServer,
} from "./testing/test-egress.ts";
import { TlsSessions } from "./tls-sessions.ts";

/** A listener on loopback that must never be reached. */
const canary = () => testServer(({ socket }) => socket.write(reply()));

/** 127.0.0.2 stands for a public address: opened by itself, while 127.0.0.1 stays closed. */
const SECOND_LOOPBACK = rulesOf({ allowedNetworks: ["127.0.0.2"] });

async function scriptedDns(answer: (question: DnsQuestion) => DnsAnswer) {
  const server = await dnsServer(answer);
  onTestFinished(() => server.close());
  const runtime = fakeRuntime();
  return { resolver: dnsResolver({ runtime, servers: [server.address], timeoutMs: 500 }), runtime, server };
}

describe("the guard", () => {
  it("reaches no listener of this machine by any spelling of its address or name", async () => {
    const { port, connections } = await canary();
    const resolver = scriptedResolver({});
    const egress = testEgress({ rules: PUBLIC_RULES, resolver });
    for (const host of BAD_URL_HOSTS) {
      const outcome = failureOf(await post(egress, `http://${host}:${port}/hook`));
      expect([host, outcome.errorClass]).toEqual([host, "egress_denied"]);
    }
    expect(connections()).toBe(0);
    expect(resolver.asked).toEqual([]);
  });

  it("refuses a name when any of its addresses is forbidden, and dials none of them", async () => {
    const inside = await canary();
    const outside = await testServer({ host: "127.0.0.2", port: inside.port });
    const names = {
      "last4.example.com": ["127.0.0.2", "127.0.0.1"],
      "first4.example.com": ["127.0.0.1", "127.0.0.2"],
      "last6.example.com": ["127.0.0.2", "::1"],
      "beyond.example.com": [...Array.from({ length: 20 }, () => "127.0.0.2"), "127.0.0.1"],
      "mapped.example.com": ["::ffff:127.0.0.2"],
      "private.example.com": ["127.0.0.2", "10.0.0.1"],
      "metadata.example.com": ["127.0.0.2", "169.254.169.254"],
      "wireserver.example.com": ["127.0.0.2", "168.63.129.16"],
      "loopback.example.com": ["127.0.0.1"],
      "unspecified.example.com": ["0.0.0.0"],
      "nothing.example.com": [],
      "garbage.example.com": ["127.0.0.2", "not an address"],
    };
    const egress = testEgress({ rules: SECOND_LOOPBACK, resolver: scriptedResolver(names) });
    for (const name of Object.keys(names)) {
      const outcome = failureOf(await post(egress, `http://${name}:${inside.port}/hook`));
      expect([name, outcome.errorClass]).toEqual([name, "egress_denied"]);
    }
    expect([inside.connections(), outside.connections()]).toEqual([0, 0]);
  });

  it("tells the customer neither the address nor why exactly", async () => {
    const egress = testEgress({
      rules: PUBLIC_RULES,
      resolver: scriptedResolver({ "a.example.com": ["10.1.2.3"], "b.example.com": ["127.0.0.1"] }),
    });
    const a = failureOf(await post(egress, "http://a.example.com/"));
    const b = failureOf(await post(egress, "http://b.example.com/"));
    expect(a.message).toBe(b.message);
    expect(a.message).not.toMatch(/\d/);
    expect(a.detail).toContain("10.1.2.3");
  });

  it("reaches nothing when a name answers with a public address first and loopback afterwards", async () => {
    const inside = await canary();
    const outside = await testServer({
      host: "127.0.0.2",
      port: inside.port,
      onRequest: ({ socket }) => socket.end(reply("200 OK", "ok", ["connection: close"])),
    });
    const { resolver, runtime, server } = await scriptedDns(({ type, count }) => ({
      records: type === "A" ? [{ type: "A", address: count % 2 === 1 ? "127.0.0.2" : "127.0.0.1" }] : [],
    }));
    const egress = testEgress({ rules: SECOND_LOOPBACK, resolver });
    const seen: string[] = [];
    for (let round = 0; round < 20; round++) {
      const outcome = await post(egress, `http://rebind.example.com:${inside.port}/`);
      seen.push(outcome.kind === "response" ? "sent" : outcome.errorClass);
      await runtime.advance(10_000);
    }
    expect(seen).toEqual(
      Array.from({ length: 20 }, (_, round) => (round % 2 === 0 ? "sent" : "egress_denied")),
    );
    expect(server.questions.length).toBe(40);
    expect(outside.posts()).toBe(10);
    expect(inside.connections()).toBe(0);
  });

  it("looks a name up once for each connection and dials that very answer", async () => {
    const inside = await canary();
    const outside = await testServer({
      host: "127.0.0.2",
      port: inside.port,
      onRequest: ({ socket }) => socket.write(reply()),
    });
    let lookups = 0;
    const resolver: Resolver = {
      async resolve() {
        lookups++;
        return { ok: true, addresses: [lookups === 1 ? "127.0.0.2" : "127.0.0.1"] };
      },
    };
    const egress = testEgress({ rules: SECOND_LOOPBACK, resolver });
    responseOf(await post(egress, `http://rebind.example.com:${inside.port}/`));
    expect([lookups, outside.posts(), inside.connections()]).toEqual([1, 1, 0]);
  });

  it("refuses an alias that leads inside", async () => {
    const { port, connections } = await canary();
    const { resolver } = await scriptedDns(({ type }) => ({
      records: [
        { type: "CNAME", target: "inside.example.net" },
        ...(type === "A" ? [{ type: "A", name: "inside.example.net", address: "127.0.0.1" } as const] : []),
      ],
    }));
    const egress = testEgress({ rules: SECOND_LOOPBACK, resolver });
    expect(failureOf(await post(egress, `http://alias.example.com:${port}/`)).errorClass).toBe(
      "egress_denied",
    );
    expect(connections()).toBe(0);
  });

  it("refuses a public A record beside a forbidden AAAA record, and the other way round", async () => {
    const inside = await canary();
    const outside = await testServer({ host: "127.0.0.2", port: inside.port });
    const { resolver } = await scriptedDns(({ name, type }) => {
      const [a, aaaa] = name.startsWith("six") ? ["127.0.0.2", "::1"] : ["127.0.0.1", "2606:4700::1111"];
      return { records: [type === "A" ? { type, address: a } : { type: "AAAA", address: aaaa }] };
    });
    const egress = testEgress({ rules: SECOND_LOOPBACK, resolver });
    for (const name of ["six.example.com", "four.example.com"]) {
      expect(failureOf(await post(egress, `http://${name}:${inside.port}/`)).errorClass).toBe(
        "egress_denied",
      );
    }
    expect([inside.connections(), outside.connections()]).toEqual([0, 0]);
  });

  it("judges the peer again after connecting, before a byte leaves", async () => {
    const server = await canary();
    let asked = 0;
    // Open while the address is judged and dialled, closed when the connection stands.
    const rules: EgressRules = {
      ...LOOPBACK_RULES,
      get networks() {
        asked++;
        return asked <= 2 ? LOOPBACK_RULES.networks : [];
      },
    };
    const connector = new Connector({
      runtime: testRuntime,
      rules,
      resolver: scriptedResolver({}),
      tlsSessions: new TlsSessions(testRuntime.clock),
      connectTimeoutMs: 1_000,
      extraCa: [],
    });
    const target = { origin: "o", secure: false, host: "127.0.0.1", literal: true, port: server.port };
    const result = await new Promise<ConnectResult>((resolve) => connector.connect(target, resolve));
    expect(result).toMatchObject({ ok: false, failure: { errorClass: "egress_denied" } });
    expect(server.received()).toBe("");
  });

  it("sends into a network the operator opened, and only there", async () => {
    const server = await testServer(({ socket }) => socket.write(reply()));
    const open = testEgress({ rules: rulesOf({ allowedNetworks: [`127.0.0.1:${server.port}`] }) });
    expect(responseOf(await post(open, server.url)).statusCode).toBe(200);
    const closed = testEgress({ rules: rulesOf({ allowedNetworks: ["127.0.0.1:1", "10.0.0.0/8"] }) });
    expect(failureOf(await post(closed, server.url)).errorClass).toBe("egress_denied");
    expect(server.connections()).toBe(1);
  });

  it("finds localhost on a development machine, on whichever family it listens", async () => {
    const v4 = await testServer(({ socket }) => socket.write(reply()));
    const egress = testEgress();
    expect(responseOf(await post(egress, `http://localhost:${v4.port}/`)).statusCode).toBe(200);
    const v6 = await testServer({ host: "::1", onRequest: ({ socket }) => socket.write(reply()) });
    expect(responseOf(await post(egress, `http://localhost:${v6.port}/`)).statusCode).toBe(200);
    expect(responseOf(await post(egress, v6.url)).statusCode).toBe(200);
  });

  it.each([301, 302, 303, 307, 308])("returns a %i as it is and does not follow it", async (status) => {
    const inside = await canary();
    const server = await testServer(({ socket }) =>
      socket.write(reply(`${status} Moved`, "", [`location: ${inside.url}`])),
    );
    const response = responseOf(await post(testEgress(), server.url));
    expect(response.statusCode).toBe(status);
    expect(response.headers).toContainEqual(["location", inside.url]);
    expect(inside.connections()).toBe(0);
    expect(server.posts()).toBe(1);
  });

  it("ignores the proxies of the environment, even when Node.js itself is told to use them", async () => {
    const proxy = await canary();
    const server = await testServer(({ socket }) => socket.write(reply("204 No Content", "")));
    const names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    const env = Object.fromEntries(names.map((name) => [name, `http://127.0.0.1:${proxy.port}`]));
    const script = fileURLToPath(new URL("testing/post-once.ts", import.meta.url));
    const child = spawn(process.execPath, [script, server.url], {
      env: { ...env, NO_PROXY: "", NODE_USE_ENV_PROXY: "1" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    await new Promise((resolve) => child.once("close", resolve));
    expect(output).toBe("204");
    expect([server.posts(), proxy.connections()]).toEqual([1, 0]);
  });
});

describe("headers", () => {
  it.each([
    { Host: "evil.example.com" },
    { "Content-Length": "5" },
    { "Transfer-Encoding": "chunked" },
    { Connection: "close" },
    { Upgrade: "websocket" },
    { Expect: "100-continue" },
    { TE: "trailers" },
    { "Proxy-Connection": "close" },
    { "x-a": "b\r\nhost: evil" },
    { "x-a": "b\nc" },
    { "x-a": "b\u0000c" },
    { "x-a\r\nhost": "evil" },
    { "x a": "b" },
    { "": "b" },
    { "x-a": "snowman ☃" },
  ])("%j is refused and nothing is sent, whoever asks for it", async (headers) => {
    const server = await canary();
    const egress = testEgress();
    expect(failureOf(await post(egress, server.url, { headers }))).toMatchObject({
      errorClass: "egress_denied",
    });
    expect(server.received()).toBe("");
    expect(responseOf(await post(egress, server.url)).statusCode).toBe(200);
    expect([server.posts(), server.connections()]).toEqual([1, 1]);
  });

  it("go out as given, with identity as the only encoding accepted", async () => {
    const server = await canary();
    await post(testEgress(), server.url, { headers: { "Webhook-Id": "msg_1", Authorization: "Bearer x" } });
    expect(server.received().split("\r\n").slice(0, -1)).toEqual([
      "POST /hook HTTP/1.1",
      `host: 127.0.0.1:${server.port}`,
      "connection: keep-alive",
      "Webhook-Id: msg_1",
      "Authorization: Bearer x",
      "accept-encoding: identity",
      "content-length: 26",
      "",
    ]);
  });
});
