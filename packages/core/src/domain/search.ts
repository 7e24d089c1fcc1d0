/**
 * Full text over payloads. A payload's texts are the strings and numbers in it, names of fields left out; one that is no
 * JSON is one text. Upper and lower case are the same. A word of a search is anything without white space, such as
 * `ada`, `ada@example.com` or `ord_7Qx`; it is found where it stands in a text between letters or digits of nothing
 * else: `example.com` is in `ada@example.com`, `ord_7` is not in `ord_7Qx`. A payload matches when it has every word.
 */

const PART = /[\p{L}\p{N}\p{M}]+/gu;
const AROUND = /^[^\p{L}\p{N}\p{M}]+|[^\p{L}\p{N}\p{M}]+$/gu;
const BETWEEN = /[^\p{L}\p{N}\p{M}]/gu;
const ASCII_PART = /[a-z0-9]+/g;
const ESCAPE = "\\u";

/** What a person typed, as words: each once, without what stands around its letters and digits. */
export function searchWords(text: string): string[] {
  const words = fold(text)
    .split(/\s+/u)
    .map((word) => word.replaceAll(AROUND, ""));
  return [...new Set(words.filter((word) => word !== ""))];
}

/** Whether a payload has every word of `searchWords`. */
export function wordMatcher(words: readonly string[]): (payload: string) => boolean {
  const probe = searchProbe(words);
  const patterns = words.map(
    (word) => new RegExp(`(?<![\\p{L}\\p{N}\\p{M}])${escape(word)}(?![\\p{L}\\p{N}\\p{M}])`, "u"),
  );
  return (payload) => {
    // Most payloads are passed over by this look alone.
    if (probe !== null && !payload.toLowerCase().includes(probe) && !payload.includes(ESCAPE)) return false;
    const texts = payloadTexts(payload);
    return patterns.every((pattern) => texts.some((text) => pattern.test(text)));
  };
}

/** The word as a pattern for itself. */
function escape(word: string): string {
  return word.replaceAll(BETWEEN, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/**
 * The longest run of plain letters and digits in the words: a payload that matches has it, in any case of letters,
 * unless it has an escape (`\u`). Null where there is none.
 */
export function searchProbe(words: readonly string[]): string | null {
  let longest: string | null = null;
  for (const word of words) {
    for (const part of word.match(PART) ?? []) {
      const [plain] = part.match(ASCII_PART) ?? [];
      if (plain === part && plain.length > (longest?.length ?? 0)) longest = plain;
    }
  }
  return longest;
}

/** The texts of a payload, in lower case. */
export function payloadTexts(payload: string): string[] {
  const texts: string[] = [];
  if (!isJson(payload)) return [fold(payload)];
  for (let at = 0; at < payload.length;) {
    const code = payload.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(payload, at);
      if (!isName(payload, end)) texts.push(fold(stringAt(payload, at, end)));
      at = end;
    } else if (isNumeric(code)) {
      const from = at;
      while (at < payload.length && !isBetween(payload.charCodeAt(at))) at += 1;
      texts.push(fold(payload.slice(from, at)));
    } else {
      at += 1;
    }
  }
  return texts;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const SPACE = 0x20;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Behind the quote that ends the string that begins at `from`. The text is valid JSON. */
function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); ; at = text.indexOf('"', at + 1)) {
    if (at === -1) return text.length;
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return at + 1;
  }
}

function stringAt(text: string, from: number, end: number): string {
  const inner = text.slice(from + 1, end - 1);
  // Numbers keep their digits because only strings are decoded.
  return inner.includes("\\") ? String(JSON.parse(text.slice(from, end))) : inner;
}

/** Whether the string that ends there names a field. */
function isName(text: string, end: number): boolean {
  let at = end;
  while (at < text.length && text.charCodeAt(at) <= SPACE) at += 1;
  return text.charCodeAt(at) === COLON;
}

function isNumeric(code: number): boolean {
  return code === MINUS || (code >= ZERO && code <= NINE);
}

/** What ends a number: white space, a comma, a bracket. */
function isBetween(code: number): boolean {
  return code <= SPACE || code === 0x2c || code === 0x5d || code === 0x7d;
}

function fold(text: string): string {
  return text.normalize("NFC").toLowerCase();
}
