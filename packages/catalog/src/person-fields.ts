import type { Money } from "./nouns/money.ts";

/**
 * How a value is meant to be shown: `choice` is a word of the schema such as `too_expensive`, `percent` an
 * integer from 0 to 100, `date` an ISO 8601 time in UTC. Language, time zone and currency signs are the
 * business of whoever shows it.
 */
export type PersonFormat = "choice" | "date" | "link" | "money" | "number" | "percent" | "text" | "yesNo";

/** A field a person would look for in a message about the event. */
export interface PersonField {
  /** A JSON pointer (RFC 6901) into the payload, where `*` stands for every item of a list. */
  readonly path: string;
  readonly label: string;
  readonly format: PersonFormat;
}

/** A field with the value it has in one payload. */
export type PersonValue = { readonly label: string } & (
  | { readonly format: "choice" | "date" | "link" | "text"; readonly value: string }
  | { readonly format: "number" | "percent"; readonly value: number }
  | { readonly format: "money"; readonly value: Money }
  | { readonly format: "yesNo"; readonly value: boolean }
);

/**
 * The fields of a payload that have a value, in the order of the catalog. A field that is absent, null or not
 * what its format promises is left out: a message with one line less is better than one that says "undefined",
 * and payloads are not always checked against their schema. Several texts under `*` are joined with a comma;
 * of other formats the first is taken.
 */
export function readPersonFields(fields: readonly PersonField[], payload: unknown): PersonValue[] {
  const found: PersonValue[] = [];
  for (const field of fields) {
    const value = toPersonValue(field, valuesAt(field.path, payload));
    if (value !== undefined) found.push(value);
  }
  return found;
}

function valuesAt(path: string, payload: unknown): readonly unknown[] {
  let values: readonly unknown[] = [payload];
  for (const segment of path.split("/").slice(1)) {
    const key = segment.replaceAll("~1", "/").replaceAll("~0", "~");
    values = values.flatMap((value) => childrenAt(value, key));
  }
  return values;
}

function childrenAt(value: unknown, key: string): readonly unknown[] {
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    return key === "*" ? items : items.slice(Number(key), Number(key) + 1);
  }
  return isObject(value) && Object.hasOwn(value, key) ? [value[key]] : [];
}

function toPersonValue(field: PersonField, values: readonly unknown[]): PersonValue | undefined {
  const { label, format } = field;
  if (format === "money") {
    const value = values.find(isMoney);
    return value === undefined ? undefined : { label, format, value };
  }
  if (format === "yesNo") {
    const value = values.find((candidate) => typeof candidate === "boolean");
    return value === undefined ? undefined : { label, format, value };
  }
  if (format === "number" || format === "percent") {
    const value = values.find((candidate) => typeof candidate === "number");
    return value === undefined ? undefined : { label, format, value };
  }
  const texts = values.filter((candidate) => typeof candidate === "string" && candidate !== "");
  const value = format === "text" && texts.length > 1 ? texts.join(", ") : texts[0];
  return typeof value === "string" ? { label, format, value } : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isMoney(value: unknown): value is Money {
  return isObject(value) && Number.isSafeInteger(value["amount"]) && typeof value["currency"] === "string";
}
