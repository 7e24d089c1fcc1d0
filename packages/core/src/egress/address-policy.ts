import { BlockList, isIPv4, isIPv6 } from "node:net";
import { ipBytes } from "./ip-bytes.ts";
import type { EgressRules } from "./policy.ts";

/**
 * IPv4 is public except for these: the IANA special-purpose blocks that are not globally reachable, multicast,
 * and one public address that is a cloud's internal service (Azure WireServer).
 */
const V4_DENIED = blockList("ipv4", [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "168.63.129.16/32",
]);

/**
 * IPv6 is the other way round: only global unicast is public. That refuses every way to write an IPv4 address
 * inside an IPv6 one (mapped, compatible, SIIT, ISATAP on link-local, NAT64) without naming them.
 */
const V6_GLOBAL = blockList("ipv6", ["2000::/3"]);
const V6_DENIED = blockList("ipv6", [
  "2001::/23", // IETF protocol assignments: Teredo, benchmarking, ORCHID, AMT
  "2001:db8::/32",
  "2002::/16", // 6to4
  "3fff::/20",
  "2620:4f:8000::/48",
]);

const NAT64 = blockList("ipv6", ["64:ff9b::/96"]);

/** Where clouds hand out credentials to whoever asks from the machine. */
const V4_METADATA = blockList("ipv4", [
  "169.254.169.254/32",
  "169.254.170.2/32",
  "100.100.100.200/32",
  "192.0.0.192/32",
  "168.63.129.16/32",
]);
const V6_METADATA = blockList("ipv6", ["fd00:ec2::254/128", "fd20:ce::254/128"]);

/** Ports of services that must never be spoken to by accident: the WHATWG list above 1023, and databases. */
const DENIED_PORTS: ReadonlySet<number> = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
  10080, 2375, 2379, 3306, 5432, 5984, 6379, 8500, 9200, 10250, 11211, 27017,
]);

/** 80, 443 and everything from 1024 that is not some other well-known service. */
export function isOrdinaryPort(port: number): boolean {
  return port === 80 || port === 443 || (port >= 1024 && port <= 65_535 && !DENIED_PORTS.has(port));
}

/**
 * Whether a connection to this address and port may be opened. The operator's networks are asked first, then
 * the public tables. Anything that is not a plain IPv4 or IPv6 address is refused.
 */
export function mayConnect(address: string, port: number, rules: EgressRules): boolean {
  const family = isIPv4(address) ? "ipv4" : isIPv6(address) && !address.includes("%") ? "ipv6" : null;
  if (family === null) return false;
  if (isOpened(address, family, port, rules)) return true;
  return isOrdinaryPort(port) && isPublic(address, family, rules);
}

function isOpened(address: string, family: "ipv4" | "ipv6", port: number, rules: EgressRules): boolean {
  const metadata = (family === "ipv4" ? V4_METADATA : V6_METADATA).check(address, family);
  return rules.networks.some(
    (network) =>
      network.family === family &&
      (network.port === null ? isOrdinaryPort(port) : network.port === port) &&
      (network.single || !metadata) &&
      network.block.check(address, family),
  );
}

function isPublic(address: string, family: "ipv4" | "ipv6", rules: EgressRules): boolean {
  if (family === "ipv4") return !V4_DENIED.check(address, "ipv4");
  if (rules.judgeNat64 && NAT64.check(address, "ipv6")) {
    const bytes = ipBytes(address);
    return bytes !== null && !V4_DENIED.check(bytes.subarray(12).join("."), "ipv4");
  }
  return V6_GLOBAL.check(address, "ipv6") && !V6_DENIED.check(address, "ipv6");
}

function blockList(family: "ipv4" | "ipv6", networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", length = ""] = network.split("/");
    list.addSubnet(address, Number(length), family);
  }
  return list;
}
