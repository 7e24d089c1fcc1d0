import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Described, described, type Parameter, resolveSchema } from "./testing/described.ts";
import { placeOf, type Scene, sceneOf } from "./testing/scene.ts";
import { valuesOf } from "./testing/schema-values.ts";
import { OPERATOR_KEY, startTestServer, type TestServer } from "./testing/test-server.ts";

/** Requests for each operation; with some sixty operations this takes seconds. */
const REQUESTS_PER_OPERATION = 40;
/** To see a failure again: put the printed seed here. */
const seed = Math.floor(Math.random() * 2 ** 31);
console.log(`generated requests: seed ${seed}`);

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

interface Request {
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: string | undefined;
  readonly headers: Record<string, string>;
}

function requestsOf({ path, parameters, body: bodySchema }: Described, there: Scene): fc.Arbitrary<Request> {
  const ofPlace = (place: Parameter["in"]): fc.Arbitrary<Record<string, unknown>> => {
    const some = parameters.filter((parameter) => parameter.in === place);
    const values = some.map(({ name, schema }) => {
      const known = placeOf(there, path, name);
      const generated = valuesOf(schema, resolveSchema);
      const value =
        known === undefined
          ? generated
          : fc.oneof({ weight: 4, arbitrary: fc.constant(known) }, { weight: 1, arbitrary: generated });
      return [name, value] as const;
    });
    const requiredKeys = place === "path" ? some.map(({ name }) => name) : [];
    return fc.record(Object.fromEntries(values), { requiredKeys });
  };
  const body: fc.Arbitrary<string | undefined> =
    bodySchema === null
      ? fc.constant(undefined)
      : fc.oneof(
          {
            weight: 12,
            arbitrary: valuesOf(bodySchema, resolveSchema).map((value) => JSON.stringify(value)),
          },
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
  it.each(described.map((one) => [`${one.method} ${one.path}`, one] as const))(
    "%s answers as described, and never with a fault of its own",
    async (_name, operation) => {
      const { method, path, statuses, need } = operation;
      const there = await sceneOf(server);
      await fc.assert(
        fc.asyncProperty(requestsOf(operation, there), async (request) => {
          // An empty or dotted part of the path leads elsewhere.
          fc.pre(!Object.values(request.path).some((part) => /^\.*$/.test(textOf(part))));
          const url = urlOf(path, request);
          // Checks the body of a success against the description.
          const reply = await server.call(method, url, {
            headers: request.headers,
            ...(need?.endsWith(":installation") ? { key: OPERATOR_KEY } : {}),
            ...(request.body === undefined ? {} : { body: request.body }),
          });
          expect(reply.status, reply.text).toBeLessThan(500);
          expect(statuses, `${url}: ${reply.text}`).toContain(String(reply.status));
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
