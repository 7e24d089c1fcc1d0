import { afterAll, beforeAll, expect, it } from "vitest";
import { Svix } from "svix";
import { ContractWatch } from "./testing/contract-watch.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

/** Environments through Svix's own client, each answer held against Svix's OpenAPI document where it is at hand. */
const watch = new ContractWatch();
let server: TestServer;
let serverUrl: string;
beforeAll(async () => {
  server = await startTestServer();
  serverUrl = await server.app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => server.close());

const client = (token: string): Svix => new Svix(token, { serverUrl, fetch: watch.fetch });
const send = async (method: string, path: string, body?: unknown): Promise<void> => {
  const headers = { authorization: `Bearer ${server.live.key}`, "content-type": "application/json" };
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  await watch.fetch(`${serverUrl}/api/v1${path}`, init);
};

it("exports and imports an environment with Svix's client", async () => {
  const live = client(server.live.key);
  const sandbox = client(server.sandbox.key);
  const theirs = await live.environment.export();
  expect(theirs.eventTypes.map(({ name }) => name)).toContain("order.completed");
  await sandbox.environment.import({
    settings: theirs.settings as Record<string, unknown>,
    eventTypes: theirs.eventTypes,
    connectors: theirs.connectors.map((each) => ({ name: each.name, transformation: each.transformation })),
  });
});

it("has the other operations as Svix's contract has them", async () => {
  await send("GET", "/environment/settings");
  await send("GET", "/management/environment-settings");
  const palette = { primary: "#fff", textDanger: null };
  const settings = {
    sendSvixWebhookHeaders: true,
    retryPolicy: [5, 10],
    colorPaletteDark: palette,
    customThemeOverride: { borderRadius: { button: "lg", card: null }, fontSize: { base: 14 } },
    customStringsOverride: { channelsOne: "region" },
    customLogoUrl: "https://example.com/logo.png",
    advancedEndpointTypes: ["poller"],
    applicationAlertEvents: ["endpoint.disabled"],
  };
  await send("PUT", "/management/environment-settings", settings);
  await send("PATCH", "/management/environment-settings", { retryPolicy: null, customFontFamily: "Inter" });
  await send("PATCH", "/management/environment-settings", { retryPolicy: ["soon"] });
  await send("GET", "/environment/settings");
  await send("POST", "/environment/export");
});

it("found no answer that Svix's contract does not have", () => {
  expect(watch.faults).toEqual([]);
});
