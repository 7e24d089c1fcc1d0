/** Where a text stops being JSON. Only asked for after JSON.parse refused it, so it may take its time. */

export interface Fault {
  /** Characters before the first one that cannot stand where it stands. */
  readonly offset: number;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

/** The place of the first fault, or null when the text is JSON after all. */
export function findJsonFault(text: string): Fault | null {
  const offset = faultOffset(text);
  return offset === null ? null : placeOf(text, offset);
}

/** Line and column of a character. */
export function placeOf(text: string, offset: number): Fault {
  let line = 1;
  let lineStart = 0;
  for (;;) {
    const lineBreak = text.indexOf("\n", lineStart);
    if (lineBreak === -1 || lineBreak >= offset) return { offset, line, column: offset - lineStart + 1 };
    line++;
    lineStart = lineBreak + 1;
  }
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** What may come next: a value or key, also the end of what was just opened, or what follows a value. */
type Expected = "value" | "value or end" | "key" | "key or end" | "separator";

/** Walks the text with a stack of open brackets instead of recursion: the depth is the sender's choice. */
function faultOffset(text: string): number | null {
  const open: number[] = [];
  let expected: Expected = "value";
  let at = skipSpace(text, 0);
  for (;;) {
    const code = text.charCodeAt(at);
    const closing = open.at(-1);
    if (expected === "separator") {
      if (closing === undefined) return at === text.length ? null : at;
      if (code === COMMA) expected = closing === CLOSE_BRACE ? "key" : "value";
      else if (code === closing) open.pop();
      else return at;
      at = skipSpace(text, at + 1);
    } else if (expected.endsWith("end") && code === closing) {
      open.pop();
      expected = "separator";
      at = skipSpace(text, at + 1);
    } else if (expected === "key" || expected === "key or end") {
      const end = stringEnd(text, at);
      if (end.fault) return end.at;
      at = skipSpace(text, end.at);
      if (text.charCodeAt(at) !== COLON) return at;
      expected = "value";
      at = skipSpace(text, at + 1);
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      open.push(code === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET);
      expected = code === OPEN_BRACE ? "key or end" : "value or end";
      at = skipSpace(text, at + 1);
    } else {
      const end = scalarEnd(text, at);
      if (end.fault) return end.at;
      expected = "separator";
      at = skipSpace(text, end.at);
    }
  }
}

function skipSpace(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
    at++;
  }
}

/** After a scalar, or the place of the fault in it. */
interface End {
  readonly at: number;
  readonly fault: boolean;
}

function scalarEnd(text: string, at: number): End {
  const code = text.charCodeAt(at);
  if (code === QUOTE) return stringEnd(text, at);
  return matchEnd(text, at, code === MINUS || (code >= 0x30 && code <= 0x39) ? NUMBER : WORD);
}

// Each matches a whole scalar, or as much of its beginning as is right, so that the end of a failed match is
// the fault. `y`: matched at lastIndex only. Strings are walked instead: a match that long runs out of stack.
const NUMBER = {
  whole: /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y,
  part: /-?(?:(?:0|[1-9]\d*)(?:\.\d*)?)?/y,
};
const WORD = { whole: /true|false|null/y, part: /t(?:r(?:u)?)?|f(?:a(?:l(?:s)?)?)?|n(?:u(?:l)?)?/y };
const ESCAPE = { whole: /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y, part: /\\(?:u[0-9a-fA-F]{0,3})?/y };

function matchEnd(text: string, at: number, form: { whole: RegExp; part: RegExp }): End {
  form.whole.lastIndex = at;
  if (form.whole.test(text)) return { at: form.whole.lastIndex, fault: false };
  form.part.lastIndex = at;
  return { at: form.part.test(text) ? form.part.lastIndex : at, fault: true };
}

function stringEnd(text: string, from: number): End {
  if (text.charCodeAt(from) !== QUOTE) return { at: from, fault: true };
  let at = from + 1;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return { at: at + 1, fault: false };
    // Also true past the end, where the code is not a number.
    if (!(code >= 0x20)) return { at, fault: true };
    if (code !== BACKSLASH) {
      at++;
      continue;
    }
    const escape = matchEnd(text, at, ESCAPE);
    if (escape.fault) return escape;
    at = escape.at;
  }
}
