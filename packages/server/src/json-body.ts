import { isUtf8 } from "node:buffer";
import { PosthasteError } from "@posthaste/core/domain/errors";
import { findMember } from "./json-envelope.ts";
import { findJsonFault, placeOf, type Fault } from "./json-fault.ts";
import { scanMember, TooDeep } from "./json-scan.ts";

/** A body that was read once. */
export interface JsonBody {
  readonly value: unknown;
  /** The text of the member asked for, exactly as it came; null when there is none. */
  readonly verbatim: string | null;
}

export interface JsonReading {
  readonly member: string;
  /** Whether the member's value may be left out: `{}` can stand for it. */
  readonly verbatimOnly: boolean;
  readonly depthMax: number;
}

/** Reads a body as JSON; refuses with 400 and the place of the fault. */
export function readJsonBody(bytes: Buffer, reading: JsonReading): JsonBody {
  if (!isUtf8(bytes)) throw notUtf8(bytes);
  return (reading.verbatimOnly ? readAround(bytes, reading) : null) ?? readWhole(bytes, reading);
}

/** Parses what is around the member; null when that takes a thorough look. */
function readAround(bytes: Buffer, { member, depthMax }: JsonReading): JsonBody | null {
  const place = findMember(bytes, { name: member, depthMax });
  if (place === null) return null;
  const { start, end } = place;
  return {
    value: JSON.parse(`${bytes.toString("utf8", 0, start)}{}${bytes.toString("utf8", end)}`),
    verbatim: bytes.toString("utf8", start, end),
  };
}

function readWhole(bytes: Buffer, { member, depthMax }: JsonReading): JsonBody {
  const text = bytes.toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse(text, findJsonFault(text), error);
  }
  try {
    const span = scanMember(text, member, { from: 0, depthMax });
    return { value, verbatim: span === null ? null : text.slice(span.start, span.end) };
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
    const { line, column, offset } = placeOf(text, error.offset);
    throw new PosthasteError(
      "invalid_json",
      `The body is nested deeper than ${depthMax} levels at line ${line}, column ${column} (offset ${offset}). ` +
        "Flatten it.",
    );
  }
}

function notUtf8(bytes: Buffer): PosthasteError {
  return new PosthasteError(
    "invalid_json",
    `The body is not UTF-8: the sequence at byte ${brokenUtf8At(bytes)} is broken. Send JSON encoded as UTF-8.`,
  );
}

function refuse(text: string, fault: Fault | null, cause: unknown): PosthasteError {
  if (fault === null) return new PosthasteError("invalid_json", undefined, { cause });
  const { line, column, offset } = fault;
  const place = `line ${line}, column ${column} (offset ${offset})`;
  if (text.trim() === "") return new PosthasteError("invalid_json", "The body is empty. Send JSON.");
  const what = offset >= text.length ? "it ends too early, at" : "unexpected character at";
  return new PosthasteError("invalid_json", `The body is not valid JSON: ${what} ${place}.`, { cause });
}

/** A prefix cut inside a character is whole again with at most this many bytes less. */
const SEQUENCE_REST_MAX = 3;

/** How many bytes come before the first sequence that is not UTF-8, by halving: isUtf8 only answers yes or no. */
function brokenUtf8At(bytes: Uint8Array): number {
  const wholePrefix = (length: number): number | null => {
    for (let at = length; at >= Math.max(0, length - SEQUENCE_REST_MAX); at--) {
      if (isUtf8(bytes.subarray(0, at))) return at;
    }
    return null;
  };
  let sound = 0;
  let broken = bytes.length + 1;
  while (broken - sound > 1) {
    const middle = Math.floor((sound + broken) / 2);
    if (wholePrefix(middle) === null) broken = middle;
    else sound = middle;
  }
  return wholePrefix(sound) ?? 0;
}
