import { BlockList, isIPv4, isIPv6 } from "node:net";
import { ipBytes } from "./ip-bytes.ts";

/** Where requests may go, as data: what an operator writes down. `parsePolicy` turns it into rules. */
export interface EgressPolicy {
  /** Also allow `http://`; the default of a live environment is https only. */
  readonly allowHttp: boolean;
  /**
   * Networks opened beyond the public internet: `10.0.0.0/8`, `10.1.2.3`, `fd12::/16`, with one port
   * `10.1.2.3:9000`, `[fd12::/16]:9000`. Without a port the ordinary ports apply. A cloud metadata address
   * opens only when it is named by itself, never through a larger network.
   */
  readonly allowedNetworks: readonly string[];
  /** Host names never sent to, such as this server's own public name (delivery loops). Default: none. */
  readonly deniedHosts?: readonly string[];
  /**
   * `judge`: on a network that reaches IPv4 through NAT64 only, an address in 64:ff9b::/96 is judged by the
   * IPv4 address inside it. Default `refuse`: such an address is one more way to write a private one.
   */
  readonly nat64?: "refuse" | "judge";
}

/** The default: the public internet over https, nothing else. */
export const PUBLIC_POLICY: EgressPolicy = { allowHttp: false, allowedNetworks: [] };

/** This machine and the private networks, named one by one: link-local, CGNAT and the rest stay closed. */
export const DEV_NETWORKS: readonly string[] = [
  "127.0.0.0/8",
  "::1/128",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "fc00::/7",
];

/** For development and tests: http, this machine and private networks as well. */
export const DEV_POLICY: EgressPolicy = { allowHttp: true, allowedNetworks: DEV_NETWORKS };

/** A policy after parsing: what every check of this folder works with. */
export interface EgressRules {
  readonly allowHttp: boolean;
  readonly networks: readonly AllowedNetwork[];
  /** Ports that some allowed network names: a host name may use them, its addresses are judged with the port. */
  readonly openPorts: ReadonlySet<number>;
  /** `localhost` is a name for this machine: usable once the policy opens it. */
  readonly opensLoopback: boolean;
  readonly deniedHosts: ReadonlySet<string>;
  readonly judgeNat64: boolean;
}

export interface AllowedNetwork {
  readonly family: "ipv4" | "ipv6";
  readonly block: BlockList;
  /** The only port opened, or null: the ordinary ports. */
  readonly port: number | null;
  /** Names one address: only such an entry opens a cloud metadata address. */
  readonly single: boolean;
}

export type PolicyResult =
  | { readonly ok: true; readonly rules: EgressRules }
  | { readonly ok: false; readonly message: string };

/** Bounds on what an operator writes; each entry is looked at on every new connection. */
export const ALLOWED_NETWORKS_MAX = 256;
export const DENIED_HOSTS_MAX = 256;

/** Says in `message` which entry is wrong and how to write it. */
export function parsePolicy(policy: EgressPolicy): PolicyResult {
  if (policy.allowedNetworks.length > ALLOWED_NETWORKS_MAX) {
    return { ok: false, message: `At most ${ALLOWED_NETWORKS_MAX} allowed networks.` };
  }
  const deniedHosts = policy.deniedHosts ?? [];
  if (deniedHosts.length > DENIED_HOSTS_MAX) {
    return { ok: false, message: `At most ${DENIED_HOSTS_MAX} denied hosts.` };
  }
  const networks: AllowedNetwork[] = [];
  for (const text of policy.allowedNetworks) {
    const network = parseNetwork(text);
    if (typeof network === "string") return { ok: false, message: `Allowed network "${text}": ${network}` };
    networks.push(network);
  }
  return {
    ok: true,
    rules: {
      allowHttp: policy.allowHttp,
      networks,
      openPorts: new Set(networks.flatMap(({ port }) => (port === null ? [] : [port]))),
      opensLoopback: networks.some(({ block, family }) =>
        family === "ipv4" ? block.check("127.0.0.1", "ipv4") : block.check("::1", "ipv6"),
      ),
      deniedHosts: new Set(deniedHosts.map((host) => host.toLowerCase().replace(/\.$/, ""))),
      judgeNat64: policy.nat64 === "judge",
    },
  };
}

/** The network, or a sentence on what is wrong with it. */
function parseNetwork(text: string): AllowedNetwork | string {
  const parts = splitNetwork(text.trim());
  if (!parts) return "write an address or a network, such as 10.0.0.0/8, 10.1.2.3:9000 or [fd12::/16]:9000.";
  const { address, prefix, port } = parts;
  const family = isIPv4(address) ? "ipv4" : isIPv6(address) && !address.includes("%") ? "ipv6" : null;
  if (family === null) return `"${address}" is not an IPv4 or IPv6 address.`;
  const bits = family === "ipv4" ? 32 : 128;
  const length = prefix ?? bits;
  if (length > bits) return `the prefix length must be 0 to ${bits}.`;
  if (hasHostBits(address, length)) {
    return `the address has bits beyond /${length}; write the network's first address, or no prefix for one address.`;
  }
  if (port !== null && (port < 1 || port > 65_535)) return "the port must be 1 to 65535.";
  const block = new BlockList();
  block.addSubnet(address, length, family);
  return { family, block, port, single: length === bits };
}

interface NetworkParts {
  readonly address: string;
  readonly prefix: number | null;
  readonly port: number | null;
}

/** `a`, `a/n`, `a:port`, `a/n:port` for IPv4; `a`, `a/n`, `[a]:port`, `[a/n]:port` for IPv6. */
function splitNetwork(text: string): NetworkParts | null {
  const match =
    /^\[(?<address>[0-9a-f:.]+)(?:\/(?<prefix>\d{1,3}))?\](?::(?<port>\d{1,5}))?$/i.exec(text) ??
    /^(?<address>[\d.]+)(?:\/(?<prefix>\d{1,3}))?(?::(?<port>\d{1,5}))?$/.exec(text) ??
    /^(?<address>[0-9a-f:.]+)(?:\/(?<prefix>\d{1,3}))?$/i.exec(text);
  const groups = match?.groups;
  if (!groups) return null;
  const { address = "", prefix, port } = groups;
  return { address, prefix: numberOrNull(prefix), port: numberOrNull(port) };
}

function numberOrNull(digits: string | undefined): number | null {
  return digits === undefined ? null : Number(digits);
}

function hasHostBits(address: string, length: number): boolean {
  const bytes = ipBytes(address) ?? new Uint8Array();
  return bytes.some((byte, index) => {
    const kept = Math.min(8, Math.max(0, length - index * 8));
    return (byte & (0xff >> kept)) !== 0;
  });
}
