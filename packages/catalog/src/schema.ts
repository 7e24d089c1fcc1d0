/**
 * A small vocabulary for writing JSON Schema 2020-12, kept to keywords that mean the same in Draft 7, so that
 * older validators read our schemas too. The builders exist for three reasons: nothing can be written without
 * a description, every object is open to unknown fields, and the TypeScript type of a payload comes from its
 * schema, so that the two cannot drift apart.
 */
type JsonType = "array" | "boolean" | "integer" | "null" | "object" | "string";

export interface JsonSchema {
  readonly $schema?: string;
  readonly title?: string;
  readonly description: string;
  readonly type: JsonType | readonly JsonType[];
  readonly const?: string;
  readonly enum?: readonly (string | null)[];
  readonly format?: "date-time" | "email" | "uri";
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly minProperties?: number;
}

/** A schema that remembers, for the compiler only, the type of what it accepts. The key never exists at run time. */
export interface Schema<T> extends JsonSchema {
  readonly "~accepts"?: T;
}

/** The type of the values a schema accepts. */
export type Accepted<S> = S extends { readonly "~accepts"?: infer T } ? T : never;

type Properties = Readonly<Record<string, Schema<unknown>>>;
type Flat<T> = { readonly [K in keyof T]: T[K] };
type AcceptedObject<Required extends Properties, Optional extends Properties> = Flat<
  { [K in keyof Required]: Accepted<Required[K]> } & { [K in keyof Optional]?: Accepted<Optional[K]> | null }
>;

/** The largest integer every JSON parser reads without rounding: 2^53 - 1. */
const LARGEST_EXACT_INTEGER = 9_007_199_254_740_991;
/** The longest id of any vendor we map is far below; a bound lets receivers choose a column type. */
const ID_LENGTH_MAX = 256;
/** `format: date-time` alone also accepts `+02:00`; ours are always UTC, so that text order is time order. */
const UTC_PATTERN = "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?Z$";

export function text(description: string): Schema<string> {
  return { description, type: "string" };
}

/** Text that says something: for names, codes and numbers that people read. */
export function label(description: string): Schema<string> {
  return { description, type: "string", minLength: 1 };
}

/** The stable id of an object: the same text in every event about it, and text even where a vendor counts. */
export function id(description: string): Schema<string> {
  return { description, type: "string", minLength: 1, maxLength: ID_LENGTH_MAX };
}

export function matching(pattern: string, description: string): Schema<string> {
  return { description, type: "string", pattern };
}

export function email(description: string): Schema<string> {
  return { description, type: "string", format: "email" };
}

export function link(description: string): Schema<string> {
  return { description, type: "string", format: "uri" };
}

export function time(description: string): Schema<string> {
  return { description, type: "string", format: "date-time", pattern: UTC_PATTERN };
}

export function flag(description: string): Schema<boolean> {
  return { description, type: "boolean" };
}

export function count(description: string, range: { min: number; max?: number }): Schema<number> {
  return { description, type: "integer", minimum: range.min, maximum: range.max ?? LARGEST_EXACT_INTEGER };
}

export function choice<const T extends string>(description: string, values: readonly T[]): Schema<T> {
  return { description, type: "string", enum: values };
}

export function exactly<const T extends string>(description: string, value: T): Schema<T> {
  return { description, type: "string", const: value };
}

export function listOf<T>(
  items: Schema<T>,
  options: { description: string; minItems: number },
): Schema<readonly T[]> {
  return { description: options.description, type: "array", minItems: options.minItems, items };
}

/** The same schema, or null: for a field that is always there but may have nothing to say. */
export function orNull<T>(schema: Schema<T>): Schema<T | null> {
  const types = typeof schema.type === "string" ? [schema.type] : schema.type;
  return {
    ...schema,
    type: [...types, "null"],
    ...(schema.enum === undefined ? {} : { enum: [...schema.enum, null] }),
  };
}

/** The same schema where it stands for something: "what was paid" rather than "an amount of money". */
export function described<T>(schema: Schema<T>, description: string): Schema<T> {
  return { ...schema, description };
}

/**
 * An object. Required fields are always there; an optional one may be absent or null, which mean the same,
 * so that a sender need not invent what it does not know. Unknown fields are accepted at every level: adding
 * a field must never break a receiver.
 */
export function objectOf<const Required extends Properties, const Optional extends Properties = {}>(parts: {
  readonly description: string;
  readonly required: Required;
  readonly optional?: Optional;
  readonly minProperties?: number;
}): Schema<AcceptedObject<Required, Optional>> {
  const properties: Record<string, JsonSchema> = { ...parts.required };
  for (const [name, schema] of Object.entries(parts.optional ?? {})) properties[name] = orNull(schema);
  return {
    description: parts.description,
    type: "object",
    properties,
    required: Object.keys(parts.required),
    ...(parts.minProperties === undefined ? {} : { minProperties: parts.minProperties }),
  };
}
