/**
 * The quick way to read a request: one of the usual form that came whole, in one piece. It is read strictly, and
 * whatever is not plainly of that form (RFC 9112 has many others) is nothing here: Node's own parser, which knows them
 * all, gets the same bytes then.
 */
import { HEADERS_MAX, HEADERS_MAX_BYTES, PATH_PARAMETER_MAX_CHARS } from "../http-limits.ts";

export interface PlainRequest {
  /** As it stands in the request. */
  readonly url: string;
  readonly appRef: string;
  readonly query: Readonly<Record<string, string>>;
  readonly authorization: string;
  readonly idempotencyKey: string | undefined;
  /** A window on the piece that was read. */
  readonly body: Buffer;
}

/** Of a message that is created. The characters of ids and uids stand for themselves: nothing is decoded. */
const REQUEST_LINE = new RegExp(
  `^POST (/api/v1/app/([A-Za-z0-9_.-]{1,${PATH_PARAMETER_MAX_CHARS}})/msg(?:\\?with_content=(true|false))?) HTTP/1\\.1\r\n`,
);
/** The value begins with what is no blank: blanks that two parts could match would be tried in every way. */
const HEADER_LINE = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*((?:[!-~][\t -~]*)?)\r\n/y;
const HEAD_END = Buffer.from("\r\n\r\n");
/** Six digits are more than one piece can hold. */
const LENGTH = /^[0-9]{1,6}$/;
const JSON_TYPE = /^application\/json(?:; ?charset=utf-8)?$/i;

/** Null: it is not plainly such a request, or not only that. */
export function readPlainRequest(piece: Buffer): PlainRequest | null {
  const end = piece.indexOf(HEAD_END);
  if (end < 0 || end > HEADERS_MAX_BYTES) return null;
  const head = piece.toString("latin1", 0, end + 2);
  const line = REQUEST_LINE.exec(head);
  if (line === null) return null;
  const [{ length: lineLength }, url = "", appRef = "", withContent] = line;
  const fields = readFields(head, lineLength);
  const bodyAt = end + HEAD_END.length;
  if (fields === null || fields.length !== piece.length - bodyAt) return null;
  const { authorization, idempotencyKey } = fields;
  const query = withContent === undefined ? NO_QUERY : { with_content: withContent };
  return { url, appRef, query, authorization, idempotencyKey, body: piece.subarray(bodyAt) };
}

const NO_QUERY = {};

interface Fields {
  readonly length: number;
  readonly authorization: string;
  readonly idempotencyKey: string | undefined;
}

/** Null: one is missing, comes twice, or may change what the request is. */
function readFields(head: string, from: number): Fields | null {
  let host: string | undefined;
  let length: string | undefined;
  let type: string | undefined;
  let authorization: string | undefined;
  let idempotencyKey: string | undefined;
  let left = HEADERS_MAX;
  HEADER_LINE.lastIndex = from;
  while (HEADER_LINE.lastIndex < head.length) {
    const line = HEADER_LINE.exec(head);
    if (line === null || left-- === 0) return null;
    const [, name = "", padded = ""] = line;
    const value = padded.trimEnd();
    switch (name.toLowerCase()) {
      case "host":
        if (host !== undefined) return null;
        host = value;
        break;
      case "content-length":
        if (length !== undefined) return null;
        length = value;
        break;
      case "content-type":
        if (type !== undefined) return null;
        type = value;
        break;
      case "authorization":
        if (authorization !== undefined) return null;
        authorization = value;
        break;
      case "idempotency-key":
        if (idempotencyKey !== undefined) return null;
        idempotencyKey = value;
        break;
      case "connection":
        if (value.toLowerCase() !== "keep-alive") return null;
        break;
      case "transfer-encoding":
      case "content-encoding":
      case "expect":
      case "upgrade":
      case "te":
      case "trailer":
      case "proxy-connection":
        return null;
      default:
    }
  }
  if (host === undefined || authorization === undefined) return null;
  if (type === undefined || !JSON_TYPE.test(type)) return null;
  if (length === undefined || !LENGTH.test(length)) return null;
  return { length: Number(length), authorization, idempotencyKey };
}
