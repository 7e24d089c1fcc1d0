/**
 * The IANA special-purpose address registries and the multicast registries: every block in which an address may
 * not be somebody's web server. Blocks the registry calls globally reachable (anycast services, AS112, AMT) are
 * listed too: nothing there receives webhooks.
 */
export const SPECIAL_V4: readonly string[] = [
  "0.0.0.0/8", // this network
  "0.0.0.0/32", // this host
  "10.0.0.0/8", // private use
  "100.64.0.0/10", // shared address space (CGNAT)
  "127.0.0.0/8", // loopback
  "169.254.0.0/16", // link-local
  "172.16.0.0/12", // private use
  "192.0.0.0/24", // IETF protocol assignments
  "192.0.0.0/29", // IPv4 service continuity
  "192.0.0.8/32", // IPv4 dummy address
  "192.0.0.9/32", // PCP anycast
  "192.0.0.10/32", // TURN anycast
  "192.0.0.170/32", // NAT64/DNS64 discovery
  "192.0.0.171/32",
  "192.0.2.0/24", // documentation
  "192.31.196.0/24", // AS112
  "192.52.193.0/24", // AMT
  "192.88.99.0/24", // 6to4 relay anycast, deprecated
  "192.168.0.0/16", // private use
  "192.175.48.0/24", // AS112 direct delegation
  "198.18.0.0/15", // benchmarking
  "198.51.100.0/24", // documentation
  "203.0.113.0/24", // documentation
  "224.0.0.0/4", // multicast
  "240.0.0.0/4", // reserved
  "255.255.255.255/32", // broadcast
];

export const SPECIAL_V6: readonly string[] = [
  "::1/128", // loopback
  "::/128", // unspecified
  "::/96", // IPv4-compatible, deprecated
  "::ffff:0:0/96", // IPv4-mapped
  "::ffff:0:0:0/96", // IPv4-translated (SIIT)
  "64:ff9b::/96", // NAT64
  "64:ff9b:1::/48", // local-use NAT64
  "100::/64", // discard
  "100:0:0:1::/64", // dummy prefix
  "2001::/23", // IETF protocol assignments
  "2001::/32", // Teredo
  "2001:1::1/128", // PCP anycast
  "2001:1::2/128", // TURN anycast
  "2001:1::3/128", // DNS-SD anycast
  "2001:2::/48", // benchmarking
  "2001:3::/32", // AMT
  "2001:4:112::/48", // AS112
  "2001:10::/28", // ORCHID, deprecated
  "2001:20::/28", // ORCHIDv2
  "2001:30::/28", // drone remote id
  "2001:db8::/32", // documentation
  "2002::/16", // 6to4
  "2620:4f:8000::/48", // AS112 direct delegation
  "3fff::/20", // documentation
  "4000::/2", // not assigned to anyone
  "8000::/1", // the same, and the local and multicast blocks below
  "5f00::/16", // segment routing
  "fc00::/7", // unique local
  "fe80::/10", // link-local
  "fec0::/10", // site-local, deprecated
  "ff00::/8", // multicast
];
