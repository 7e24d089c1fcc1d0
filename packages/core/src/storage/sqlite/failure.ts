/** Primary result codes of SQLite (the low byte of an extended code). */
const SQLITE_ERROR = 1;
const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
const SQLITE_TOOBIG = 18;
const SQLITE_CONSTRAINT = 19;
const SQLITE_MISMATCH = 20;
const SQLITE_MISUSE = 21;
const SQLITE_RANGE = 25;
/** The statement or its values are at fault, not the database. */
const BUGS: ReadonlySet<number> = new Set([
  SQLITE_ERROR,
  SQLITE_TOOBIG,
  SQLITE_CONSTRAINT,
  SQLITE_MISMATCH,
  SQLITE_MISUSE,
  SQLITE_RANGE,
]);

/**
 * What an error means for the store:
 * - `unavailable`: nothing was written, it may work later (disk full, another program holds the file).
 * - `bug`: this operation cannot be done as it was asked for; others can.
 * - `fatal`: anything else SQLite says, a failed write or fsync first of all. Nobody knows then what is on
 *   disk, and a later fsync may even report success for pages that were dropped, so nothing may be
 *   acknowledged any more: the process has to start again.
 */
export type FailureKind = "unavailable" | "bug" | "fatal";

export function classify(error: unknown): FailureKind {
  const code = primaryCode(error);
  if (code === null || BUGS.has(code)) return "bug";
  return code === SQLITE_FULL || code === SQLITE_BUSY ? "unavailable" : "fatal";
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
