import { describeApi } from "../openapi.ts";
import { routes } from "../routes/index.ts";
import type { Schema } from "./schema-values.ts";

export interface Parameter {
  readonly in: "path" | "query" | "header";
  readonly name: string;
  readonly required?: boolean;
  readonly schema: Schema;
}

/** An operation of our own OpenAPI document: a new one is in by itself. */
export interface Described {
  readonly id: string;
  readonly method: string;
  /** With `{name}` parameters. */
  readonly path: string;
  /** A permission, or `caller`: any credential; null: none is needed. */
  readonly need: string | null;
  readonly parameters: readonly Parameter[];
  /** Of its body; null = it takes none. */
  readonly body: Schema | null;
  /** The statuses it says that it answers with. */
  readonly statuses: readonly string[];
}

interface Document {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly operationId: string;
            readonly security?: readonly { readonly HTTPBearer: readonly string[] }[];
            readonly parameters?: readonly Parameter[];
            readonly requestBody?: {
              readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
            };
            readonly responses: Readonly<Record<string, unknown>>;
          }
        >
      >
    >
  >;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const document = JSON.parse(await describeApi(routes)) as Document;

export const described: readonly Described[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => {
    const [security] = operation.security ?? [];
    return {
      id: operation.operationId,
      method: method.toUpperCase(),
      path,
      need: security === undefined ? null : (security.HTTPBearer[0] ?? "caller"),
      parameters: operation.parameters ?? [],
      body: operation.requestBody?.content["application/json"]?.schema ?? null,
      statuses: Object.keys(operation.responses),
    };
  }),
);

/** The schema that a `$ref` means. */
export function resolveSchema(ref: string): Schema {
  const schema = document.components.schemas[ref.replace("#/components/schemas/", "")];
  if (schema === undefined) throw new Error(`${ref} is not there`);
  return schema;
}
