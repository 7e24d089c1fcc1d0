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
