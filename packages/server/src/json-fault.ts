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
  const before = text.slice(0, offset);
  const lastBreak = before.lastIndexOf("\n");
  const line = before.split("\n").length;
  return { offset, line, column: offset - lastBreak };
}

/** What may come next: a value, the first or a later key, or what follows a value. */
type Expectation = "value" | "value or end" | "key" | "key or end" | "separator";

/** Walks the text with a stack of open brackets instead of recursion: the depth is the sender's choice. */
function faultOffset(text: string): number | null {
  const open: ("{" | "[")[] = [];
  let expected: Expectation = "value";
  let at = skipSpace(text, 0);
  for (;;) {
    const char = text[at];
    const inside = open.at(-1);
    if (expected === "separator") {
      if (inside === undefined) return at === text.length ? null : at;
      if (char === ",") {
        expected = inside === "{" ? "key" : "value";
        at = skipSpace(text, at + 1);
        continue;
      }
      if (char !== (inside === "{" ? "}" : "]")) return at;
      open.pop();
      at = skipSpace(text, at + 1);
      continue;
    }
    if ((expected === "key or end" && char === "}") || (expected === "value or end" && char === "]")) {
      open.pop();
      expected = "separator";
      at = skipSpace(text, at + 1);
      continue;
    }
    if (expected === "key" || expected === "key or end") {
      const end = scalarEnd(text, at, STRING);
      if (end.fault !== null) return end.fault;
      at = skipSpace(text, end.at);
      if (text[at] !== ":") return at;
      expected = "value";
      at = skipSpace(text, at + 1);
      continue;
    }
    if (char === "{" || char === "[") {
      open.push(char);
      expected = char === "{" ? "key or end" : "value or end";
      at = skipSpace(text, at + 1);
      continue;
    }
    const end = scalarEnd(text, at, char === '"' ? STRING : char === "-" || isDigit(char) ? NUMBER : WORD);
    if (end.fault !== null) return end.fault;
    expected = "separator";
    at = skipSpace(text, end.at);
  }
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t") at++;
  return at;
}

function isDigit(char: string | undefined): boolean {
  return char !== undefined && char >= "0" && char <= "9";
}

// Each matches a whole scalar, or as much of its beginning as is right, so that the end of a failed match is
// the fault. `y`: matched at lastIndex only.
const STRING = {
  // oxlint-disable-next-line no-control-regex -- JSON forbids them inside strings
  whole: /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y,
  // oxlint-disable-next-line no-control-regex -- as above
  part: /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*(?:\\(?:u[0-9a-fA-F]{0,3})?)?/y,
};
const NUMBER = {
  whole: /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y,
  part: /-?(?:(?:0|[1-9]\d*)(?:\.\d*)?)?/y,
};
const WORD = { whole: /true|false|null/y, part: /t(?:r(?:u)?)?|f(?:a(?:l(?:s)?)?)?|n(?:u(?:l)?)?/y };

function scalarEnd(
  text: string,
  at: number,
  form: { whole: RegExp; part: RegExp },
): { at: number; fault: number | null } {
  form.whole.lastIndex = at;
  if (form.whole.test(text)) return { at: form.whole.lastIndex, fault: null };
  form.part.lastIndex = at;
  const fault = form.part.test(text) ? form.part.lastIndex : at;
  return { at, fault };
}
