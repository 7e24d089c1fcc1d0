import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeApi } from "./openapi.ts";
import { routes } from "./routes/index.ts";
import { type Schema, valuesOf } from "./testing/schema-values.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

/** Requests for each operation; with some sixty operations this takes seconds. */
const REQUESTS_PER_OPERATION = 40;
/** To see a failure again: put the printed seed here. */
const seed = Math.floor(Math.random() * 2 ** 31);
console.log(`generated requests: seed ${seed}`);

interface Parameter {
  readonly in: "path" | "query" | "header";
  readonly name: string;
  readonly required?: boolean;
  readonly schema: Schema;
}
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: { readonly "application/json": { readonly schema: Schema } } };
  readonly responses: Readonly<Record<string, unknown>>;
}
const document = JSON.parse(await describeApi(routes)) as {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
);

function resolve(ref: string): Schema {
  const schema = document.components.schemas[ref.replace("#/components/schemas/", "")];
  if (schema === undefined) throw new Error(`${ref} is not there`);
  return schema;
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

/** Things that are there, so that a request gets past the look-ups. */
async function scene(): Promise<Readonly<Record<string, string>>> {
  const app_id = await server.application();
  const endpoint_id = await server.endpoint(app_id);
  const msg_id = await server.message(app_id);
  return { app_id, endpoint_id, msg_id, sink_id: endpoint_id, event_type_name: "order.completed" };
}

interface Request {
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: string | undefined;
  readonly headers: Record<string, string>;
}

function requestsOf(operation: Operation, there: Readonly<Record<string, string>>): fc.Arbitrary<Request> {
  const parameters = operation.parameters ?? [];
  const ofPlace = (place: Parameter["in"]): fc.Arbitrary<Record<string, unknown>> => {
    const some = parameters.filter((parameter) => parameter.in === place);
    const values = some.map(({ name, schema }) => {
      const known = there[name];
      const generated = valuesOf(schema, resolve);
      const value =
        known === undefined
          ? generated
          : fc.oneof({ weight: 4, arbitrary: fc.constant(known) }, { weight: 1, arbitrary: generated });
      return [name, value] as const;
    });
    const requiredKeys = place === "path" ? some.map(({ name }) => name) : [];
    return fc.record(Object.fromEntries(values), { requiredKeys });
  };
  const schema = operation.requestBody?.content["application/json"].schema;
  const body: fc.Arbitrary<string | undefined> =
    schema === undefined
      ? fc.constant(undefined)
      : fc.oneof(
          { weight: 12, arbitrary: valuesOf(schema, resolve).map((value) => JSON.stringify(value)) },
          { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 80 }) },
        );
  const headers = fc.oneof(
    { weight: 8, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.constant({ "content-type": "text/plain" }) },
    { weight: 1, arbitrary: fc.constant({ "idempotency-key": "k" }) },
    { weight: 1, arbitrary: fc.constant({ authorization: "Bearer phk_live_nobodysKey" }) },
  );
  return fc.record({ path: ofPlace("path"), query: ofPlace("query"), body, headers });
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What is no text in Unicode cannot stand in a URL. */
function encoded(value: unknown): string {
  return encodeURIComponent(textOf(value).toWellFormed());
}

function urlOf(path: string, request: Request): string {
  const filled = path.replaceAll(/\{([a-z_]+)\}/g, (_, name: string) => encoded(request.path[name] ?? "x"));
  const pairs = Object.entries(request.query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => `${name}=${encoded(one)}`),
  );
  return pairs.length === 0 ? filled : `${filled}?${pairs.join("&")}`;
}

describe("requests made from the API's description", () => {
  it.each(operations.map((one) => [`${one.method} ${one.path}`, one] as const))(
    "%s answers as described, and never with a fault of its own",
    async (_name, { method, path, operation }) => {
      const there = await scene();
      await fc.assert(
        fc.asyncProperty(requestsOf(operation, there), async (request) => {
          // An empty or dotted part of the path leads elsewhere.
          fc.pre(!Object.values(request.path).some((part) => /^\.*$/.test(textOf(part))));
          const url = urlOf(path, request);
          // Checks the body of a success against the description.
          const reply = await server.call(method, url, {
            headers: request.headers,
            ...(request.body === undefined ? {} : { body: request.body }),
          });
          expect(reply.status, reply.text).toBeLessThan(500);
          expect(Object.keys(operation.responses), `${url}: ${reply.text}`).toContain(String(reply.status));
          if (reply.status < 400) return;
          expect(reply.json.detail).toBeDefined();
          if (reply.status !== 422) expect(typeof reply.json.code).toBe("string");
        }),
        { seed, numRuns: REQUESTS_PER_OPERATION, endOnFailure: true },
      );
    },
    120_000,
  );
});
