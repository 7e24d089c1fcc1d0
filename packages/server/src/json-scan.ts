/**
 * Finds the text of a member inside JSON, so that a payload goes out exactly as it came in: parsing and
 * printing again would round long numbers, reorder integer-like keys and drop white space.
 *
 * Everything here trusts that the text is JSON (JSON.parse took it before) and looks at each character once.
 */

/** From `start` up to, not including, `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The text is nested deeper than allowed; `offset` is the bracket that is too many. */
export class TooDeep extends Error {
  override readonly name = "TooDeep";
  readonly offset: number;

  constructor(offset: number) {
    super("nested too deep");
    this.offset = offset;
  }
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

/**
 * The span of the member `name` of the object at `from`: the last one of that name, as JSON.parse takes it;
 * null when the value is no object or has no such member. Throws TooDeep when anything in the value is nested
 * deeper than `depthMax`.
 */
export function scanMember(
  text: string,
  name: string,
  { from, depthMax }: { from: number; depthMax: number },
): Span | null {
  let at = skipSpace(text, from);
  if (text.charCodeAt(at) !== OPEN_BRACE) {
    valueEnd(text, at, depthMax);
    return null;
  }
  let found: Span | null = null;
  at = skipSpace(text, at + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const keyStart = at;
    const keyEnd = stringEnd(text, at);
    // Past the colon.
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = valueEnd(text, start, depthMax - 1);
    if (isKey(text, name, keyStart, keyEnd)) found = { start, end };
    at = skipSpace(text, end);
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1);
  }
  return found;
}

/** The spans of the elements of the array at `from`; empty when the value is no array. */
export function scanElements(text: string, { from, depthMax }: { from: number; depthMax: number }): Span[] {
  const spans: Span[] = [];
  let at = skipSpace(text, from);
  if (text.charCodeAt(at) !== OPEN_BRACKET) return spans;
  at = skipSpace(text, at + 1);
  while (at < text.length && text.charCodeAt(at) !== CLOSE_BRACKET) {
    const end = valueEnd(text, at, depthMax - 1);
    spans.push({ start: at, end });
    at = skipSpace(text, end);
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1);
  }
  return spans;
}

/** Whether a key written between two quotes means `name`: `"p\u0061yload"` is a payload too. */
function isKey(text: string, name: string, start: number, end: number): boolean {
  if (end - start === name.length + 2) return text.startsWith(name, start + 1);
  const key = text.slice(start, end);
  return key.includes("\\") && JSON.parse(key) === name;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  // Only JSON's four white space characters can stand here, and all are at or below the space.
  while (text.charCodeAt(at) <= SPACE) at++;
  return at;
}

/** After the closing quote of the string that opens at `at`. */
function stringEnd(text: string, at: number): number {
  let quote = at;
  for (;;) {
    quote = text.indexOf('"', quote + 1);
    // Not reached with valid JSON; without it a caller's mistake would never end.
    if (quote === -1) return text.length;
    let slash = quote - 1;
    while (text.charCodeAt(slash) === BACKSLASH) slash--;
    // An odd number of backslashes escapes the quote.
    if ((quote - slash) % 2 === 1) return quote + 1;
  }
}

/** After the value that begins at `from`. */
function valueEnd(text: string, from: number, depthMax: number): number {
  let at = from;
  let depth = 0;
  const { length } = text;
  while (at < length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = stringEnd(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth++;
      if (depth > depthMax) throw new TooDeep(at);
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      // At depth 0 it closes what a number or word stands in.
      if (depth === 0) return at;
      depth--;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (code === COMMA || code <= SPACE)) {
      return at;
    }
    at++;
  }
  return at;
}
