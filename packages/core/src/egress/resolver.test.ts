import { describe, expect, it, onTestFinished } from "vitest";
import { fakeRuntime } from "../runtime/testing/fake-runtime.ts";
import { CACHE_ENTRIES_MAX, dnsResolver, LOOKUPS_WAITING_MAX, type Resolver } from "./resolver.ts";
import { dnsServer, type DnsAnswer, type DnsQuestion } from "./testing/dns-server.ts";
import { until } from "./testing/test-egress.ts";

async function setup(
  answer: Parameters<typeof dnsServer>[0],
  options: { concurrency?: number; timeoutMs?: number } = {},
) {
  const server = await dnsServer(answer);
  onTestFinished(() => server.close());
  const runtime = fakeRuntime();
  const resolver: Resolver = dnsResolver({ runtime, servers: [server.address], timeoutMs: 250, ...options });
  const asked = (name: string): number =>
    server.questions.filter((question) => question.name === name).length;
  return { resolver, runtime, server, asked };
}

const only =
  (a: readonly string[], aaaa: readonly string[] = []) =>
  ({ type }: DnsQuestion): DnsAnswer => ({
    records: (type === "A" ? a : aaaa).map((address) => ({ type: type === "A" ? "A" : "AAAA", address })),
  });

describe("the resolver", () => {
  it("gives every A and AAAA record, IPv4 first", async () => {
    const { resolver } = await setup(only(["192.0.2.1", "192.0.2.2"], ["2001:db8::1"]));
    expect(await resolver.resolve("example.com")).toEqual({
      ok: true,
      addresses: ["192.0.2.1", "192.0.2.2", "2001:db8::1"],
    });
  });

  it("gives the addresses at the end of a chain of aliases", async () => {
    const { resolver } = await setup(({ name, type }) => ({
      records:
        type === "A"
          ? [
              { type: "CNAME", target: "inside.example.net" },
              { type: "A", name: "inside.example.net", address: "127.0.0.1" },
            ]
          : [{ type: "CNAME", name, target: "inside.example.net" }],
    }));
    expect(await resolver.resolve("alias.example.com")).toEqual({ ok: true, addresses: ["127.0.0.1"] });
  });

  it("asks for the whole name only: a search domain never applies", async () => {
    const { resolver, server } = await setup(() => ({ records: [], rcode: 3 }));
    await resolver.resolve("kubernetes");
    await resolver.resolve("a.example.com");
    expect([...new Set(server.questions.map(({ name }) => name))]).toEqual(["kubernetes", "a.example.com"]);
  });

  it("answers localhost without asking anyone", async () => {
    const { resolver, server } = await setup(only(["192.0.2.1"]));
    const loopback = { ok: true, addresses: ["127.0.0.1", "::1"] };
    expect(await resolver.resolve("localhost")).toEqual(loopback);
    expect(await resolver.resolve("shop.localhost")).toEqual(loopback);
    expect(server.questions).toEqual([]);
  });

  it("says that a name does not exist, or has no address", async () => {
    const { resolver } = await setup(({ name }) => ({ records: [], rcode: name.startsWith("gone") ? 3 : 0 }));
    expect(await resolver.resolve("gone.example.com")).toMatchObject({ ok: false, reason: "not_found" });
    expect(await resolver.resolve("empty.example.com")).toMatchObject({ ok: false, reason: "not_found" });
  });

  it("says that the name servers failed", async () => {
    const { resolver } = await setup(() => ({ records: [], rcode: 2 }));
    expect(await resolver.resolve("broken.example.com")).toMatchObject({ ok: false, reason: "failed" });
  });

  it("gives up on a silent name server after two tries", async () => {
    const { resolver, asked } = await setup(() => "silence");
    expect(await resolver.resolve("tarpit.example.com")).toMatchObject({ ok: false, reason: "timeout" });
    expect(asked("tarpit.example.com")).toBe(4);
  });

  it("uses one family when the other one's answer is an error", async () => {
    const { resolver } = await setup((question) =>
      question.type === "A" ? only(["192.0.2.1"])(question) : { records: [], rcode: 2 },
    );
    expect(await resolver.resolve("half.example.com")).toEqual({ ok: true, addresses: ["192.0.2.1"] });
  });

  it("refuses a name that does not fit into a question", async () => {
    const { resolver } = await setup(only(["192.0.2.1"]));
    expect(await resolver.resolve(`${"a".repeat(64)}.example.com`)).toMatchObject({ ok: false });
    expect(await resolver.resolve("a..example.com")).toMatchObject({ ok: false });
  });

  it("shares a lookup under way and keeps its answer for seconds, whatever its time to live says", async () => {
    const { resolver, runtime, asked } = await setup(only(["192.0.2.1"]));
    await Promise.all([resolver.resolve("a.example.com"), resolver.resolve("a.example.com")]);
    await runtime.advance(4_999);
    await resolver.resolve("a.example.com");
    expect(asked("a.example.com")).toBe(2);
    await runtime.advance(1);
    await resolver.resolve("a.example.com");
    expect(asked("a.example.com")).toBe(4);
  });

  it("keeps a failure for a shorter time", async () => {
    const { resolver, runtime, asked } = await setup(() => ({ records: [], rcode: 3 }));
    await resolver.resolve("gone.example.com");
    await runtime.advance(1_999);
    await resolver.resolve("gone.example.com");
    expect(asked("gone.example.com")).toBe(2);
    await runtime.advance(1);
    await resolver.resolve("gone.example.com");
    expect(asked("gone.example.com")).toBe(4);
  });

  it("forgets the oldest names beyond its bound", async () => {
    const { resolver, asked } = await setup(only(["192.0.2.1"]));
    await resolver.resolve("first.example.com");
    for (let batch = 0; batch < CACHE_ENTRIES_MAX; batch += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => resolver.resolve(`n${batch + i}.example.com`)));
    }
    await resolver.resolve("first.example.com");
    expect(asked("first.example.com")).toBe(4);
    const newest = `n${CACHE_ENTRIES_MAX - 1}.example.com`;
    await resolver.resolve(newest);
    expect(asked(newest)).toBe(2);
  });

  it("bounds the lookups under way, also while those that waited take their turn, and how many may wait", async () => {
    // Every question stays open until the test answers it.
    const open = new Map<string, (() => void)[]>();
    let most = 0;
    const answer = async (question: DnsQuestion): Promise<DnsAnswer> => {
      await new Promise<void>((resolve) =>
        open.set(question.name, [...(open.get(question.name) ?? []), resolve]),
      );
      return only(["192.0.2.1"])(question);
    };
    const { resolver } = await setup(answer, { concurrency: 16, timeoutMs: 20_000 });
    const look = (label: string, count: number) =>
      Array.from({ length: count }, (_, i) => resolver.resolve(`${label}${i}.example.com`));
    const all = look("early", 48);
    for (let wave = 0; wave < 6; wave++) {
      await until(() => open.size >= 16 && [...open.values()].every((questions) => questions.length === 2));
      if (wave === 1) all.push(...look("late", 48));
      most = Math.max(most, open.size);
      const answers = [...open.values()].flat();
      open.clear();
      for (const done of answers) done();
    }
    expect((await Promise.all(all)).every(({ ok }) => ok)).toBe(true);
    expect(most).toBe(16);
    const filling = look("many", 16 + LOOKUPS_WAITING_MAX);
    expect(await resolver.resolve("one-more.example.com")).toMatchObject({ ok: false, reason: "busy" });
    expect(filling.length).toBe(16 + LOOKUPS_WAITING_MAX);
  });
});
