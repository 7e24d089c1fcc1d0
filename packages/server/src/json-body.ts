import { isUtf8 } from "node:buffer";
import { PosthasteError } from "@posthaste/core/domain/errors";
import { findJsonFault, placeOf, type Fault } from "./json-fault.ts";
import { scanMember, TooDeep, type Span } from "./json-scan.ts";

/** A body that was read once: its text as it came, its parsed value and the span of one member. */
export interface JsonBody {
  readonly text: string;
  readonly value: unknown;
  /** Of the member asked for; null when there is none. */
  readonly span: Span | null;
}

/** Reads a body as JSON; refuses with 400 and the place of the fault. */
export function readJsonBody(
  bytes: Buffer,
  { member, depthMax }: { member: string; depthMax: number },
): JsonBody {
  const text = decode(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse(text, findJsonFault(text), error);
  }
  try {
    return { text, value, span: scanMember(text, member, { from: 0, depthMax }) };
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

function decode(bytes: Buffer): string {
  if (!isUtf8(bytes)) {
    throw new PosthasteError(
      "invalid_json",
      `The body is not UTF-8: the sequence at byte ${brokenUtf8At(bytes)} is broken. Send JSON encoded as UTF-8.`,
    );
  }
  return bytes.toString("utf8");
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
