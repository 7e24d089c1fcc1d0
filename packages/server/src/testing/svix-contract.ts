import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import formats from "ajv-formats";

const REPOSITORY_ROOT = resolve(import.meta.dirname, "../../../..");
const CONTRACT_FILE = resolve(REPOSITORY_ROOT, "../shared/specs/svix.json");

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type JsonObject = { [name: string]: Json };

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { in: string; name: string; required?: boolean }[];
  readonly requestBody: JsonObject | null;
  /** By status; null = no body. */
  readonly responses: Readonly<Record<string, JsonObject | null>>;
}

/** Svix's published OpenAPI document, to hold our answers against. */
export interface SvixContract {
  /** Every operation, by `METHOD /path/{param}`. */
  readonly operations: ReadonlyMap<string, Operation>;
  /** What is wrong with an answer; null = it fits, undefined = the contract has no such operation. */
  faults(method: string, path: string, answer: { status: number; body: unknown }): string | null | undefined;
  /** What is wrong with the payload of an operational webhook; null = it fits. */
  eventFault(payload: { type: string }): string | null;
  /** The document's own webhooks, with the schemas they refer to. */
  readonly webhooks: JsonObject;
  /** The properties of a named schema. */
  schema(name: string): JsonObject;
}

/** The contract, or null where it is not at hand. */
export function loadSvixContract(): SvixContract | null {
  if (!existsSync(CONTRACT_FILE)) return null;
  const document = JSON.parse(readFileSync(CONTRACT_FILE, "utf8")) as {
    paths: Record<string, Record<string, JsonObject>>;
    components: { schemas: JsonObject };
    "x-webhooks": Record<string, { post: JsonObject }>;
  };
  const ajv = new Ajv({ strict: false, allErrors: true });
  formats.default(ajv);
  for (const format of ["int", "int16", "int32", "int64", "uint16", "uint32", "uint64", "color"])
    ajv.addFormat(format, true);
  ajv.addSchema({ $id: "svix", components: { schemas: withNulls(document.components.schemas) } as object });
  const operations = new Map<string, Operation>();
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      operations.set(`${method.toUpperCase()} ${path}`, operationOf(operation));
    }
  }
  const compiled = new Map<JsonObject, ValidateFunction>();
  return {
    operations,
    eventFault(payload) {
      const schema = schemaOf(document["x-webhooks"][payload.type]?.post["requestBody"]);
      if (schema === null) return `the contract has no event ${payload.type}`;
      const validate = ajv.compile(withNulls(schema) as object);
      return validate(payload) ? null : ajv.errorsText(validate.errors);
    },
    webhooks: { "x-webhooks": document["x-webhooks"], components: document.components },
    schema: (name) => document.components.schemas[name] as JsonObject,
    faults(method, path, { status, body }) {
      const operation = [...operations].find(([key]) => formOf(key).test(`${method} ${path}`))?.[1];
      if (operation === undefined) return undefined;
      if (!(status in operation.responses)) return `the contract has no status ${status}`;
      const schema = operation.responses[status];
      if (schema === null || schema === undefined)
        return body === undefined ? null : "the contract has no body";
      const validate = compiled.get(schema) ?? ajv.compile(withNulls(schema) as object);
      compiled.set(schema, validate);
      return validate(body) ? null : ajv.errorsText(validate.errors);
    },
  };
}

function formOf(key: string): RegExp {
  return new RegExp(`^${key.replaceAll(/\{[a-z_]+\}/g, "[^/]+")}/?$`);
}

function operationOf(operation: JsonObject): Operation {
  const responses = Object.entries(operation["responses"] as Record<string, JsonObject>);
  return {
    operationId: operation["operationId"] as string,
    parameters: (operation["parameters"] ?? []) as never,
    requestBody: schemaOf(operation["requestBody"]),
    responses: Object.fromEntries(responses.map(([status, response]) => [status, schemaOf(response)])),
  };
}

function schemaOf(content: Json | undefined): JsonObject | null {
  const holder = content as { content?: Record<string, { schema: JsonObject }> } | undefined;
  return holder?.content?.["application/json"]?.schema ?? null;
}

/** OpenAPI 3.0's `nullable` in the words of JSON Schema, and references into the document above. */
function withNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map(withNulls);
  if (typeof value !== "object" || value === null) return value;
  const { nullable, ...rest } = Object.fromEntries(
    Object.entries(value).map(([name, part]) => [name, withNulls(part)]),
  );
  if (typeof rest["$ref"] === "string") rest["$ref"] = rest["$ref"].replace(/^#/, "svix#");
  return nullable === true ? { anyOf: [rest, { type: "null" }] } : rest;
}
