import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isOrdinaryPort, mayConnect } from "./address-policy.ts";
import { ipBytes } from "./ip-bytes.ts";
import { DEV_POLICY } from "./policy.ts";
import { SPECIAL_V4, SPECIAL_V6 } from "./testing/special-purpose-blocks.ts";
import { PUBLIC_RULES, rulesOf } from "./testing/test-egress.ts";
import { checkUrl } from "./url-policy.ts";

const publicOnly = (address: string): boolean => mayConnect(address, 443, PUBLIC_RULES);

/** The text of an address from its bytes. */
function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((bytes[index * 2]! << 8) | bytes[index * 2 + 1]!).toString(16),
  );
  return groups.join(":");
}

/** Any address of a block, its first and last one more often. */
function addressIn(block: string): fc.Arbitrary<string> {
  const [first = "", length = ""] = block.split("/");
  const network = ipBytes(first)!;
  const size = network.length;
  const noise = fc.oneof(
    { weight: 1, arbitrary: fc.constant(new Uint8Array(size)) },
    { weight: 1, arbitrary: fc.constant(new Uint8Array(size).fill(255)) },
    { weight: 8, arbitrary: fc.uint8Array({ minLength: size, maxLength: size }) },
  );
  return noise.map((random) =>
    addressText(
      network.map((byte, index) => {
        const mask = 0xff >> Math.min(8, Math.max(0, Number(length) - index * 8));
        return (byte & ~mask) | (random[index]! & mask);
      }),
    ),
  );
}

function isIn(address: string, block: string): boolean {
  const [first = "", length = ""] = block.split("/");
  const a = ipBytes(address)!;
  const b = ipBytes(first)!;
  if (a.length !== b.length) return false;
  return a.every((byte, index) => {
    const mask = ~(0xff >> Math.min(8, Math.max(0, Number(length) - index * 8))) & 0xff;
    return (byte & mask) === (b[index]! & mask);
  });
}

describe("the public policy", () => {
  it.each([...SPECIAL_V4, ...SPECIAL_V6])("refuses every address of %s", (block) => {
    fc.assert(
      fc.property(addressIn(block), (address) => !publicOnly(address)),
      { numRuns: 200 },
    );
  });

  it("allows every IPv4 address outside the special-purpose blocks", () => {
    const blocks = [...SPECIAL_V4, "168.63.129.16/32"];
    const anywhere = addressIn("0.0.0.0/0").filter(
      (address) => !blocks.some((block) => isIn(address, block)),
    );
    fc.assert(fc.property(anywhere, publicOnly), { numRuns: 2_000 });
  });

  it("allows every global unicast IPv6 address outside the special-purpose blocks", () => {
    const anywhere = addressIn("2000::/3").filter(
      (address) => !SPECIAL_V6.some((block) => isIn(address, block)),
    );
    fc.assert(fc.property(anywhere, publicOnly), { numRuns: 2_000 });
  });

  it.each([
    "169.254.169.254",
    "169.254.170.2",
    "fd00:ec2::254",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
  ])("refuses the metadata service at %s", (address) => {
    expect(publicOnly(address)).toBe(false);
  });

  it("judges the neighbours of every block exactly", () => {
    for (const [below, above] of [
      ["9.255.255.255", "11.0.0.0"],
      ["100.63.255.255", "100.128.0.0"],
      ["126.255.255.255", "128.0.0.0"],
      ["169.253.255.255", "169.255.0.0"],
      ["172.15.255.255", "172.32.0.0"],
      ["192.167.255.255", "192.169.0.0"],
      ["198.17.255.255", "198.20.0.0"],
      ["168.63.129.15", "168.63.129.17"],
    ] as const) {
      expect([below, publicOnly(below)]).toEqual([below, true]);
      expect([above, publicOnly(above)]).toEqual([above, true]);
    }
  });

  it.each([
    "8.8.8.8",
    "1.1.1.1",
    "93.184.216.34",
    "52.94.236.248",
    "185.199.108.153",
    "223.255.255.254",
    "2606:4700:4700::1111",
    "2001:4860:4860::8888",
    "2a00:1450:4001:81b::200e",
    "2600:1f18::1",
    "2400:cb00:2048:1::c629:d7a2",
    "2003:e1::1",
    "2001:200::1",
  ])("allows the public address %s", (address) => {
    expect(publicOnly(address)).toBe(true);
  });

  it.each([
    "",
    "localhost",
    "127.0.0.1 ",
    "fe80::1%eth0",
    "::1%lo",
    "8.8.8.8/32",
    "0x8.8.8.8",
    "8.8.8",
    "[::1]",
  ])("refuses %j, which is no address", (text) => {
    expect(publicOnly(text)).toBe(false);
  });

  it("refuses an IPv4 address however it is wrapped in an IPv6 one", () => {
    for (const v4 of ["127.0.0.1", "10.0.0.1", "169.254.169.254", "8.8.8.8"]) {
      const [a, b, c, d] = v4.split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
      const hex = `${a}${b}:${c}${d}`;
      for (const wrapped of [
        `::ffff:${v4}`,
        `::ffff:${hex}`,
        `::${hex}`,
        `::ffff:0:${hex}`,
        `::5efe:${hex}`,
        `fe80::5efe:${hex}`,
        `64:ff9b::${hex}`,
        `64:ff9b:1::${hex}`,
        `2002:${hex}::1`,
        `2001:0:${hex}::1`,
        `2001:0:0:0:0:0:${hex}`,
      ]) {
        expect([wrapped, publicOnly(wrapped)]).toEqual([wrapped, false]);
      }
    }
  });

  it("gives one verdict for every spelling of an IPv4 address", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), ([a = 0, b = 0, c = 0, d = 0]) => {
        const dotted = `${a}.${b}.${c}.${d}`;
        const number = ((a * 256 + b) * 256 + c) * 256 + d;
        const spellings = [
          dotted,
          `${dotted}.`,
          String(number),
          `0x${number.toString(16)}`,
          `0${number.toString(8)}`,
          `${a}.${(b * 256 + c) * 256 + d}`,
          `${a}.${b}.${c * 256 + d}`,
          [a, b, c, d].map((part) => `0x${part.toString(16)}`).join("."),
          [a, b, c, d].map((part) => `0${part.toString(8)}`).join("."),
          dotted.replaceAll(/\d/g, (digit) => `%3${digit}`),
          dotted.replaceAll(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
          dotted.replaceAll(".", "。"),
        ];
        const verdict = publicOnly(dotted);
        return spellings.every((host) => checkUrl(`https://${host}/`, PUBLIC_RULES).ok === verdict);
      }),
    );
  });
});

describe("the operator's networks", () => {
  it("open exactly what they name", () => {
    const rules = rulesOf({ allowedNetworks: ["10.1.0.0/16", "fd12:3456::/32", "192.168.7.9"] });
    const may = (address: string): boolean => mayConnect(address, 443, rules);
    expect(["10.1.0.0", "10.1.255.255", "fd12:3456::1", "192.168.7.9"].map(may)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(["10.0.255.255", "10.2.0.0", "fd12:3457::", "192.168.7.8", "127.0.0.1"].some(may)).toBe(false);
  });

  it("do not open the IPv6 spelling of an IPv4 network", () => {
    const rules = rulesOf({ allowedNetworks: ["127.0.0.0/8"] });
    expect(mayConnect("::ffff:127.0.0.1", 443, rules)).toBe(false);
  });

  it("open any port when they name it, and only that one", () => {
    const rules = rulesOf({ allowedNetworks: ["10.0.0.5:25", "[fd00::5/128]:5432"] });
    expect(mayConnect("10.0.0.5", 25, rules)).toBe(true);
    expect(mayConnect("fd00::5", 5432, rules)).toBe(true);
    expect(mayConnect("10.0.0.5", 443, rules)).toBe(false);
    expect(mayConnect("10.0.0.6", 25, rules)).toBe(false);
  });

  it("keep the ordinary ports when they name none", () => {
    const rules = rulesOf({ allowedNetworks: ["10.0.0.0/8"] });
    expect([443, 3000, 8080].every((port) => mayConnect("10.0.0.5", port, rules))).toBe(true);
    expect([22, 25, 6379, 5432].some((port) => mayConnect("10.0.0.5", port, rules))).toBe(false);
  });

  it("leave cloud metadata services closed unless each is named by itself", () => {
    const broad = rulesOf({
      allowedNetworks: ["169.254.0.0/16", "100.64.0.0/10", "fc00::/7", "192.0.0.0/24"],
    });
    const addresses = ["169.254.169.254", "100.100.100.200", "fd00:ec2::254", "192.0.0.192"];
    expect(addresses.some((address) => mayConnect(address, 80, broad))).toBe(false);
    expect(mayConnect("169.254.1.1", 80, broad)).toBe(true);
    const named = rulesOf({ allowedNetworks: addresses });
    expect(addresses.every((address) => mayConnect(address, 80, named))).toBe(true);
  });

  it("of the development policy are this machine and private networks, nothing more", () => {
    const rules = rulesOf(DEV_POLICY);
    const may = (address: string): boolean => mayConnect(address, 3000, rules);
    expect(
      ["127.0.0.1", "::1", "10.0.0.1", "172.17.0.1", "192.168.1.1", "fd00::1", "8.8.8.8"].every(may),
    ).toBe(true);
    expect(["0.0.0.0", "::", "169.254.169.254", "100.64.0.1", "fe80::1", "::ffff:127.0.0.1"].some(may)).toBe(
      false,
    );
  });
});

describe("NAT64", () => {
  it("is judged by the address inside when the operator says so", () => {
    const rules = rulesOf({ nat64: "judge" });
    expect(mayConnect("64:ff9b::808:808", 443, rules)).toBe(true);
    expect(mayConnect("64:ff9b::8.8.8.8", 443, rules)).toBe(true);
    expect(mayConnect("64:ff9b::7f00:1", 443, rules)).toBe(false);
    expect(mayConnect("64:ff9b::a9fe:a9fe", 443, rules)).toBe(false);
    expect(mayConnect("64:ff9b:1::808:808", 443, rules)).toBe(false);
  });
});

describe("ports", () => {
  it("are 80, 443 and the unprivileged ones, without other services", () => {
    expect([80, 443, 1024, 3000, 8080, 8443, 65_535].every(isOrdinaryPort)).toBe(true);
    const denied = [
      0, 1, 21, 22, 23, 25, 53, 110, 143, 389, 445, 465, 587, 993, 2049, 2375, 2379, 3306, 5060, 5432,
    ];
    expect(
      [...denied, 5984, 6000, 6379, 6667, 8500, 9200, 10_250, 11_211, 27_017, 65_536].some(isOrdinaryPort),
    ).toBe(false);
  });
});
