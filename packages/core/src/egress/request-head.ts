import type { EgressRequest } from "./egress.ts";
import { failure, type Failure } from "./failure.ts";
import { isFramingHeader } from "./header-policy.ts";
import type { CheckedUrl } from "./url-policy.ts";

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What one line can hold (RFC 9110, 5.5): a line break in a value would be a header, or a request, of its own. */
const VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;

export type RequestHead =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly failure: Failure };

/** The request line and headers of a request, to be written as Latin-1. */
export function requestHead(
  url: CheckedUrl,
  { method = "POST", headers }: Pick<EgressRequest, "method" | "headers">,
  bodyBytes: number,
): RequestHead {
  const host = url.origin.slice(url.origin.indexOf("//") + 2);
  let text = `${method} ${url.path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n`;
  let values = "";
  for (const name of Object.keys(headers)) {
    const value = headers[name] ?? "";
    const flaw = flawOf(name);
    if (flaw === "framing") {
      const message = `The header "${name}" cannot be set: it belongs to the connection.`;
      return { ok: false, failure: failure("egress_denied", "framing header", message) };
    }
    if (flaw === "characters") return UNSENDABLE;
    values += value;
    text += `${name}: ${value}\r\n`;
  }
  // All at once: this is done for every request.
  if (!VALUE.test(values)) return UNSENDABLE;
  // Nothing here decodes a reply, so none may come encoded.
  text += `accept-encoding: identity\r\ncontent-length: ${bodyBytes}\r\n\r\n`;
  return { ok: true, text };
}

const UNSENDABLE: RequestHead = {
  ok: false,
  failure: failure(
    "egress_denied",
    "header characters",
    "A header of this request cannot be sent. Check the headers.",
  ),
};

type Flaw = "framing" | "characters" | null;

/** Requests have the same few names again and again. */
const flaws = new Map<string, Flaw>();
const FLAWS_MAX = 1_000;
const REMEMBERED_NAME_MAX_LENGTH = 128;

function flawOf(name: string): Flaw {
  const known = flaws.get(name);
  if (known !== undefined) return known;
  const flaw = isFramingHeader(name) ? "framing" : NAME.test(name) ? null : "characters";
  if (name.length > REMEMBERED_NAME_MAX_LENGTH) return flaw;
  if (flaws.size >= FLAWS_MAX) flaws.clear();
  flaws.set(name, flaw);
  return flaw;
}
