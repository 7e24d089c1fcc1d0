import type { HeaderPairs } from "./egress.ts";

/** Status line and headers of one reply. */
export const REPLY_HEAD_MAX_BYTES = 16_384;

/** What a reply is made of, as it comes in. */
export interface ReplyHandler {
  /** Also for each interim (1xx) reply, which has no body and is followed by another head. */
  onHead(statusCode: number, headers: HeaderPairs): void;
  /** A window on a larger buffer: copy what is to be kept. */
  onBody(chunk: Uint8Array): void;
}

/** The reply breaks the rules of HTTP/1.1; nothing more can be read from its connection. */
export class InvalidReply extends Error {
  override readonly name = "InvalidReply";
}

/** The head is longer than REPLY_HEAD_MAX_BYTES. */
export class ReplyHeadTooLong extends InvalidReply {}

// Where the reader is. Plain numbers: this is looked at for every piece of every reply.
const HEAD = 0;
/** `#remaining` bytes of body are to come. */
const LENGTH = 1;
/** The body ends with the connection. */
const UNTIL_CLOSE = 2;
const CHUNK_SIZE = 3;
const CHUNK_EXTENSION = 4;
const CHUNK_SIZE_END = 5;
const CHUNK_DATA = 6;
const CHUNK_DATA_CR = 7;
const CHUNK_DATA_LF = 8;
const TRAILER_START = 9;
const TRAILER = 10;
const TRAILER_LF = 11;
const LAST_LF = 12;
const DONE = 13;

const CR = 13;
const LF = 10;
const SEMICOLON = 59;
const NOTHING = Buffer.alloc(0);
const PROTOCOL = Buffer.from("HTTP/1.");
const STATUS_LINE = /HTTP\/1\.([01]) ([1-9][0-9]{2})(?: [\t\u0020-\u007e\u0080-\u00ff]*)?\r\n/y;
const HEADER_LINE = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\u0020-\u007e\u0080-\u00ff]*)\r\n/y;
const CHUNKED_LAST = /(?:^|,)[ \t]*chunked$/i;
const KEEP_ALIVE_SECONDS = /(?:^|[ \t,])timeout=([0-9]{1,9})/i;

/**
 * Reads the replies of one connection, one after the other, by RFC 9112, and strictly: what two readers could
 * take for two different replies is refused. Holds no more than one head.
 */
export class ReplyReader {
  #state: number = HEAD;
  /** The part of a head that is here, when it came in pieces. */
  #partial: Buffer = NOTHING;
  #remaining = 0;
  #sizeDigits = 0;
  #persistent = false;
  #keepAliveSeconds: number | null = null;

  /** For the next reply. */
  reset(): void {
    this.#state = HEAD;
    this.#partial = NOTHING;
    this.#keepAliveSeconds = null;
  }

  /** The reply is complete. */
  get done(): boolean {
    return this.#state === DONE;
  }

  /** After the end: whether the connection may carry another request. */
  get persistent(): boolean {
    return this.#persistent;
  }

  /** How long the server says that it keeps an idle connection; null: it does not say. */
  get keepAliveSeconds(): number | null {
    return this.#keepAliveSeconds;
  }

  /** Throws InvalidReply. Bytes behind the end of the reply make the connection unusable, not the reply. */
  read(chunk: Buffer, handler: ReplyHandler): void {
    let at = 0;
    while (at < chunk.length) {
      const state = this.#state;
      if (state === DONE) {
        this.#persistent = false;
        return;
      }
      if (state === HEAD) at = this.#readHead(chunk, at, handler);
      else if (state === UNTIL_CLOSE) at = this.#readRest(chunk, at, handler);
      else if (state === LENGTH || state === CHUNK_DATA) at = this.#readData(chunk, at, handler);
      else at = this.#readFraming(chunk, at);
    }
  }

  /** The server has closed the connection: that ends a reply that says nothing else of its end. */
  close(): void {
    if (this.#state === UNTIL_CLOSE) this.#state = DONE;
  }

  #readHead(chunk: Buffer, from: number, handler: ReplyHandler): number {
    const before = this.#partial.length;
    const fresh = from === 0 ? chunk : chunk.subarray(from);
    const bytes = before === 0 ? fresh : Buffer.concat([this.#partial, fresh]);
    checkStart(bytes);
    const end = bytes.indexOf("\r\n\r\n", Math.max(0, before - 3), "latin1");
    if ((end < 0 ? bytes.length : end) > REPLY_HEAD_MAX_BYTES) {
      throw new ReplyHeadTooLong(`more than ${REPLY_HEAD_MAX_BYTES} bytes of headers`);
    }
    if (end < 0) {
      // A copy: the rest of the buffer that it lies in would live as long as it.
      this.#partial = before === 0 ? Buffer.from(bytes) : bytes;
      return chunk.length;
    }
    this.#partial = NOTHING;
    this.#startBody(bytes.toString("latin1", 0, end + 2), handler);
    return from + end + 4 - before;
  }

  #startBody(head: string, handler: ReplyHandler): void {
    const { statusCode, minor, headers } = parseHead(head);
    if (statusCode === 100 || statusCode === 101) {
      throw new InvalidReply(`status ${statusCode}, which was not asked for`);
    }
    if (statusCode < 200) return handler.onHead(statusCode, headers);
    const framing = framingOf(headers);
    const { connection } = framing;
    this.#persistent = minor === "1" ? !connection.includes("close") : connection.includes("keep-alive");
    this.#keepAliveSeconds = framing.keepAliveSeconds;
    handler.onHead(statusCode, headers);
    if (statusCode === 204 || statusCode === 304 || framing.length === 0) {
      this.#state = DONE;
    } else if (framing.chunked) {
      this.#startChunk();
    } else if (framing.length === null) {
      this.#persistent = false;
      this.#state = UNTIL_CLOSE;
    } else {
      this.#remaining = framing.length;
      this.#state = LENGTH;
    }
  }

  #readRest(chunk: Buffer, at: number, handler: ReplyHandler): number {
    handler.onBody(chunk.subarray(at));
    return chunk.length;
  }

  #readData(chunk: Buffer, at: number, handler: ReplyHandler): number {
    const end = Math.min(chunk.length, at + this.#remaining);
    this.#remaining -= end - at;
    handler.onBody(chunk.subarray(at, end));
    if (this.#remaining === 0) this.#state = this.#state === LENGTH ? DONE : CHUNK_DATA_CR;
    return end;
  }

  #startChunk(): void {
    this.#remaining = 0;
    this.#sizeDigits = 0;
    this.#state = CHUNK_SIZE;
  }

  /** What stands between the pieces of a chunked body. */
  #readFraming(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length && this.#state !== CHUNK_DATA && this.#state !== DONE) {
      this.#step(chunk[at] ?? 0);
      at += 1;
    }
    return at;
  }

  #step(byte: number): void {
    switch (this.#state) {
      case CHUNK_SIZE:
        return this.#stepSize(byte);
      case CHUNK_EXTENSION:
        if (byte === CR) this.#state = CHUNK_SIZE_END;
        else if (byte === LF) throw new InvalidReply("a bare line feed in a chunk extension");
        return;
      case CHUNK_SIZE_END:
        expect(byte, LF);
        this.#state = this.#remaining === 0 ? TRAILER_START : CHUNK_DATA;
        return;
      case CHUNK_DATA_CR:
        expect(byte, CR);
        this.#state = CHUNK_DATA_LF;
        return;
      case CHUNK_DATA_LF:
        expect(byte, LF);
        return this.#startChunk();
      case TRAILER_START:
        this.#state = byte === CR ? LAST_LF : TRAILER;
        if (byte === LF) throw new InvalidReply("a bare line feed in the trailers");
        return;
      case TRAILER:
        if (byte === CR) this.#state = TRAILER_LF;
        else if (byte === LF) throw new InvalidReply("a bare line feed in the trailers");
        return;
      case TRAILER_LF:
        expect(byte, LF);
        this.#state = TRAILER_START;
        return;
      default:
        expect(byte, LF);
        this.#state = DONE;
    }
  }

  #stepSize(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.#remaining = this.#remaining * 16 + digit;
      this.#sizeDigits += 1;
      if (this.#remaining > Number.MAX_SAFE_INTEGER) throw new InvalidReply("a chunk beyond all numbers");
      return;
    }
    if (this.#sizeDigits === 0) throw new InvalidReply("a chunk size that is no number");
    if (byte === CR) this.#state = CHUNK_SIZE_END;
    else if (byte === SEMICOLON) this.#state = CHUNK_EXTENSION;
    else throw new InvalidReply("a chunk size that is no number");
  }
}

/** As soon as it can be told that this will never be a reply. */
function checkStart(bytes: Buffer): void {
  const length = Math.min(bytes.length, PROTOCOL.length);
  if (bytes.compare(PROTOCOL, 0, length, 0, length) !== 0) throw new InvalidReply("not HTTP/1");
}

function parseHead(head: string): { statusCode: number; minor: string; headers: HeaderPairs } {
  STATUS_LINE.lastIndex = 0;
  const status = STATUS_LINE.exec(head);
  if (status === null) throw new InvalidReply("a status line that is none");
  const headers: (readonly [string, string])[] = [];
  HEADER_LINE.lastIndex = STATUS_LINE.lastIndex;
  while (HEADER_LINE.lastIndex < head.length) {
    const line = HEADER_LINE.exec(head);
    if (line === null) throw new InvalidReply("a header line that is none");
    headers.push([(line[1] ?? "").toLowerCase(), (line[2] ?? "").trimEnd()]);
  }
  return { statusCode: Number(status[2]), minor: status[1] ?? "", headers };
}

/** Where the body ends (RFC 9112, 6.3), and what becomes of the connection. */
function framingOf(headers: HeaderPairs): {
  length: number | null;
  chunked: boolean;
  connection: string;
  keepAliveSeconds: number | null;
} {
  let length: number | null = null;
  let encoding: string | null = null;
  let connection = "";
  let keepAliveSeconds: number | null = null;
  for (const [name, value] of headers) {
    if (name === "content-length") {
      if (length !== null) throw new InvalidReply("two lengths");
      length = lengthOf(value);
    } else if (name === "transfer-encoding") {
      encoding = encoding === null ? value : `${encoding},${value}`;
    } else if (name === "connection") {
      connection = `${connection},${value.toLowerCase()}`;
    } else if (name === "keep-alive") {
      const seconds = KEEP_ALIVE_SECONDS.exec(value)?.[1];
      if (seconds !== undefined) keepAliveSeconds = Number(seconds);
    }
  }
  if (encoding !== null && length !== null) throw new InvalidReply("a length and a transfer encoding");
  const chunked = encoding !== null && CHUNKED_LAST.test(encoding);
  if (!chunked && encoding !== null && /chunked/i.test(encoding)) {
    throw new InvalidReply("a transfer encoding that readers take differently");
  }
  return { length, chunked, connection, keepAliveSeconds };
}

function lengthOf(value: string): number {
  const length = /^[0-9]{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(length)) throw new InvalidReply("a length that is no number");
  return length;
}

function expect(byte: number, wanted: number): void {
  if (byte !== wanted) throw new InvalidReply("a chunk that does not end where it says");
}

/** -1: none. */
function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
