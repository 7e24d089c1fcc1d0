import { invalidField } from "@posthaste/core/domain/errors";
import { OPENAPI_DEPTH_MAX, OPENAPI_EXPANDED_MAX_CHARS } from "../../http-limits.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/** Where a document's shared schemas lie, and where a schema of its own keeps the ones it needs. */
const SHARED = "#/components/schemas/";
const OWN = "#/$defs/";

const SCHEMA_KEYWORDS = new Set([
  "additionalProperties",
  "contains",
  "contentSchema",
  "else",
  "if",
  "items",
  "not",
  "propertyNames",
  "then",
  "unevaluatedItems",
  "unevaluatedProperties",
]);
const LIST_KEYWORDS = new Set(["allOf", "anyOf", "items", "oneOf", "prefixItems"]);
const MAP_KEYWORDS = new Set(["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"]);
/** What a value takes beside its text. */
const VALUE_CHARS = 16;

/**
 * Turns schemas of one OpenAPI document into JSON Schemas that stand alone. References to shared schemas become
 * references to copies under `$defs`, so schemas may be recursive; OpenAPI 3.0's `nullable` becomes a type. A document
 * can say much with few bytes (YAML aliases), so what comes out is bounded for the document as a whole.
 */
export class SchemaReader {
  readonly #shared: JsonObject;
  #charsLeft = OPENAPI_EXPANDED_MAX_CHARS;

  constructor(document: JsonObject) {
    this.#shared = objectIn(objectIn(document, "components"), "schemas");
  }

  /** The schema with everything it refers to. */
  read(schema: unknown, loc: readonly string[]): JsonObject {
    const needed = new Set<string>();
    const root = this.#schema(schema, { loc, depth: 0, needed });
    if (!isObject(root)) return root === false ? { not: {} } : {};
    if (needed.size === 0) return root;
    const defs: [string, unknown][] = [];
    // It grows while it is read: shared schemas refer to others.
    for (const name of needed) {
      const shared = Object.hasOwn(this.#shared, name) ? this.#shared[name] : undefined;
      if (shared === undefined)
        throw refused(loc, `Refers to ${SHARED}${name}, which is not in the document.`);
      defs.push([name, this.#schema(shared, { loc, depth: 0, needed })]);
    }
    return { ...root, $defs: Object.fromEntries([...Object.entries(objectIn(root, "$defs")), ...defs]) };
  }

  #schema(value: unknown, place: Place): unknown {
    if (!isObject(value)) return this.#copy(value, place);
    const inner = this.#enter(place);
    const entries = Object.entries(value)
      .filter(([keyword]) => keyword !== "nullable")
      .map(([keyword, part]): [string, unknown] => {
        this.#spend(keyword, place);
        if (keyword === "$ref" && typeof part === "string") return [keyword, this.#reference(part, inner)];
        if (LIST_KEYWORDS.has(keyword) && Array.isArray(part)) {
          return [keyword, part.map((each) => this.#schema(each, inner))];
        }
        if (SCHEMA_KEYWORDS.has(keyword)) return [keyword, this.#schema(part, inner)];
        if (MAP_KEYWORDS.has(keyword) && isObject(part)) return [keyword, this.#map(part, inner)];
        return [keyword, this.#copy(part, inner)];
      });
    // Not assigned one by one: a property may be called __proto__.
    const schema: JsonObject = Object.fromEntries(entries);
    return value["nullable"] === true ? orNull(schema) : schema;
  }

  #map(schemas: JsonObject, place: Place): JsonObject {
    const inner = this.#enter(place);
    return Object.fromEntries(
      Object.entries(schemas).map(([name, schema]) => {
        this.#spend(name, place);
        return [name, this.#schema(schema, inner)];
      }),
    );
  }

  #reference(target: string, { loc, needed }: Place): string {
    if (target.startsWith(SHARED)) {
      const [name = ""] = target.slice(SHARED.length).split("/", 1);
      needed.add(decoded(name));
      return OWN + target.slice(SHARED.length);
    }
    if (target.startsWith("#") && !target.startsWith("#/components/")) return target;
    throw refused(
      loc,
      `Refers to ${JSON.stringify(target)}. Put the schema into the document, under ${SHARED.slice(0, -1)}.`,
    );
  }

  /** A value that is no schema: an example, an enumeration. */
  #copy(value: unknown, place: Place): unknown {
    if (typeof value !== "object" || value === null) {
      this.#spend(typeof value === "string" ? value : "", place);
      return value;
    }
    const inner = this.#enter(place);
    if (Array.isArray(value)) return value.map((each) => this.#copy(each, inner));
    return Object.fromEntries(
      Object.entries(value).map(([name, part]) => {
        this.#spend(name, place);
        return [name, this.#copy(part, inner)];
      }),
    );
  }

  #enter(place: Place): Place {
    this.#spend("", place);
    if (place.depth < OPENAPI_DEPTH_MAX) return { ...place, depth: place.depth + 1 };
    throw refused(place.loc, `Is nested deeper than ${OPENAPI_DEPTH_MAX} levels. Flatten it.`);
  }

  /** Counts a text that comes out of the document, wherever it stands there. */
  spend(text: string, loc: readonly string[]): void {
    this.#spend(text, { loc });
  }

  #spend(text: string, { loc }: Pick<Place, "loc">): void {
    this.#charsLeft -= VALUE_CHARS + text.length;
    if (this.#charsLeft >= 0) return;
    throw refused(
      loc,
      `The schemas and descriptions of the document come to more than ${OPENAPI_EXPANDED_MAX_CHARS} characters.`,
    );
  }
}

interface Place {
  readonly loc: readonly string[];
  readonly depth: number;
  /** Names of the shared schemas that are referred to; the reader adds to it. */
  readonly needed: Set<string>;
}

function orNull(schema: JsonObject): JsonObject {
  const { type } = schema;
  if (typeof type === "string" && schema["enum"] === undefined) return { ...schema, type: [type, "null"] };
  return { anyOf: [schema, { type: "null" }] };
}

/** The text of one step of a JSON pointer in a URL fragment. */
export function decoded(step: string): string {
  let text = step;
  try {
    text = decodeURIComponent(step);
  } catch {
    // A lone % stands for itself.
  }
  return text.replaceAll("~1", "/").replaceAll("~0", "~");
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const NOTHING: JsonObject = {};

/** The member of that name where it is an object, else an empty one. */
export function objectIn(holder: JsonObject, name: string): JsonObject {
  const value = Object.hasOwn(holder, name) ? holder[name] : undefined;
  return isObject(value) ? value : NOTHING;
}

export function refused(loc: readonly string[], msg: string): ReturnType<typeof invalidField> {
  return invalidField(loc, msg);
}
