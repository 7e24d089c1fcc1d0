import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { describeApi } from "./openapi.ts";
import { OPENAPI_FILE } from "./openapi-file.ts";
import { routes } from "./routes/index.ts";
import { loadSvixContract } from "./testing/svix-contract.ts";

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}
interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly parameters?: readonly { in: string; name: string; required?: boolean }[];
  readonly requestBody?: { content: Readonly<Record<string, { schema: Schema }>> };
  readonly responses: Readonly<Record<string, { description: string }>>;
  readonly security?: unknown;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const text = await describeApi(routes);
const document = JSON.parse(text) as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    key: `${method.toUpperCase()} ${path}`,
    operation,
  })),
);

describe("the API's description", () => {
  it("is the committed file; `npm run generate` in packages/server writes it anew", () => {
    expect(readFileSync(OPENAPI_FILE, "utf8") === text, "openapi.json is out of date").toBe(true);
  });

  it("is the same every time", async () => {
    expect(await describeApi(routes)).toBe(text);
  });

  it("is OpenAPI 3.1 and tells of every operation what it is for and who may call it", () => {
    expect(document.openapi).toBe("3.1.0");
    expect(operations).toHaveLength(routes.length);
    for (const { operation } of operations) {
      const route = routes.find(({ operationId }) => operationId === operation.operationId);
      expect(operation.summary).toBe(route?.summary);
      const needs = route?.scope === "caller" ? [] : [route?.scope];
      expect(operation.security).toEqual(route?.scope === "public" ? undefined : [{ HTTPBearer: needs }]);
    }
  });

  it("refers to schemas that are there", () => {
    const references = [...text.matchAll(/"\$ref": "([^"]+)"/g)].map(([, reference]) => reference ?? "");
    expect(references.length).toBeGreaterThan(50);
    for (const reference of references) {
      expect(reference).toMatch(/^#\/components\/schemas\//);
      expect(document.components.schemas).toHaveProperty([reference.replace("#/components/schemas/", "")]);
    }
  });
});

const successes = (responses: object): string[] => Object.keys(responses).filter((status) => status < "300");

describe("beside Svix's contract", () => {
  const contract = loadSvixContract();
  const both = operations.flatMap(({ key, operation }) => {
    const theirs = contract?.operations.get(key);
    return theirs === undefined ? [] : [{ key, ours: operation, theirs }];
  });

  it("operations have the same names", () => {
    if (contract === null) return;
    expect(both.length).toBeGreaterThanOrEqual(31);
    for (const { ours, theirs, key } of both) expect(ours.operationId, key).toBe(theirs.operationId);
  });

  it("every parameter Svix has is known here", () => {
    for (const { ours, theirs, key } of both) {
      const known = new Set(ours.parameters?.map((parameter) => `${parameter.in} ${parameter.name}`));
      for (const parameter of theirs.parameters) {
        expect(known, key).toContain(`${parameter.in} ${parameter.name}`);
      }
    }
  });

  it("every status of success Svix has is answered here, and no other", () => {
    for (const { ours, theirs, key } of both) {
      expect(successes(ours.responses), key).toEqual(successes(theirs.responses));
    }
  });

  it("every field Svix takes or gives is known here, and nothing more is required", () => {
    if (contract === null) return;
    // Not kept here: the deprecated single flag, and the time of a scheduled message.
    const left = new Set([
      "EventTypeOut.featureFlag",
      "MessageOut.deliverAt",
      "EndpointMessageOut.deliverAt",
    ]);
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      const theirs = contract.schema(name) as unknown as Schema | undefined;
      if (theirs?.properties === undefined) continue;
      for (const field of Object.keys(theirs.properties)) {
        if (left.has(`${name}.${field}`)) continue;
        expect(schema.properties, name).toHaveProperty(field);
      }
      if (!name.endsWith("Out") && !name.startsWith("List")) {
        expect(schema.required ?? [], name).toEqual(expect.arrayContaining([...(theirs.required ?? [])]));
        expect(theirs.required ?? [], name).toEqual(expect.arrayContaining([...(schema.required ?? [])]));
      }
    }
  });
});
