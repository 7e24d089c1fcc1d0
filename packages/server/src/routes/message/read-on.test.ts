import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";

let server: TestServer;
let app: string;
beforeAll(async () => {
  server = await startTestServer();
});
beforeEach(async () => {
  app = await server.application();
});
afterAll(() => server.close());

const SETTLED_MS = 10_500;

const active = async (body: object): Promise<unknown> =>
  (await server.call("POST", `/api/v1/app/${app}/msg/precheck/active`, { body })).json;

const read = (query = ""): ReturnType<TestServer["call"]> =>
  server.call("GET", `/api/v1/app/${app}/events${query}`);

describe("the raw payload", () => {
  it("is the text that is sent, byte for byte, JSON or not", async () => {
    const payload = '{ "b":12345678901234567890.10,\n"a":"\\u00e9" }';
    const created = await server.call("POST", `/api/v1/app/${app}/msg`, {
      body: `{"eventType":"a","eventId":"one","payload":${payload}}`,
    });
    const raw = await server.call("GET", `/api/v1/app/${app}/msg/${created.json.id}/raw`);
    expect([raw.status, raw.json]).toEqual([200, { payload }]);
    expect((await server.call("GET", `/api/v1/app/${app}/msg/one/raw`)).json).toEqual({ payload });
    const text = await server.message(app, { transformationsParams: { rawPayload: 'a "b"\n' } });
    expect((await server.call("GET", `/api/v1/app/${app}/msg/${text}/raw`)).json).toEqual({
      payload: 'a "b"\n',
    });
  });

  it("is not found once it was deleted, nor by another environment, nor in another application", async () => {
    const id = await server.message(app);
    const url = `/api/v1/app/${app}/msg/${id}`;
    expect((await server.call("GET", `${url}/raw`, { key: server.sandbox.key })).status).toBe(404);
    const other = await server.application();
    expect((await server.call("GET", `/api/v1/app/${other}/msg/${id}/raw`)).status).toBe(404);
    expect((await server.call("DELETE", `${url}/content`)).status).toBe(204);
    const gone = await server.call("GET", `${url}/raw`);
    expect([gone.status, gone.json.code]).toEqual([404, "not_found"]);
  });
});

describe("the precheck", () => {
  it("says whether an endpoint would be sent such a message", async () => {
    expect(await active({ eventType: "order.completed" })).toEqual({ active: false });
    const id = await server.endpoint(app, { eventTypes: ["order.completed"], channels: ["eu"] });
    expect(await active({ eventType: "order.completed" })).toEqual({ active: false });
    expect(await active({ eventType: "order.completed", channels: ["us", "eu"] })).toEqual({ active: true });
    expect(await active({ eventType: "order.refunded", channels: ["eu"] })).toEqual({ active: false });
    await server.call("PATCH", `/api/v1/app/${app}/endpoint/${id}`, { body: { disabled: true } });
    expect(await active({ eventType: "order.completed", channels: ["eu"] })).toEqual({ active: false });
    await server.endpoint(app);
    expect(await active({ eventType: "any.thing", channels: null })).toEqual({ active: true });
  });

  it.each([
    [{}, "eventType"],
    [{ eventType: "a b" }, "eventType"],
    [{ eventType: "a", channels: [] }, "channels"],
  ])("refuses %j at %s", async (body, field) => {
    const reply = await server.call("POST", `/api/v1/app/${app}/msg/precheck/active`, { body });
    expect([reply.status, reply.json.detail[0]?.loc]).toEqual([422, ["body", field]]);
  });
});

describe("events", () => {
  it("are read on and on, oldest first, and appear once nothing older can follow", async () => {
    const empty = (await read()).json;
    expect(empty).toEqual({ data: [], iterator: expect.stringMatching(/^msg_/), done: true });
    const ids = [];
    for (let at = 0; at < 5; at++) ids.push(await server.message(app, { payload: { at } }));
    expect((await read(`?iterator=${empty.iterator}`)).json).toEqual(empty);
    await server.runtime.advance(SETTLED_MS);
    const first = (await read(`?iterator=${empty.iterator}&limit=2`)).json;
    expect(first.data.map(({ payload }) => payload)).toEqual([{ at: 0 }, { at: 1 }]);
    expect([first.iterator, first.done]).toEqual([ids[1], false]);
    const rest = (await read(`?iterator=${first.iterator}`)).json;
    expect(rest.data.map(({ id }) => id)).toEqual(ids.slice(2));
    expect([rest.iterator, rest.done]).toEqual([ids[4], true]);
    expect((await read(`?iterator=${rest.iterator}`)).json).toEqual({
      data: [],
      iterator: ids[4],
      done: true,
    });
  });

  it("can be narrowed by type, channels and time; what is passed over is not looked at again", async () => {
    await server.message(app, { eventType: "a", channels: ["x"] });
    const wanted = await server.message(app, { eventType: "b", channels: ["y", "z"] });
    const last = await server.message(app, { eventType: "b" });
    await server.runtime.advance(SETTLED_MS);
    const since = new Date(server.runtime.clock.now()).toISOString();
    const found = (await read("?event_types=b&channels=z,w")).json;
    expect([found.data.map(({ id }) => id), found.iterator, found.done]).toEqual([[wanted], last, true]);
    expect((await read(`?after=${since}`)).json.data).toEqual([]);
  });

  it("go on behind what a look passed over, however little it found", async () => {
    const passed = `msg_${"3".repeat(27)}`;
    const look = vi.spyOn(server.store.search, "findMessages");
    look.mockResolvedValueOnce({ messages: [], after: passed });
    expect((await read("?event_types=never.sent")).json).toEqual({ data: [], iterator: passed, done: false });
    look.mockRestore();
    expect((await read(`?iterator=${passed}&event_types=never.sent`)).json.iterator).toBe(passed);
  });

  it("of another environment are not found; a bad iterator is refused", async () => {
    const url = `/api/v1/app/${app}/events`;
    expect((await server.call("GET", url, { key: server.sandbox.key })).status).toBe(404);
    expect((await read("?iterator=msg_1")).status).toBe(422);
    expect((await read("?limit=251")).status).toBe(422);
  });
});
