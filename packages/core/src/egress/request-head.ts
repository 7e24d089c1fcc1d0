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
  for (const name of Object.keys(headers)) {
    const value = headers[name] ?? "";
    if (isFramingHeader(name)) {
      const message = `The header "${name}" cannot be set: it belongs to the connection.`;
      return { ok: false, failure: failure("egress_denied", "framing header", message) };
    }
    if (!NAME.test(name) || !VALUE.test(value)) {
      const message = "A header of this request cannot be sent. Check the headers.";
      return { ok: false, failure: failure("egress_denied", "header characters", message) };
    }
    text += `${name}: ${value}\r\n`;
  }
  // Nothing here decodes a reply, so none may come encoded.
  text += `accept-encoding: identity\r\ncontent-length: ${bodyBytes}\r\n\r\n`;
  return { ok: true, text };
}
