import { PosthasteError, type FieldError } from "@posthaste/core/domain/errors";
import { CHANNEL_PATTERN, NAME_PATTERN, TAG_PATTERN } from "@posthaste/core/domain/ids";
import type { Static, TSchema } from "typebox";
import { Compile } from "typebox/compile";
import type { TLocalizedValidationError } from "typebox/error";
import { SECRET_PATTERN, TEXT_PATTERN } from "./patterns.ts";

/** A schema compiled to one function. */
export interface Checker<Schema extends TSchema> {
  /** The value as the schema's type; throws `validation` (422) with one entry for each field that does not fit. */
  check(value: unknown, loc: readonly string[]): Static<Schema>;
}

/** Compiles a schema once, at start. */
export function compile<Schema extends TSchema>(schema: Schema): Checker<Schema> {
  const validator = Compile(schema);
  return {
    check(value, loc) {
      if (validator.Check(value)) return value;
      const fields = explain([...validator.Errors(value)], loc);
      throw new PosthasteError("validation", fields[0]?.msg, { fields });
    },
  };
}

/** The compiler stops after eight errors, which is as much as a person reads. */
function explain(errors: readonly TLocalizedValidationError[], place: readonly string[]): FieldError[] {
  const fields: FieldError[] = [];
  const seen = new Set<string>();
  for (const error of errors) {
    const loc = [...place, ...pointerParts(error.instancePath)];
    for (const field of fieldErrors(error, loc)) {
      // The first thing wrong with a field is enough: a number that is no integer also fails its bounds.
      const key = field.loc.join("\n");
      if (seen.has(key)) continue;
      seen.add(key);
      fields.push(field);
    }
  }
  return fields;
}

function pointerParts(pointer: string): string[] {
  if (pointer === "") return [];
  const parts = pointer.slice(1).split("/");
  return parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function fieldErrors(error: TLocalizedValidationError, loc: readonly string[]): FieldError[] {
  if (error.keyword === "required") {
    return error.params.requiredProperties.map((name) => ({
      loc: [...loc, name],
      msg: "This field is required.",
      type: "value_error.missing",
    }));
  }
  return [{ loc, msg: sentence(error), type: error.keyword === "type" ? "type_error" : "value_error" }];
}

/** What to change, in one sentence. */
function sentence(error: TLocalizedValidationError): string {
  const { keyword, params } = error;
  if (keyword === "type") return `Must be ${typeNames([params.type].flat())}.`;
  if (keyword === "pattern") return patternSentence(String(params.pattern));
  if (keyword === "minLength" && params.limit === 1) return "Must not be empty.";
  if (keyword === "minLength") return `Must have at least ${params.limit} characters.`;
  if (keyword === "maxLength") return `Must have at most ${params.limit} characters.`;
  if (keyword === "minimum") return `Must be at least ${params.limit}.`;
  if (keyword === "maximum") return `Must be at most ${params.limit}.`;
  if (keyword === "minItems") return `Must have at least ${items(params.limit)}.`;
  if (keyword === "maxItems") return `Must have at most ${items(params.limit)}.`;
  if (keyword === "uniqueItems") return "Must not contain the same value twice.";
  if (keyword === "format") return FORMAT_SENTENCES.get(params.format) ?? `Must be a valid ${params.format}.`;
  if (keyword === "enum") return `Must be one of: ${params.allowedValues.join(", ")}.`;
  return `The value ${error.message}.`;
}

function patternSentence(pattern: string): string {
  if (pattern.startsWith("^-?")) return "Must be an iterator from an earlier answer of this list.";
  return PATTERN_SENTENCES.get(pattern) ?? `Must match ${pattern}.`;
}

function items(count: number): string {
  return count === 1 ? "1 item" : `${count} items`;
}

function typeNames(types: readonly string[]): string {
  const names = types.map((type) => TYPE_NAMES.get(type) ?? type);
  return names.join(" or ");
}

const TYPE_NAMES: ReadonlyMap<string, string> = new Map([
  ["string", "a string"],
  ["integer", "a whole number"],
  ["number", "a number"],
  ["boolean", "true or false"],
  ["object", "an object"],
  ["array", "an array"],
]);

const PATTERN_SENTENCES: ReadonlyMap<string, string> = new Map([
  [NAME_PATTERN, "May hold letters, digits, '-', '_' and '.' only."],
  [CHANNEL_PATTERN, "May hold letters, digits, '-', '_', '.', ':' and '+' only."],
  [TAG_PATTERN, "May hold letters, digits, '-', '_', '.', '/', '\\' and '#' only."],
  [TEXT_PATTERN, "Must not contain control characters."],
  [SECRET_PATTERN, "Must be whsec_ or whsk_ and base64, 32 to 100 characters of it."],
]);

const FORMAT_SENTENCES: ReadonlyMap<string, string> = new Map([
  ["date-time", "Must be a time with its zone, such as 2026-03-14T09:26:53Z."],
]);
