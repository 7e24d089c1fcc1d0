import fc from "fast-check";

/** What of JSON Schema our description uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly examples?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

const DEPTH_MAX = 6;
const LENGTH_MAX = 60;

/** Values that a schema allows, and now and then, anywhere in them, some that it may not. */
export function valuesOf(schema: Schema, resolve: (ref: string) => Schema): fc.Arbitrary<unknown> {
  return fitting(schema, { resolve, depth: 0 });
}

interface Place {
  readonly resolve: (ref: string) => Schema;
  readonly depth: number;
}

function fitting(schema: Schema, place: Place): fc.Arbitrary<unknown> {
  if (place.depth > DEPTH_MAX) return fc.constant(null);
  return fc.oneof({ weight: 15, arbitrary: exact(schema, place) }, { weight: 1, arbitrary: ODD });
}

/** What programs trip over. */
const ODD: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(
    null,
    "",
    "\u0000",
    "\ud800",
    "-",
    "../..",
    "%00",
    "__proto__",
    -1,
    0.5,
    2 ** 53,
    1e308,
    [],
    {},
    [[]],
  ),
  fc.string({ unit: "binary", maxLength: LENGTH_MAX }),
  fc.integer(),
);

function exact(schema: Schema, place: Place): fc.Arbitrary<unknown> {
  if (schema.$ref !== undefined) return fitting(place.resolve(schema.$ref), place);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if ("const" in schema) return fc.constant(schema.const);
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (choices !== undefined) return fc.oneof(...choices.map((choice) => fitting(choice, place)));
  if (Array.isArray(schema.type)) {
    return fc.oneof(...schema.type.map((type: string) => ofType(type, schema, place)));
  }
  return ofType(String(schema.type), schema, place);
}

function ofType(type: string, schema: Schema, place: Place): fc.Arbitrary<unknown> {
  const inside = { ...place, depth: place.depth + 1 };
  switch (type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer": {
      const min = Math.max(schema.minimum ?? -1_000, Number.MIN_SAFE_INTEGER);
      return fc.integer({ min, max: Math.max(min, Math.min(schema.maximum ?? 100_000, 2 ** 31 - 1)) });
    }
    case "number":
      return fc.double({ min: schema.minimum ?? -1e6, max: schema.maximum ?? 1e6, noNaN: true });
    case "string":
      return texts(schema);
    case "array":
      return fc.array(fitting(schema.items ?? {}, inside), {
        minLength: Math.min(schema.minItems ?? 0, 3),
        maxLength: Math.min(schema.maxItems ?? 3, 3),
      });
    case "object":
      return objects(schema, inside);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function objects(schema: Schema, inside: Place): fc.Arbitrary<unknown> {
  const properties = Object.entries(schema.properties ?? {});
  const required = properties.map(([name]) => name).filter((name) => schema.required?.includes(name));
  const known = fc.record(
    Object.fromEntries(properties.map(([name, part]) => [name, fitting(part, inside)])),
    { requiredKeys: required },
  );
  const [pattern] = Object.values(schema.patternProperties ?? {});
  const others = typeof schema.additionalProperties === "object" ? schema.additionalProperties : pattern;
  if (others === undefined) return known;
  const more = fc.dictionary(fc.string({ maxLength: 12 }), fitting(others, inside), { maxKeys: 3 });
  return fc.tuple(more, known).map(([one, two]) => ({ ...one, ...(two as object) }));
}

function texts({ format, pattern, minLength = 0, maxLength = LENGTH_MAX }: Schema): fc.Arbitrary<string> {
  if (format === "date-time") {
    return fc
      .date({ noInvalidDate: true, min: new Date("2020-01-01"), max: new Date("2030-01-01") })
      .map((date) => date.toISOString());
  }
  if (format === "uri") return fc.webUrl({ validSchemes: ["https"] });
  if (pattern !== undefined) {
    try {
      return fc
        .stringMatching(new RegExp(pattern), { size: "small" })
        .filter((text) => text.length <= maxLength);
    } catch {
      // An expression that the generator does not know: any text.
    }
  }
  return fc.string({
    minLength: Math.min(minLength, LENGTH_MAX),
    maxLength: Math.min(maxLength, LENGTH_MAX),
  });
}
