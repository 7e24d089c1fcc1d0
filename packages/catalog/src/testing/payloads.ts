import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormatsModule from "ajv-formats";
import { findEventType } from "../catalog.ts";
import type { JsonSchema } from "../schema.ts";

// The package is CommonJS: under native ESM its function is the `default` of the default export.
const addFormats = addFormatsModule.default;

/** An object of a payload, loose enough to be broken on purpose. */
type Loose = Record<string | number, unknown>;
export type Path = readonly (string | number)[];

const validators = new Map<string, ValidateFunction>();

/** The validator of an event type, with every check of ajv's strict mode on. */
function validatorOf(name: string): ValidateFunction {
  const known = validators.get(name);
  if (known !== undefined) return known;
  const ajv = new Ajv2020({ strict: true, allErrors: true, validateFormats: true });
  addFormats(ajv);
  const written = JSON.stringify(findEventType(name)!.schema);
  const compiled = ajv.compile(JSON.parse(written));
  validators.set(name, compiled);
  return compiled;
}

/** The places where a payload breaks its schema, empty when it does not. */
export function problemsOf(name: string, payload: unknown): string[] {
  const validate = validatorOf(name);
  return validate(payload) ? [] : validate.errors!.map((error) => `${error.instancePath} ${error.message}`);
}

/** A deep copy of a payload with one place changed; `undefined` removes the field. */
export function changed(payload: unknown, path: Path, value: unknown): unknown {
  const copy: unknown = structuredClone(payload);
  const last = path.at(-1)!;
  let parent = looseOf(copy);
  for (const key of path.slice(0, -1)) parent = looseOf(parent[key]);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return copy;
}

export interface Place {
  readonly path: Path;
  readonly schema: JsonSchema;
  readonly value: unknown;
  readonly required: boolean;
}

/** Every place of a payload with the schema that governs it, the root first. */
export function placesOf(schema: JsonSchema, value: unknown, path: Path = [], required = true): Place[] {
  const here: Place = { path, schema, value, required };
  if (Array.isArray(value)) {
    return [here, ...value.flatMap((item, index) => placesOf(schema.items!, item, [...path, index]))];
  }
  if (!isLoose(value)) return [here];
  const below = Object.entries(value).flatMap(([key, child]) =>
    placesOf(schema.properties![key]!, child, [...path, key], schema.required!.includes(key)),
  );
  return [here, ...below];
}

export function isLoose(value: unknown): value is Loose {
  return typeof value === "object" && value !== null;
}

export function isObjectWith(value: unknown, key: string): value is Loose {
  return isLoose(value) && Object.hasOwn(value, key);
}

/** The value as an object; the test that asks for anything else is wrong. */
export function looseOf(value: unknown): Loose {
  if (!isLoose(value)) throw new TypeError(`not an object: ${String(value)}`);
  return value;
}

/** Every schema inside a schema, itself first, with a name for messages. */
export function schemasIn(
  schema: JsonSchema,
  at = "payload",
): { readonly at: string; readonly schema: JsonSchema }[] {
  return [
    { at, schema },
    ...Object.entries(schema.properties ?? {}).flatMap(([key, child]) => schemasIn(child, `${at}.${key}`)),
    ...(schema.items === undefined ? [] : schemasIn(schema.items, `${at}[]`)),
  ];
}

/** Every object inside a payload, the payload first. */
export function objectsIn(value: unknown): Loose[] {
  if (!isLoose(value)) return [];
  const below = Object.values(value).flatMap(objectsIn);
  return Array.isArray(value) ? below : [value, ...below];
}

/** What the orders of a payload, and their lines, say about money: the sum of the parts and what is written. */
export function sumsOf(payload: unknown): { readonly parts: number; readonly total: number }[] {
  return objectsIn(payload).flatMap((value) => {
    const net = (gross: number) => ({
      parts: gross - amountOf(value["discount"]) + amountOf(value["tax"]),
      total: amountOf(value["total"]),
    });
    if ("quantity" in value) return [net(amountOf(value["unitPrice"]) * Number(value["quantity"]))];
    if (!("lines" in value)) return [];
    const sums = ["total", "discount", "tax"].map((part) => ({
      parts: objectsIn(value["lines"])
        .filter((line) => "quantity" in line)
        .reduce((sum, line) => sum + amountOf(line[part]), 0),
      total: amountOf(value[part]),
    }));
    return [net(amountOf(value["subtotal"])), ...sums];
  });
}

function amountOf(money: unknown): number {
  return Number(looseOf(money)["amount"]);
}
