/**
 * The quick way to read a body of which one member is wanted as it stands, such as a message's payload: the bytes
 * are walked once, by JSON's grammar, and only what is around the member is parsed.
 *
 * What is not plainly right (a fault, an escaped key, a member that comes twice, a value that is no object, more
 * depth than allowed) is left to the thorough way, which also knows what to say about it.
 */

/** The member's place, in bytes: from `start` up to, not including, `end`. */
export interface MemberBytes {
  readonly start: number;
  readonly end: number;
}

const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const LOWER_E = 0x65;
const LOWER_U = 0x75;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

/** Not plainly right. */
const UNCLEAR = -1;

/**
 * Finds the member `name` (ASCII, without anything JSON would escape) of the object that the bytes, which have to
 * be UTF-8, hold as JSON; its value is an object. Null when the bytes are not plainly that.
 */
export function findMember(
  bytes: Uint8Array,
  { name, depthMax }: { name: string; depthMax: number },
): MemberBytes | null {
  let found: MemberBytes | null = null;
  let at = skipSpace(bytes, 0);
  if (bytes[at] !== OPEN_BRACE || depthMax < 1) return null;
  at = skipSpace(bytes, at + 1);
  for (;;) {
    const keyEnd = plainKeyEnd(bytes, at);
    if (keyEnd === UNCLEAR) return null;
    const isWanted = isKey(bytes, { at, keyEnd, name });
    const colon = skipSpace(bytes, keyEnd);
    if (bytes[colon] !== COLON) return null;
    const start = skipSpace(bytes, colon + 1);
    const end = valueEnd(bytes, start, depthMax - 1);
    if (end === UNCLEAR) return null;
    if (isWanted) {
      if (found !== null || bytes[start] !== OPEN_BRACE) return null;
      found = { start, end };
    }
    at = skipSpace(bytes, end);
    if (bytes[at] !== COMMA) break;
    at = skipSpace(bytes, at + 1);
  }
  return bytes[at] === CLOSE_BRACE && isSpaceFrom(bytes, at + 1) ? found : null;
}

function isKey(
  bytes: Uint8Array,
  { at, keyEnd, name }: { at: number; keyEnd: number; name: string },
): boolean {
  if (keyEnd - at !== name.length + 2) return false;
  for (let index = 0; index < name.length; index++) {
    if (bytes[at + 1 + index] !== name.charCodeAt(index)) return false;
  }
  return true;
}

/** After the key that opens at `at`; a key with an escape could mean any name. */
function plainKeyEnd(bytes: Uint8Array, at: number): number {
  const end = stringEnd(bytes, at);
  if (end === UNCLEAR) return UNCLEAR;
  for (let inside = at + 1; inside < end - 1; inside++) {
    if (bytes[inside] === BACKSLASH) return UNCLEAR;
  }
  return end;
}

function isSpaceFrom(bytes: Uint8Array, from: number): boolean {
  for (let at = from; at < bytes.length; at++) {
    if (!isSpace(bytes[at])) return false;
  }
  return true;
}

function isSpace(code: number | undefined): boolean {
  return code === SPACE || code === 0x0a || code === 0x0d || code === 0x09;
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (isSpace(bytes[at])) at++;
  return at;
}

/** After the value that begins at `at`; it may be nested `depth` levels deep. */
function valueEnd(bytes: Uint8Array, at: number, depth: number): number {
  const code = bytes[at];
  if (code === QUOTE) return stringEnd(bytes, at);
  if (code === OPEN_BRACE) return depth < 1 ? UNCLEAR : objectEnd(bytes, at, depth - 1);
  if (code === OPEN_BRACKET) return depth < 1 ? UNCLEAR : arrayEnd(bytes, at, depth - 1);
  if (code === MINUS || isDigit(code)) return numberEnd(bytes, at);
  return wordEnd(bytes, at);
}

function objectEnd(bytes: Uint8Array, from: number, depth: number): number {
  let at = skipSpace(bytes, from + 1);
  if (bytes[at] === CLOSE_BRACE) return at + 1;
  for (;;) {
    at = stringEnd(bytes, at);
    if (at === UNCLEAR) return UNCLEAR;
    at = skipSpace(bytes, at);
    if (bytes[at] !== COLON) return UNCLEAR;
    at = valueEnd(bytes, skipSpace(bytes, at + 1), depth);
    if (at === UNCLEAR) return UNCLEAR;
    at = skipSpace(bytes, at);
    if (bytes[at] === CLOSE_BRACE) return at + 1;
    if (bytes[at] !== COMMA) return UNCLEAR;
    at = skipSpace(bytes, at + 1);
  }
}

function arrayEnd(bytes: Uint8Array, from: number, depth: number): number {
  let at = skipSpace(bytes, from + 1);
  if (bytes[at] === CLOSE_BRACKET) return at + 1;
  for (;;) {
    at = valueEnd(bytes, at, depth);
    if (at === UNCLEAR) return UNCLEAR;
    at = skipSpace(bytes, at);
    if (bytes[at] === CLOSE_BRACKET) return at + 1;
    if (bytes[at] !== COMMA) return UNCLEAR;
    at = skipSpace(bytes, at + 1);
  }
}

/** After the closing quote of the string that opens at `from`. */
function stringEnd(bytes: Uint8Array, from: number): number {
  if (bytes[from] !== QUOTE) return UNCLEAR;
  let at = from + 1;
  for (;;) {
    const code = bytes[at];
    if (code === QUOTE) return at + 1;
    if (code === undefined || code < SPACE) return UNCLEAR;
    at = code === BACKSLASH ? escapeEnd(bytes, at + 1) : at + 1;
    if (at === UNCLEAR) return UNCLEAR;
  }
}

/** What may follow a backslash, other than a `u` with its four digits. */
const ESCAPED: ReadonlySet<number | undefined> = new Set(Buffer.from('"\\/bfnrt'));

/** After the escape whose backslash is before `at`. */
function escapeEnd(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== LOWER_U) return ESCAPED.has(bytes[at]) ? at + 1 : UNCLEAR;
  for (let digit = at + 1; digit <= at + 4; digit++) {
    if (!isHexDigit(bytes[digit])) return UNCLEAR;
  }
  return at + 5;
}

function isHexDigit(code: number | undefined): boolean {
  if (code === undefined || isDigit(code)) return code !== undefined;
  const lower = code | SPACE;
  return lower >= 0x61 && lower <= 0x66;
}

function isDigit(code: number | undefined): boolean {
  return code !== undefined && code >= ZERO && code <= NINE;
}

function numberEnd(bytes: Uint8Array, from: number): number {
  let at = bytes[from] === MINUS ? from + 1 : from;
  if (bytes[at] === ZERO) at++;
  else at = digitsEnd(bytes, at);
  if (at !== UNCLEAR && bytes[at] === DOT) at = digitsEnd(bytes, at + 1);
  if (at === UNCLEAR) return UNCLEAR;
  const code = bytes[at];
  if (code === undefined || (code | SPACE) !== LOWER_E) return at;
  const sign = bytes[at + 1];
  return digitsEnd(bytes, sign === PLUS || sign === MINUS ? at + 2 : at + 1);
}

/** After the digits at `from`, of which there has to be one. */
function digitsEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while (isDigit(bytes[at])) at++;
  return at === from ? UNCLEAR : at;
}

const WORDS: readonly Uint8Array[] = ["true", "false", "null"].map((word) => Buffer.from(word));

function wordEnd(bytes: Uint8Array, at: number): number {
  const word = WORDS.find(([first]) => first === bytes[at]);
  if (word === undefined) return UNCLEAR;
  for (let index = 1; index < word.length; index++) {
    if (bytes[at + index] !== word[index]) return UNCLEAR;
  }
  return at + word.length;
}
