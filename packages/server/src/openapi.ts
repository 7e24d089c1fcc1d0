import swagger from "@fastify/swagger";
import { IDEMPOTENCY_KEY_MAX_CHARS } from "@posthaste/core/domain/limits";
import fastify, { type FastifyInstance } from "fastify";
import { Type, type TSchema } from "typebox";
import about from "../package.json" with { type: "json" };
import type { Route } from "./route.ts";
import { named } from "./routes/fields.ts";

const HttpErrorOut = named(
  "HttpErrorOut",
  Type.Object({
    code: Type.String({ description: "A stable word for programs." }),
    detail: Type.String({ description: "A sentence for people." }),
  }),
);

const HTTPValidationError = named(
  "HTTPValidationError",
  Type.Object({
    detail: Type.Array(
      named(
        "ValidationError",
        Type.Object({
          loc: Type.Array(Type.String(), {
            description: "Where: body, query, path or header, then the field.",
          }),
          msg: Type.String({ description: "What to change." }),
          type: Type.String(),
        }),
      ),
    ),
  }),
);

const ABOUT_SECURITY =
  "An API key of one environment, phk_…, or a token of one application's portal. Each operation names the permission " +
  "it needs; one that names none takes any credential.";

/** The routes as OpenAPI 3.1, as JSON text with its keys in order: the same routes give the same text. */
export async function describeApi(routes: readonly Route[]): Promise<string> {
  // An application of its own, never served: the one that is served carries no schemas and checks by itself.
  const app = fastify();
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => () => "");
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Posthaste API",
        version: about.version,
        description:
          "Webhooks for creator businesses. Compatible with Svix's API: its client libraries work with this server. " +
          "Times are RFC 3339 in UTC, sizes bytes, durations as their names say. Unknown fields are ignored.",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      components: {
        securitySchemes: {
          HTTPBearer: { type: "http", scheme: "bearer", description: ABOUT_SECURITY },
        },
      },
    },
    refResolver: {
      buildLocalReference: ({ $id }, _base, _fragment, index) =>
        typeof $id === "string" ? $id : `def-${index}`,
    },
  });
  const schemas = new NamedSchemas(app);
  app.after(() => {
    for (const route of routes) describe(app, route, schemas);
  });
  await app.ready();
  const text = JSON.stringify(inOrder(app.swagger()), null, 2);
  await app.close();
  return `${text}\n`;
}

function describe(app: FastifyInstance, route: Route, schemas: NamedSchemas): void {
  const { description, params, query, body, method, scope } = route;
  const isPublic = scope === "public";
  app.route({
    method,
    url: route.path,
    handler: () => "",
    schema: {
      operationId: route.operationId,
      tags: [route.tag],
      summary: route.summary,
      description,
      ...(isPublic ? {} : { security: [{ HTTPBearer: scope === "caller" ? [] : [scope] }] }),
      ...(params === null ? {} : { params: schemas.referring(params) }),
      ...(query === null ? {} : { querystring: schemas.referring(query) }),
      ...(body === null ? {} : { body: schemas.referring(body) }),
      ...(method === "POST" ? { headers: IDEMPOTENCY_HEADER } : {}),
      response: answersOf(route, schemas),
    },
  });
}

const IDEMPOTENCY_HEADER = Type.Object({
  "idempotency-key": Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: IDEMPOTENCY_KEY_MAX_CHARS,
      description: "The same key with the same request is done once and answered alike, for 24 hours.",
    }),
  ),
});

const REFUSALS: Readonly<Record<number, string>> = {
  400: "The request cannot be read, or asks for what is not allowed.",
  401: "No key, or one that is not of this server.",
  403: "The key or token does not have the permission that this operation names.",
  404: "Not there, or of another application or environment.",
  409: "Taken already.",
  413: "The body is too large.",
  415: "The body is not JSON.",
  422: "A field does not fit.",
  429: "Too many requests.",
  500: "Our fault; it is logged.",
  503: "Events cannot be stored just now. Nothing was done; try again.",
};
const WRITES_ONLY: ReadonlySet<number> = new Set([409, 413, 415]);

function answersOf(route: Route, schemas: NamedSchemas): Record<string, unknown> {
  const answers: Record<string, unknown> = {};
  for (const [status, schema] of Object.entries(route.answers)) {
    answers[status] =
      schema === null ? { description: "Done.", type: "null" } : answer("Done.", schemas.referring(schema));
  }
  if (route.scope === "public") return answers;
  const writes = route.body !== null || route.method === "POST";
  for (const [status, description] of Object.entries(REFUSALS)) {
    if (!writes && WRITES_ONLY.has(Number(status))) continue;
    const schema = status === "422" ? HTTPValidationError : HttpErrorOut;
    answers[status] = answer(description, schemas.referring(schema));
  }
  return answers;
}

function answer(description: string, schema: unknown): unknown {
  return { description, content: { "application/json": { schema } } };
}

/** Registers schemas with a name once and refers to them by it. */
class NamedSchemas {
  readonly #app: FastifyInstance;
  readonly #known = new Set<string>();

  constructor(app: FastifyInstance) {
    this.#app = app;
  }

  /** The schema with every named part replaced by a reference. */
  referring(schema: TSchema): unknown {
    return this.#refer(schema);
  }

  #refer(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#refer(item));
    if (typeof value !== "object" || value === null) return value;
    const parts = Object.entries(value).map(([name, part]) => [name, this.#refer(part)] as const);
    const name: unknown = "$id" in value ? value.$id : undefined;
    if (typeof name !== "string") return Object.fromEntries(parts);
    if (!this.#known.has(name)) {
      this.#known.add(name);
      this.#app.addSchema(Object.fromEntries(parts));
    }
    return { $ref: `${name}#` };
  }
}

/** The same value with the keys of every object in alphabetical order. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, part]) => [name, inOrder(part)]));
}
