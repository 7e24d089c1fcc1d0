import { isIPv4 } from "node:net";
import { isOrdinaryPort, mayConnect } from "./address-policy.ts";
import type { EgressRules } from "./policy.ts";

/** Longer than any real webhook URL, shorter than the request line servers accept. */
export const URL_MAX_LENGTH = 8_192;
const NAME_MAX_LENGTH = 253;
const LABEL_MAX_LENGTH = 63;

/** A URL that may be connected to, taken apart once: nothing after this parses the text again. */
export interface CheckedUrl {
  readonly ok: true;
  /** The ASCII form (punycode host, canonical address): what to store. */
  readonly href: string;
  /** Scheme, host and port: one pool of connections each. */
  readonly origin: string;
  readonly secure: boolean;
  /** The name without trailing dot, or the canonical address without brackets. */
  readonly host: string;
  /** Whether `host` is an address: it was judged here and never goes through DNS. */
  readonly literal: boolean;
  readonly port: number;
  /** Path and query, as sent. */
  readonly path: string;
}

export interface RefusedUrl {
  readonly ok: false;
  /** One sentence for the customer: what is wrong and what to write instead. */
  readonly message: string;
}

/**
 * Judges a URL, when an endpoint is created and again before every request. The host is judged after the
 * WHATWG parser has made it canonical, so every spelling of an address is that address. Names are judged by
 * their addresses when they are dialled, not here.
 */
export function checkUrl(text: string, rules: EgressRules): CheckedUrl | RefusedUrl {
  if (text.length > URL_MAX_LENGTH) return refuse(`The URL is longer than ${URL_MAX_LENGTH} characters.`);
  // The parser would drop or turn these around, and another program may read the URL differently.
  if (/[^!-~\u0080-\u{10ffff}]|\\/u.test(text)) {
    return refuse("The URL contains a space, a line break or a backslash. Remove it.");
  }
  const schemes = rules.allowHttp ? "https:// or http://" : "https://";
  const authority = /^(?:https?):\/\/(?<authority>[^/?#]+)/i.exec(text)?.groups?.["authority"];
  if (authority === undefined) return refuse(`The URL must start with ${schemes} and a host name.`);
  if (authority.includes("@")) {
    return refuse("The URL contains a user name or password. Remove it and use a header for authentication.");
  }
  if (!URL.canParse(text)) return refuse("The URL is not valid. Check its host name and port.");
  const url = new URL(text);
  if (url.protocol !== "https:" && !rules.allowHttp) return refuse("The URL must start with https://.");
  return checkHost(url, rules);
}

function checkHost(url: URL, rules: EgressRules): CheckedUrl | RefusedUrl {
  const secure = url.protocol === "https:";
  const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
  const bracketed = url.hostname.startsWith("[");
  const host = bracketed ? url.hostname.slice(1, -1) : url.hostname.replace(/\.$/, "");
  const literal = bracketed || isIPv4(host);
  if (!isOrdinaryPort(port) && !rules.openPorts.has(port)) {
    return refuse(
      `Port ${port} is not allowed. Use 443, 80 or a port above 1023 that is free for web servers.`,
    );
  }
  if (rules.deniedHosts.has(host)) return refuse("The URL points back to this service. Use your own server.");
  if (literal && !mayConnect(host, port, rules)) {
    return refuse("The URL points to a private or reserved address. Use an address on the public internet.");
  }
  const wrongName = literal ? null : checkName(host, rules);
  if (wrongName !== null) return refuse(wrongName);
  const origin = `${url.protocol}//${bracketed ? url.hostname : host}${url.port && `:${url.port}`}`;
  const path = url.pathname + url.search;
  return { ok: true, href: origin + path + url.hash, origin, secure, host, literal, port, path };
}

/** Names that mean this machine. */
const LOOPBACK_NAMES: ReadonlySet<string> = new Set(["localhost", "localdomain"]);
/** Last labels that never lead to the public internet (RFC 6761, 6762, 7686, 9476, ICANN's `internal`, habits). */
const PRIVATE_TLDS: ReadonlySet<string> = new Set([
  ..."local internal intranet private corp home lan test example invalid onion alt".split(" "),
  ...LOOPBACK_NAMES,
]);

/** Null when the name is fine, otherwise the sentence for the customer. */
function checkName(name: string, rules: EgressRules): string | null {
  const labels = name.split(".");
  const valid =
    name.length <= NAME_MAX_LENGTH &&
    labels.every((label) => label.length <= LABEL_MAX_LENGTH && /^[a-z0-9_-]+$/.test(label));
  if (!valid) return "The URL's host name is not valid. Check it for typing errors.";
  const tld = labels.at(-1) ?? "";
  if (LOOPBACK_NAMES.has(tld)) {
    return rules.opensLoopback ? null : "The URL points to this machine itself. Use a public host name.";
  }
  // Once an operator opens networks, names inside them make sense; their addresses are still judged.
  if (rules.networks.length > 0) return null;
  if (labels.length < 2)
    return `"${name}" is not a full host name. Write it with its domain: ${name}.example.com.`;
  if (PRIVATE_TLDS.has(tld) || name.endsWith(".home.arpa")) {
    return `Names ending in .${tld} are private and cannot be reached from here. Use a public host name.`;
  }
  return null;
}

function refuse(message: string): RefusedUrl {
  return { ok: false, message };
}
