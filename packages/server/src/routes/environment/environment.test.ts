import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";

const SETTINGS = "/api/v1/management/environment-settings";

let server: TestServer;
beforeAll(async () => void (server = await startTestServer()));
afterAll(() => server.close());

interface Exported {
  readonly version: number;
  readonly eventTypes: readonly {
    readonly name: string;
    readonly archived: boolean;
    readonly schemas: object;
  }[];
  readonly settings: Record<string, unknown>;
  readonly connectors: readonly unknown[];
}

const exported = async (key = server.live.key): Promise<Exported> => {
  const { status, json } = await server.call("POST", "/api/v1/environment/export", { key });
  expect(status).toBe(200);
  return json as unknown as Exported;
};
const imported = (body: unknown, key = server.sandbox.key) =>
  server.call("POST", "/api/v1/environment/import", { body, key });

describe("export and import of an environment", () => {
  it("takes event types, archived ones too, and settings from one into the other", async () => {
    const settings = { displayName: "Studio", retryPolicy: [5, 10], retentionDays: 30 };
    await server.call("PATCH", SETTINGS, { body: settings });
    const lesson = {
      name: "lesson.done",
      description: "Done",
      schemas: { 1: { type: "object" } },
      archived: true,
    };
    await server.call("POST", "/api/v1/event-type", { body: lesson });
    const theirs = await exported();
    expect(theirs).toMatchObject({ version: 1, settings, connectors: [] });
    expect((await imported(theirs)).status).toBe(204);
    const { key } = server.sandbox;
    const { json } = await server.call("GET", "/api/v1/event-type/lesson.done", { key });
    expect(json).toMatchObject(lesson);
    expect((await server.call("GET", SETTINGS, { key })).json).toMatchObject(settings);
    const before = await exported(key);
    expect((await imported(theirs)).status).toBe(204);
    expect((await exported(key)).settings).toEqual(before.settings);
    expect((await exported(key)).eventTypes.map(({ name }) => name)).toEqual(
      before.eventTypes.map(({ name }) => name),
    );
  });

  it("holds no secret and nothing of an application", async () => {
    const app = await server.application({ name: "Only here" });
    const endpoint = await server.endpoint(app);
    const { key } = (await server.call("GET", `/api/v1/app/${app}/endpoint/${endpoint}/secret`)).json;
    const { text } = await server.call("POST", "/api/v1/environment/export");
    for (const hidden of [key, app, "Only here"]) expect(text).not.toContain(hidden);
  });

  it("keeps what the import does not name, and replaces what it does", async () => {
    const { key } = server.sandbox;
    await server.call("PATCH", SETTINGS, { key, body: { displayName: "Mine", readOnly: true } });
    const eventTypes = [{ name: "order.completed", description: "Changed" }];
    const schedule = "/api/v1/event-type/order.completed/retry-schedule";
    const set = await server.call("PUT", schedule, { key, body: { retrySchedule: [{ secs: 5, nanos: 0 }] } });
    expect(set.json).toMatchObject({ retrySchedule: [{ secs: 5 }] });
    expect((await imported({ settings: { displayName: "New" }, eventTypes })).status).toBe(204);
    expect((await server.call("GET", SETTINGS, { key })).json).toMatchObject({
      displayName: "New",
      readOnly: true,
    });
    const { json } = await server.call("GET", "/api/v1/event-type/order.completed", { key });
    expect(json).toMatchObject({ description: "Changed", schemas: null });
    expect((await server.call("GET", schedule, { key })).text).toBe(set.text);
    expect((await server.call("GET", "/api/v1/event-type/order.refunded", { key })).status).toBe(200);
    expect((await imported({})).status).toBe(204);
    expect((await imported({ settings: null, eventTypes: null, connectors: null })).status).toBe(204);
  });

  it("writes nothing unless all of it fits", async () => {
    const { key } = server.sandbox;
    const before = await exported(key);
    const good = { name: "never.made", description: "x" };
    const connector = { name: "Slack", transformation: "function handler(webhook) { return webhook; }" };
    for (const [body, loc] of [
      [{ eventTypes: [good], settings: { retentionDays: 0 } }, ["body", "settings", "retentionDays"]],
      [{ eventTypes: [good, { name: "a b", description: "x" }] }, ["body", "eventTypes", "1", "name"]],
      [{ eventTypes: [good, good] }, ["body", "eventTypes", "1", "name"]],
      [{ eventTypes: [good], connectors: [connector] }, ["body", "connectors"]],
    ] as const) {
      const { status, json } = await imported(body);
      expect([status, json.detail[0]?.loc]).toEqual([422, loc]);
    }
    expect((await exported(key)).eventTypes).toEqual(before.eventTypes);
  });

  it("refuses whoever may not", async () => {
    const keys = `/api/v1/management/authentication/${server.live.environmentId}/api-token`;
    const keyWith = async (...scopes: string[]) =>
      (await server.call("POST", keys, { body: { name: "Some", scopes } })).json.token;
    const reader = await keyWith("read:environment");
    const setter = await keyWith("write:environment");
    const eventTypes = [{ name: "x.y", description: "x" }];
    for (const [call, status] of [
      [imported({}, reader), 403],
      [imported({}, setter), 204],
      // Writing event types takes the permission for that.
      [imported({ eventTypes }, setter), 403],
      [server.call("POST", "/api/v1/environment/export", { key: reader }), 200],
      [server.call("POST", "/api/v1/environment/export", { key: setter }), 403],
      [server.call("POST", "/api/v1/environment/export", { key: null }), 401],
      [server.call("POST", "/api/v1/environment/import", { key: null, body: {} }), 401],
    ] as const) {
      expect((await call).status).toBe(status);
    }
  });
});
