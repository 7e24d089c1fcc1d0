import { dump } from "js-yaml";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { loadSvixContract } from "../../testing/svix-contract.ts";
import { startTestServer, type Reply, type TestServer } from "../../testing/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const url = "/api/v1/event-type";
const importIt = (body: object, key = server.live.key): Promise<Reply> =>
  server.call("POST", `${url}/import/openapi`, { body, key });
const exported = async (key = server.live.key): Promise<Exported> =>
  (await server.call("GET", `${url}/export/openapi`, { key })).json as never;

interface Exported {
  readonly webhooks: Record<string, { post: Record<string, unknown> }>;
  readonly components: { schemas: Record<string, unknown> };
}

const modified = ({ json }: Reply): unknown => (json.data as unknown as { modified: unknown }).modified;

const DOCUMENT = {
  openapi: "3.1.0",
  info: { title: "Shop", version: "1" },
  webhooks: {
    "shop.opened": {
      post: {
        description: "A shop opens",
        "x-svix-group-name": "shop",
        "x-svix-feature-flags": ["beta"],
        requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/Shop" } } } },
      },
    },
    "shop.closed": { $ref: "#/components/pathItems/Closed" },
  },
  components: {
    pathItems: { Closed: { post: { summary: "A shop closes", deprecated: true } } },
    schemas: {
      Shop: {
        type: "object",
        properties: {
          owner: { $ref: "#/components/schemas/Person" },
          note: { type: "string", nullable: true },
        },
        example: { owner: { $ref: "not a reference" } },
      },
      Person: { type: "object", properties: { friend: { $ref: "#/components/schemas/Person" } } },
      Unused: { type: "string" },
    },
  },
};

const webhook = (operation: object): object => ({ openapi: "3.1.0", webhooks: { a: { post: operation } } });
const bodyOf = (schema: unknown): object =>
  webhook({ requestBody: { content: { "application/json": { schema } } } });
describe("importing an OpenAPI document", () => {
  beforeEach(async () => {
    await server.call("DELETE", `${url}/shop.opened?expunge=true`);
    await server.call("DELETE", `${url}/shop.closed?expunge=true`);
  });

  it("makes an event type of each webhook, its schema whole in itself, and nothing the second time", async () => {
    const first = await importIt({ spec: DOCUMENT });
    expect([first.status, modified(first)]).toEqual([200, ["shop.opened", "shop.closed"]]);
    const { json } = await server.call("GET", `${url}/shop.opened`);
    expect(json).toMatchObject({ description: "A shop opens", groupName: "shop", featureFlags: ["beta"] });
    expect((json as never as Record<string, unknown>)["schemas"]).toEqual({
      1: {
        $ref: "#/$defs/Shop",
        $defs: {
          Shop: {
            type: "object",
            properties: { owner: { $ref: "#/$defs/Person" }, note: { type: ["string", "null"] } },
            example: { owner: { $ref: "not a reference" } },
          },
          Person: { type: "object", properties: { friend: { $ref: "#/$defs/Person" } } },
        },
      },
    });
    expect((await server.call("GET", `${url}/shop.closed`)).json).toMatchObject({
      description: "A shop closes",
      deprecated: true,
      schemas: null,
    });
    expect(modified(await importIt({ spec: DOCUMENT }))).toEqual([]);
    expect((await server.call("GET", `${url}/shop.opened`, { key: server.sandbox.key })).status).toBe(404);
  });

  it("takes the same as YAML or JSON text, under x-webhooks too", async () => {
    const { webhooks, ...rest } = DOCUMENT;
    const old = { ...rest, openapi: "3.0.3", "x-webhooks": webhooks };
    expect(modified(await importIt({ specRaw: dump(old) }))).toEqual(["shop.opened", "shop.closed"]);
    expect(modified(await importIt({ specRaw: JSON.stringify(DOCUMENT) }))).toEqual([]);
  });

  it("as a dry run shows what would be and changes nothing", async () => {
    const { json } = await importIt({ spec: DOCUMENT, dryRun: true, replaceAll: true });
    expect(json.data).toMatchObject({
      modified: expect.arrayContaining(["shop.opened", "shop.closed", "order.completed"]),
      to_modify: expect.arrayContaining([
        expect.objectContaining({ name: "shop.opened", groupName: "shop" }),
      ]),
    });
    expect((await server.call("GET", `${url}/shop.opened`)).status).toBe(404);
    expect((await server.call("GET", `${url}/order.completed`)).json).toMatchObject({ archived: false });
  });

  it("keeps what the document does not say, revives what was archived, archives the rest when asked", async () => {
    const { key } = server.sandbox;
    const body = {
      name: "shop.closed",
      description: "Old",
      groupName: "g",
      schemas: { 2: { type: "object" } },
    };
    await server.call("POST", url, { body, key });
    await server.call("DELETE", `${url}/shop.closed`, { key });
    expect(modified(await importIt({ spec: DOCUMENT, replaceAll: true }, key))).toEqual(
      expect.arrayContaining(["shop.closed", "order.completed"]),
    );
    expect((await server.call("GET", `${url}/shop.closed`, { key })).json).toMatchObject({
      archived: false,
      description: "A shop closes",
      groupName: "g",
      schemas: { 2: { type: "object" } },
    });
    const names = (await server.call("GET", url, { key })).json.data.map(({ name }) => name);
    expect(names).toEqual(["shop.closed", "shop.opened"]);
    expect((await server.call("GET", `${url}/order.completed`)).json).toMatchObject({ archived: false });
  });

  const cyclic =
    "openapi: 3.1.0\nwebhooks:\n  a:\n    post:\n      requestBody: {content: {application/json: {schema: &s {not: *s}}}}\n";
  const bomb =
    "openapi: 3.1.0\nx0: &x0 [aaaaaaaaaaaaaaaa]\n" +
    Array.from(
      { length: 9 },
      (_, at) => `x${at + 1}: &x${at + 1} [${Array.from({ length: 10 }, () => `*x${at}`).join(",")}]\n`,
    ).join("") +
    "webhooks: {a: {post: {requestBody: {content: {application/json: {schema: {enum: *x9}}}}}}}\n";

  const describedOften = {
    openapi: "3.1.0",
    webhooks: Object.fromEntries([
      ["a", { post: { description: "d".repeat(900_000) } }],
      ...Array.from({ length: 20 }, (_, at) => [`w${at}`, { $ref: "#/webhooks/a" }]),
    ]),
  };

  it.each([
    [{ specRaw: "a: b: c" }, ["body", "specRaw"], "neither JSON nor YAML"],
    [{ specRaw: "just text" }, ["body", "specRaw"], "OpenAPI document"],
    [{ spec: { openapi: "3.1.0" } }, ["body", "spec"], "no webhooks"],
    [
      { spec: { openapi: "3.1.0", webhooks: { "a b": { post: {} } } } },
      ["body", "spec", "webhooks", "a b", "post", "name"],
      "letters",
    ],
    [{ spec: { openapi: "3.1.0", webhooks: { a: {} } } }, ["body", "spec", "webhooks", "a"], "no operation"],
    [{ spec: { openapi: "3.1.0", webhooks: { a: 1 } } }, ["body", "spec", "webhooks", "a"], "object"],
    [
      { spec: { openapi: "3.1.0", webhooks: { a: { $ref: "#/webhooks/a" } } } },
      ["body", "spec", "webhooks", "a"],
      "times over",
    ],
    [
      { spec: bodyOf({ $ref: "#/components/schemas/Gone" }) },
      ["body", "spec", "webhooks", "a", "post"],
      "not in the document",
    ],
    [
      { spec: bodyOf({ $ref: "#/components/schemas/constructor" }) },
      ["body", "spec", "webhooks", "a", "post"],
      "not in the document",
    ],
    [
      { spec: describedOften },
      ["body", "spec", "webhooks", expect.stringMatching(/^w\d+$/), "post"],
      "characters",
    ],
    [
      { spec: bodyOf({ $ref: "https://example.com/a.json" }) },
      ["body", "spec", "webhooks", "a", "post"],
      "into the document",
    ],
    [{ specRaw: cyclic }, ["body", "specRaw", "webhooks", "a", "post"], "deeper"],
    [{ specRaw: bomb }, ["body", "specRaw", "webhooks", "a", "post"], "characters"],
  ])("refuses document %# with the place", async (body, loc, message) => {
    const reply = await importIt(body);
    expect([reply.status, reply.json.detail[0]?.loc]).toEqual([422, loc]);
    expect(reply.json.detail[0]?.msg).toContain(message);
  });

  it("wants one of spec and specRaw", async () => {
    for (const body of [{}, { spec: DOCUMENT, specRaw: "{}" }]) {
      const reply = await importIt(body);
      expect([reply.status, reply.json.code]).toEqual([400, "bad_request"]);
    }
  });

  it("takes only so many webhooks", async () => {
    const webhooks = Object.fromEntries(
      Array.from({ length: 1_001 }, (_, at) => [`many.${at}`, { post: {} }]),
    );
    expect((await importIt({ spec: { openapi: "3.1.0", webhooks } })).json.detail[0]?.msg).toContain("1000");
  });

  it.skipIf(loadSvixContract() === null)("reads Svix's own document", async () => {
    const contract = loadSvixContract();
    const spec = { openapi: "3.0.3", ...contract?.webhooks };
    const reply = await importIt({ spec, dryRun: true });
    expect(reply.status).toBe(200);
    expect(modified(reply)).toEqual(
      expect.arrayContaining(["endpoint.created", "message.attempt.exhausted"]),
    );
  });
});

const defs = (type: string): object => ({ 1: {}, 10: { $ref: "#/$defs/X", $defs: { X: { type } } } });

describe("the export", () => {
  it("brings the same event types back where it is imported", async () => {
    await importIt({ spec: DOCUMENT });
    const document = await exported();
    expect(document.components.schemas["Person"]).toEqual({
      type: "object",
      properties: { friend: { $ref: "#/components/schemas/Person" } },
    });
    expect(modified(await importIt({ spec: document }))).toEqual([]);
    await importIt({ spec: document }, server.sandbox.key);
    expect((await exported(server.sandbox.key)).webhooks["shop.opened"]).toEqual(
      document.webhooks["shop.opened"],
    );
  });

  it("keeps schemas apart that share a name, and the newest version", async () => {
    for (const [name, type] of [
      ["twin.a", "string"],
      ["twin.b", "number"],
    ] as const) {
      await server.call("PUT", `${url}/${name}`, { body: { description: name, schemas: defs(type) } });
    }
    const document = await exported();
    expect(document.components.schemas).toMatchObject({
      X: { type: "string" },
      "twin.b.X": { type: "number" },
    });
    expect(document.webhooks["twin.a"]?.post["x-schema-version"]).toBe("10");
    await importIt({ spec: document });
    expect((await exported()).webhooks).toEqual(document.webhooks);
  });

  it("comes back the same whatever the schemas are", async () => {
    const leaf = fc.constantFrom(
      { type: "string" },
      { $ref: "#/components/schemas/A" },
      { $ref: "#/components/schemas/B" },
      true,
    );
    const { schema } = fc.letrec((tie) => ({
      schema: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.record({ type: fc.constant("object"), properties: fc.dictionary(fc.string(), tie("schema")) }),
        fc.record({
          anyOf: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }),
          default: fc.jsonValue(),
        }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(schema, schema, schema, async (root, a, b) => {
        const spec = {
          openapi: "3.1.0",
          webhooks: { any: { post: { requestBody: { content: { "application/json": { schema: root } } } } } },
          components: { schemas: { A: a, B: b } },
        };
        await server.call("DELETE", `${url}/any?expunge=true`);
        expect((await importIt({ spec })).status).toBe(200);
        expect(modified(await importIt({ spec: await exported() }))).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});
