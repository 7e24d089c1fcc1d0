import { StoreUnavailable } from "../port.ts";

/** SQLSTATE classes and codes of a database that cannot write now and may again: nothing is wrong with the statement. */
const PASSING_CLASSES = ["08", "53", "57", "58"];
const PASSING_CODES = new Set(["25006", "40001", "40P01", "55P03"]);
const SYSTEM_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOENT",
]);
/** What pg says without a code. */
const LOST = /connection terminated|connection error|timeout exceeded|not queryable|client was closed/i;

/** The store's own error where the database is away or cannot write; any other as it is. */
export function toStoreError(error: unknown): Error {
  const known = error instanceof Error ? error : new Error(String(error));
  if (known.name === "StoreUnavailable" || !isPassing(known)) return known;
  return new StoreUnavailable(`The database is not available: ${known.message}`, { cause: known });
}

function isPassing(error: Error & { code?: unknown }): boolean {
  const { code } = error;
  if (typeof code !== "string") return LOST.test(error.message);
  return PASSING_CODES.has(code) || SYSTEM_CODES.has(code) || PASSING_CLASSES.includes(code.slice(0, 2));
}
