import { isDeepStrictEqual } from "node:util";
import type { EventType } from "@posthaste/core/domain/event-type";
import { FIRST_VERSION, FLAGS_KEY, GROUP_KEY, VERSION_KEY } from "./openapi-document.ts";
import { isObject, objectIn, type JsonObject } from "./openapi-schema.ts";

const OWN = "#/$defs/";
const SHARED = "#/components/schemas/";

/**
 * An OpenAPI 3.1 document with a webhook for each event type, archived ones left out. Of several versions of a schema the
 * newest stands in it. What schemas keep under `$defs` becomes a shared schema; importing the document brings it back.
 */
export function openapiDocument(eventTypes: readonly EventType[]): JsonObject {
  const shared = new Map<string, unknown>();
  const webhooks = eventTypes
    .filter(({ archived }) => !archived)
    .map((eventType) => [eventType.name, { post: operationOf(eventType, shared) }] as const);
  return {
    openapi: "3.1.0",
    info: { title: "Webhooks", version: "1" },
    paths: {},
    webhooks: Object.fromEntries(webhooks),
    components: { schemas: Object.fromEntries(shared) },
  };
}

function operationOf(eventType: EventType, shared: Map<string, unknown>): JsonObject {
  const { name, description, deprecated, groupName, featureFlags } = eventType;
  const newest = newestSchema(eventType.schemas);
  return {
    operationId: name,
    tags: ["Webhook"],
    description,
    deprecated,
    ...(groupName === null ? {} : { [GROUP_KEY]: groupName }),
    ...(featureFlags === null ? {} : { [FLAGS_KEY]: featureFlags }),
    ...(newest === null || newest.version === FIRST_VERSION ? {} : { [VERSION_KEY]: newest.version }),
    ...(newest === null
      ? {}
      : {
          requestBody: { content: { "application/json": { schema: hoisted(newest.schema, name, shared) } } },
        }),
    responses: { "2XX": { description: "Received." } },
  };
}

function newestSchema(schemas: EventType["schemas"]): { version: string; schema: unknown } | null {
  const versions = Object.keys(schemas ?? {});
  const version = versions.toSorted((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
  return version === undefined ? null : { version, schema: schemas?.[version] };
}

/** The schema with its `$defs` moved among the shared ones, under another name where that one is another schema's. */
function hoisted(schema: unknown, owner: string, shared: Map<string, unknown>): unknown {
  if (!isObject(schema)) return schema;
  const defs = objectIn(schema, "$defs");
  const isTaken = (name: string): boolean =>
    shared.has(name) &&
    !isDeepStrictEqual(
      shared.get(name),
      renamed(defs[name], (each) => each),
    );
  // One that differs takes the others along: they may refer to it.
  const prefix = Object.keys(defs).some(isTaken) ? `${owner}.` : "";
  const rename = (name: string): string => prefix + name;
  for (const [name, def] of Object.entries(defs)) shared.set(rename(name), renamed(def, rename));
  const { $defs: _moved, ...rest } = schema;
  return renamed(rest, rename);
}

/** Every reference into `$defs` as one to the shared schema of that name. */
function renamed(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((each) => renamed(each, rename));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => {
      const isReference = key === "$ref" && typeof part === "string" && part.startsWith(OWN);
      return [key, isReference ? SHARED + rename(part.slice(OWN.length)) : renamed(part, rename)];
    }),
  );
}
