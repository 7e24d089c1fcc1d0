import pg from "pg";
import { StoreUnavailable } from "../port.ts";

/** SQLSTATE classes and codes of a database that cannot write now and may again: nothing is wrong with the statement. */
const PASSING_CLASSES = ["08", "53", "57", "58"];
const PASSING_CODES = new Set(["25006", "25P03", "40001", "40P01", "55P03"]);
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
const LOST = /connection terminated|connection error|timeout|not queryable|client was closed/i;
/** Two transactions were in each other's way: the same again goes through. */
const COLLISIONS = new Set(["40001", "40P01"]);

/** The store's own error where the database is away or cannot write; any other as it is. */
export function toStoreError(error: unknown): Error {
  const known = error instanceof Error ? error : new Error(String(error));
  if (known instanceof StoreUnavailable || !isPassing(known)) return known;
  return new StoreUnavailable(`The database is not available: ${known.message}`, { cause: known });
}

/** Whether a connection can be used on after this error: after one that the server answered with, it can. */
export function isBroken(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || error.severity === "FATAL" || error.severity === "PANIC";
}

/** Whether the transaction was rolled back only because of another one. */
export function isCollision(error: unknown): boolean {
  return COLLISIONS.has(codeOf(error) ?? "");
}

/** The SQLSTATE, also of an error that was made ours. */
export function codeOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if ("code" in error && typeof error.code === "string") return error.code;
  return codeOf(error.cause);
}

function isPassing(error: Error & { code?: unknown }): boolean {
  const { code } = error;
  if (typeof code !== "string") return LOST.test(error.message);
  return PASSING_CODES.has(code) || SYSTEM_CODES.has(code) || PASSING_CLASSES.includes(code.slice(0, 2));
}
