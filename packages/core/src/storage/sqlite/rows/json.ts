/**
 * Columns that hold JSON were written by us from a typed value, so the caller's type is what comes back
 * (`JSON.parse` is typed to fit anything).
 */
export const parse: typeof JSON.parse = JSON.parse.bind(JSON);

export function parseOrNull(text: string | null): ReturnType<typeof JSON.parse> {
  return text === null ? null : JSON.parse(text);
}

export function jsonOrNull(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value);
}

/**
 * Names the row whose JSON another program or a failing disk has spoiled. The parser's own words are left out:
 * they quote what stands there, which may be a secret.
 */
export function readRow<Entity>(what: string, read: () => Entity): Entity {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // oxlint-disable-next-line preserve-caught-error -- its words are what must not be passed on
    throw new Error(`the row of ${what} cannot be read: a column that holds JSON is damaged`);
  }
}

/** For what is only shown beside a row that is good without it: one damaged row must not hide a whole list. */
export function parseOr(text: string, fallback: unknown): ReturnType<typeof JSON.parse> {
  try {
    return JSON.parse(text);
  } catch {
    return fallback;
  }
}
