/** Primary result codes of SQLite (the low byte of an extended code). */
const SQLITE_BUSY = 5;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;

const UNAVAILABLE: ReadonlySet<number> = new Set([SQLITE_FULL, SQLITE_BUSY]);
const FATAL: ReadonlySet<number> = new Set([SQLITE_IOERR, SQLITE_CORRUPT, SQLITE_NOTADB]);

/**
 * What an error means for the store:
 * - `unavailable`: nothing was written, it may work later (disk full, another program holds the file).
 * - `fatal`: after a failed write or fsync nobody knows what is on disk. A later fsync may even report success
 *   for pages that were dropped, so nothing may be acknowledged any more: the process has to start again.
 * - `bug`: anything else.
 */
export type FailureKind = "unavailable" | "fatal" | "bug";

export function classify(error: unknown): FailureKind {
  const code = primaryCode(error);
  if (code === null) return "bug";
  if (UNAVAILABLE.has(code)) return "unavailable";
  return FATAL.has(code) ? "fatal" : "bug";
}

export function isFull(error: unknown): boolean {
  return primaryCode(error) === SQLITE_FULL;
}

export function isBusy(error: unknown): boolean {
  return primaryCode(error) === SQLITE_BUSY;
}

function primaryCode(error: unknown): number | null {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return null;
  return error.errcode & 0xff;
}
