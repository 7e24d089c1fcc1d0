import { CORE_SCHEMA, load, YAMLException } from "js-yaml";
import { OPENAPI_EVENT_TYPES_MAX, OPENAPI_REFERENCES_MAX } from "../../http-limits.ts";
import { compile } from "../../validation.ts";
import { decoded, isObject, objectIn, refused, SchemaReader, type JsonObject } from "./openapi-schema.ts";
import { EventTypeIn } from "./schemas.ts";

/** What a document says of one event type. What it does not say is undefined. */
export interface DescribedEventType {
  readonly name: string;
  readonly description: string;
  readonly deprecated: boolean;
  readonly schema: JsonObject | null;
  /** The version that the schema is; "1" unless the document names another. */
  readonly version: string;
  readonly groupName: string | undefined;
  readonly featureFlags: readonly string[] | undefined;
}

/** Where a document's webhooks may stand: OpenAPI 3.1 has the first, 3.0 only the second. The first wins. */
const HOLDERS = ["webhooks", "x-webhooks"] as const;
const METHODS = ["post", "put", "patch", "get", "delete", "options", "head", "trace"] as const;
export const GROUP_KEY = "x-svix-group-name";
export const FLAGS_KEY = "x-svix-feature-flags";
export const VERSION_KEY = "x-schema-version";
export const FIRST_VERSION = "1";
const JSON_MEDIA_TYPE = /^application\/(?:[\w.+-]+\+)?json\b/i;

const checker = compile(EventTypeIn);

/** Text of a document, JSON or YAML 1.2, as a value; 422 with the place of the fault. */
export function parseDocument(text: string, loc: readonly string[]): unknown {
  try {
    // Dates stay texts; JSON is YAML too.
    return load(text, { schema: CORE_SCHEMA });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    throw refused(loc, `Is neither JSON nor YAML: ${error.message.split("\n", 1)[0]}.`);
  }
}

/** The event types of an OpenAPI document, one for each webhook. */
export function readEventTypes(document: unknown, loc: readonly string[]): DescribedEventType[] {
  if (!isObject(document) || typeof document["openapi"] !== "string") {
    throw refused(loc, "Must be an OpenAPI document, version 3, with the member `openapi`.");
  }
  const items = new Map<string, readonly [item: unknown, loc: readonly string[]]>();
  for (const holder of HOLDERS) {
    for (const [name, item] of Object.entries(objectIn(document, holder))) {
      if (!items.has(name)) items.set(name, [item, [...loc, holder, name]]);
    }
  }
  if (items.size === 0) {
    throw refused(
      loc,
      `Describes no webhooks: give it ${HOLDERS.map((each) => `\`${each}\``).join(" or ")}.`,
    );
  }
  if (items.size > OPENAPI_EVENT_TYPES_MAX) {
    throw refused(loc, `Describes ${items.size} webhooks, more than ${OPENAPI_EVENT_TYPES_MAX}. Split it.`);
  }
  const schemas = new SchemaReader(document);
  return [...items].map(([name, [item, place]]) =>
    readEventType(name, { item, loc: place, document, schemas }),
  );
}

function readEventType(
  name: string,
  source: { item: unknown; loc: readonly string[]; document: JsonObject; schemas: SchemaReader },
): DescribedEventType {
  const { loc, document, schemas } = source;
  const item = followed(source.item, document, loc);
  const method = METHODS.find((each) => item[each] !== undefined);
  if (method === undefined) throw refused(loc, "Has no operation. Describe the request under `post`.");
  const place = [...loc, method];
  const operation = followed(item[method], document, place);
  const described = {
    name,
    description:
      operation["description"] ?? operation["summary"] ?? item["description"] ?? item["summary"] ?? "",
    deprecated: operation["deprecated"] ?? false,
    groupName: operation[GROUP_KEY] ?? null,
    featureFlags: operation[FLAGS_KEY] ?? null,
  };
  const { description, deprecated, groupName, featureFlags } = checker.check(described, place);
  const schema = bodySchema(operation, { document, loc: place });
  const version = operation[VERSION_KEY] ?? FIRST_VERSION;
  for (const text of [description, version]) if (typeof text === "string") schemas.spend(text, place);
  return {
    name,
    description,
    deprecated: deprecated ?? false,
    schema: schema === undefined ? null : schemas.read(schema, place),
    version: typeof version === "string" ? version : FIRST_VERSION,
    groupName: groupName ?? undefined,
    featureFlags: featureFlags ?? undefined,
  };
}

function bodySchema(
  operation: JsonObject,
  { document, loc }: { document: JsonObject; loc: readonly string[] },
): unknown {
  if (operation["requestBody"] === undefined) return undefined;
  const content = objectIn(followed(operation["requestBody"], document, [...loc, "requestBody"]), "content");
  const type = Object.keys(content).find((each) => JSON_MEDIA_TYPE.test(each));
  return type === undefined ? undefined : objectIn(content, type)["schema"];
}

/** An object of the document, or the one it refers to. */
function followed(value: unknown, document: JsonObject, loc: readonly string[]): JsonObject {
  let current = value;
  for (let steps = 0; steps <= OPENAPI_REFERENCES_MAX; steps++) {
    if (!isObject(current)) throw refused(loc, "Must be an object.");
    const target = current["$ref"];
    if (typeof target !== "string") return current;
    if (!target.startsWith("#/"))
      throw refused(loc, `Refers to ${JSON.stringify(target)}, outside the document.`);
    let found: unknown = document;
    for (const step of target.slice(2).split("/")) {
      const name = decoded(step);
      found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
    }
    current = found;
  }
  throw refused(loc, `Refers to a reference more than ${OPENAPI_REFERENCES_MAX} times over.`);
}
