import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ipBytes } from "./ip-bytes.ts";
import { ALLOWED_NETWORKS_MAX, parsePolicy, PUBLIC_POLICY } from "./policy.ts";

function messageFor(network: string): string {
  const parsed = parsePolicy({ allowHttp: false, allowedNetworks: [network] });
  return parsed.ok ? "ok" : parsed.message;
}

describe("parsePolicy", () => {
  it.each([
    "10.0.0.0/8",
    "10.1.2.3",
    "10.1.2.3:9000",
    "10.0.0.0/8:9000",
    "::1",
    "fd00::/8",
    "[fd00::/8]:9000",
    "[::1]",
  ])("accepts %s", (network) => {
    expect(messageFor(network)).toBe("ok");
  });

  it.each([
    ["", "write an address or a network"],
    ["localhost", "write an address or a network"],
    ["10.0.0.0/8/8", "write an address or a network"],
    ["10.0.0", "is not an IPv4 or IPv6 address"],
    ["010.0.0.1", "is not an IPv4 or IPv6 address"],
    ["256.0.0.1", "is not an IPv4 or IPv6 address"],
    ["fd00:::/8", "is not an IPv4 or IPv6 address"],
    ["10.0.0.0/33", "the prefix length must be 0 to 32"],
    ["::/129", "the prefix length must be 0 to 128"],
    ["10.0.0.1/8", "bits beyond /8"],
    ["fd00::1/64", "bits beyond /64"],
    ["10.0.0.1:0", "the port must be 1 to 65535"],
    ["10.0.0.1:65536", "the port must be 1 to 65535"],
  ])("says what is wrong with %j", (network, message) => {
    expect(messageFor(network)).toContain(message);
    expect(messageFor(network)).toContain(`"${network}"`);
  });

  it("never throws, whatever an operator writes", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.ipV4Extended(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:./[\]]*$/)),
        (text) => {
          expect(typeof messageFor(text)).toBe("string");
        },
      ),
    );
  });

  it("opens nothing by default", () => {
    const parsed = parsePolicy(PUBLIC_POLICY);
    expect(
      parsed.ok &&
        !parsed.rules.opensLoopback &&
        !parsed.rules.allowHttp &&
        parsed.rules.networks.length === 0,
    ).toBe(true);
  });

  it("bounds the number of networks", () => {
    const allowedNetworks = Array.from({ length: ALLOWED_NETWORKS_MAX + 1 }, () => "10.0.0.1");
    expect(parsePolicy({ allowHttp: false, allowedNetworks })).toEqual({
      ok: false,
      message: `At most ${ALLOWED_NETWORKS_MAX} allowed networks.`,
    });
  });
});

describe("ipBytes", () => {
  it("reads every form of an IPv6 address as the URL parser does", () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
        expect(ipBytes(address)).toEqual(ipBytes(canonical));
        expect(ipBytes(address)?.length).toBe(16);
      }),
    );
  });

  it("knows nothing else", () => {
    expect(["", "1.2.3", "fe80::1%eth0", "::1::", "example.com"].map(ipBytes)).toEqual([
      null,
      null,
      null,
      null,
      null,
    ]);
  });
});
