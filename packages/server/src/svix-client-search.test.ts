import { Svix } from "svix";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ContractWatch } from "./testing/contract-watch.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

/** Tags, filters and search through Svix's own client, every answer held against Svix's contract where that is at hand. */
const watch = new ContractWatch();
let server: TestServer;
let svix: Svix;

beforeAll(async () => {
  server = await startTestServer();
  const serverUrl = await server.app.listen({ host: "127.0.0.1", port: 0 });
  svix = new Svix(server.live.key, { serverUrl, fetch: watch.fetch, retryScheduleInMs: [] });
});
afterAll(() => server.close());

const path = (app: string): string => `/api/v1/app/${app}/msg/search`;

async function search(app: string, body: unknown, key?: string): ReturnType<TestServer["call"]> {
  const reply = await server.call("POST", path(app), { body, ...(key !== undefined && { key }) });
  watch.hold("POST", path(app), { status: reply.status, body: reply.json });
  return reply;
}

describe("tags and filters through Svix's client", () => {
  it("keeps the tags of a message and lists by tag, channel, event type and time", async () => {
    const app = await server.application();
    const ids: string[] = [];
    for (const [eventType, tag, channel] of [
      ["order.completed", "a/b\\c#d", "eu"],
      ["order.refunded", "a/b\\c#d", "us"],
      ["order.completed", "plain", "eu"],
    ] as const) {
      await server.runtime.advance(1_000);
      const created = await svix.message.create(app, {
        eventType,
        payload: { a: 1 },
        tags: [tag, "all"],
        channels: [channel],
      });
      expect(created.tags).toEqual([tag, "all"]);
      ids.push(created.id);
    }
    const [one, two, three] = ids;
    const list = async (options: Parameters<typeof svix.message.list>[1]): Promise<string[]> =>
      (await svix.message.list(app, options)).data.map(({ id }) => id);
    expect(await list({ tag: "a/b\\c#d" })).toEqual([two, one]);
    expect(await list({ tag: "all", channel: "eu" })).toEqual([three, one]);
    expect(await list({ eventTypes: ["order.refunded", "course.finished"] })).toEqual([two]);
    const last = await svix.message.get(app, three!);
    expect(last.tags).toEqual(["plain", "all"]);
    expect(await list({ tag: "all", before: last.timestamp })).toEqual([two, one]);
    expect(await list({ tag: "all", after: last.timestamp })).toEqual([three]);
    expect(watch.faults).toEqual([]);
  });
});

describe("searching messages", () => {
  it("finds an order by an e-mail address, an order id or a name, in this application only", async () => {
    const [app, other] = [await server.application(), await server.application()];
    const order = { id: "ord_7Qx2", customer: { email: "Ada@Example.com", name: "Ada Lovelace" } };
    const id = await server.message(app, { payload: order, tags: ["vip"] });
    await server.message(app, { payload: { customer: { email: "grace@example.com" } } });
    await server.message(other, { payload: order });
    for (const text of ["ada@example.com", "ord_7Qx2", "lovelace ada"]) {
      const { status, json } = await search(app, { text });
      expect([status, json.data.map((message) => message.id)]).toEqual([200, [id]]);
      expect(json).toMatchObject({ done: true, iterator: id, data: [{ tags: ["vip"], payload: {} }] });
    }
    const shown = await search(app, { text: "ord_7qx2", with_content: true });
    expect(shown.json.data[0]?.payload).toEqual(order);
    expect(
      (await search(app, { text: "ada", tag: "vip", event_types: ["order.completed"] })).json.data,
    ).toHaveLength(1);
    expect((await search(app, { text: "ada", tag: "none" })).json).toMatchObject({ data: [], done: true });
    expect(
      (await search(app, { text: null, channel: null, tag: null, event_types: null })).json.data,
    ).toHaveLength(2);
    expect(watch.faults).toEqual([]);
  });

  it("goes on page by page, and says where it stopped when it found nothing so far", async () => {
    const app = await server.application();
    const ids: string[] = [];
    for (let count = 0; count < 5; count++) ids.push(await server.message(app, { payload: { a: "word" } }));
    const found: string[] = [];
    let iterator: string | null = null;
    for (let done = false; !done;) {
      const { json } = await search(app, { text: "word", limit: 2, iterator });
      found.push(...json.data.map(({ id }) => id));
      ({ done, iterator } = json);
    }
    expect(found).toEqual(ids.toReversed());
    const back = await search(app, { text: "word", limit: 2, iterator: `-${ids[0]}` });
    expect(back.json.data.map(({ id }) => id)).toEqual([ids[2], ids[1]]);
    expect(watch.faults).toEqual([]);
  });

  it.each([
    [{ text: "" }, "text", "Must have a word"],
    [{ text: " @ - " }, "text", "Must have a word"],
    [{ text: "a b c d e f g h i j k" }, "text", "at most 10 words"],
    [{ text: "x".repeat(257) }, "text", "at most 256"],
    [{ text: "a\u0000" }, "text", "control characters"],
    [{ tag: "a b" }, "tag", "May hold"],
    [{ channel: "a b" }, "channel", "May hold"],
    [{ before: "yesterday" }, "before", "Must be a time"],
    [{ limit: 251 }, "limit", "at most 250"],
    [{ iterator: "evil" }, "iterator", "Must be an iterator"],
  ])("refuses %j", async (body, field, message) => {
    const { status, json } = await search(await server.application(), body);
    expect(status).toBe(422);
    expect(json.detail[0]).toMatchObject({ loc: ["body", field], msg: expect.stringContaining(message) });
  });

  it("is refused without a key, with another environment's, and for an application that is not there", async () => {
    const app = await server.application();
    expect((await search(app, {}, "testsk_wrong")).status).toBe(401);
    expect((await search(app, {}, server.sandbox.key)).status).toBe(404);
    expect((await search("app_not_there", {})).status).toBe(404);
  });
});
