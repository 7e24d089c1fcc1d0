import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";

let server: TestServer;
let app: string;
let url: string;
beforeAll(async () => {
  server = await startTestServer();
});
beforeEach(async () => {
  app = await server.application();
  url = `/api/v1/app/${app}/msg`;
});
afterAll(() => server.close());

const MESSAGE = { eventType: "order.completed", payload: { a: 1 } };
const DAY_MS = 86_400_000;

const deepBody = (levels: number): string =>
  `{"eventType":"a","payload":{"x":${"[".repeat(levels)}${"]".repeat(levels)}}}`;

const batch = (): string => `${url}/batch`;

const send = (key: string, body: unknown = MESSAGE, path = url): ReturnType<TestServer["call"]> =>
  server.call("POST", path, { body, headers: { "idempotency-key": key } });

/** How many messages the application has. */
async function count(): Promise<number> {
  return (await server.call("GET", `${url}?limit=250&with_content=false`)).json.data.length;
}

/** What the endpoint was sent since. */
async function sentBodies(since: number, expected: number): Promise<string[]> {
  await server.until(async () => server.posts.length >= since + expected);
  return server.posts
    .slice(since)
    .map(({ body }) => (typeof body === "string" ? body : Buffer.from(body).toString()));
}

describe("creating a message", () => {
  it("answers 202 with the message, and its payload unless it is not wanted", async () => {
    const full = { ...MESSAGE, eventId: "evt-1", channels: ["eu", "a:b+c"], tags: ["a/b\\c#d"] };
    const { status, json } = await server.call("POST", url, { body: full });
    expect(status).toBe(202);
    expect(json).toEqual({
      ...full,
      id: expect.stringMatching(/^msg_[A-Za-z0-9]{27}$/),
      timestamp: new Date(server.runtime.clock.now()).toISOString(),
    });
    const bare = await server.call("POST", `${url}?with_content=false`, { body: MESSAGE });
    expect(bare.json).toMatchObject({ payload: {}, eventId: null, channels: null, tags: null });
    expect((await server.call("GET", `${url}/evt-1`)).json).toEqual(json);
    expect((await server.call("GET", `${url}/${json.id}?with_content=false`)).json.payload).toEqual({});
  });

  it("sends and shows the payload byte for byte: digits, order, white space, escapes and doubled keys", async () => {
    await server.endpoint(app);
    const payload =
      '{ "b":12345678901234567890.10,\n\t"2":1E400,"1":-0.0,"a":"\\u00e9é\\/","a":2, "__proto__":[1.0] }';
    const since = server.posts.length;
    const created = await server.call("POST", url, {
      body: `{"payload":{"early":1},"eventType":"a.b",  "p\\u0061yload" : ${payload} , "tags":null}`,
    });
    expect(created.text).toContain(`"payload":${payload}}`);
    expect(await sentBodies(since, 1)).toEqual([payload]);
    for (const reply of [
      await server.call("GET", `${url}/${created.json.id}`),
      await server.call("GET", url),
    ]) {
      expect(reply.text).toContain(`"payload":${payload}}`);
    }
    const attempts = await server.until(async () => {
      const [endpoint] = await server.store.endpoints.listAll(app);
      const list = await server.call(
        "GET",
        `/api/v1/app/${app}/attempt/endpoint/${endpoint?.id}?with_msg=true`,
      );
      return list.json.data.length > 0 && list;
    });
    expect(attempts.text).toContain(`"payload":${payload}}`);
  });

  it("keeps any JSON object's text, whatever is in it", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.nat({ max: 3 }),
        async (value, spaces) => {
          const payload = JSON.stringify(value, null, spaces);
          const { status, text, json } = await server.call("POST", url, {
            body: `{"eventType":"a","payload":${payload}}`,
          });
          expect(status).toBe(202);
          expect(text.endsWith(`"payload":${payload}}`)).toBe(true);
          expect(json.payload).toEqual(JSON.parse(payload));
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each([
    [{ payload: {} }, ["body", "eventType"], "required"],
    [{ eventType: "a" }, ["body", "payload"], "required"],
    [{ ...MESSAGE, payload: [] }, ["body", "payload"], "Must be an object."],
    [{ ...MESSAGE, payload: "text" }, ["body", "payload"], "Must be an object."],
    [{ ...MESSAGE, payload: null }, ["body", "payload"], "Must be an object."],
    [{ ...MESSAGE, eventType: "a b" }, ["body", "eventType"], "May hold letters"],
    [{ ...MESSAGE, eventId: "" }, ["body", "eventId"], "Must not be empty."],
    [{ ...MESSAGE, eventId: "a/b" }, ["body", "eventId"], "May hold letters"],
    [{ ...MESSAGE, eventId: `msg_${"a".repeat(27)}` }, ["body", "eventId"], "form of an id"],
    [{ ...MESSAGE, channels: [] }, ["body", "channels"], "at least 1 item"],
    [{ ...MESSAGE, channels: ["a", "a"] }, ["body", "channels"], "the same value twice"],
    [{ ...MESSAGE, tags: ["a", "b", "c", "d", "e", "f"] }, ["body", "tags"], "at most 5 items"],
    [{ ...MESSAGE, tags: ["a b"] }, ["body", "tags", "0"], "May hold letters"],
    [{ ...MESSAGE, deliverAt: "2030-01-01T00:00:00Z" }, ["body", "deliverAt"], "at most 24 hours ahead"],
    [{ ...MESSAGE, deliverAt: "soon" }, ["body", "deliverAt"], "Must be a time with its zone"],
    [{ ...MESSAGE, payloadRetentionPeriod: 91 }, ["body", "payloadRetentionPeriod"], "at most 90"],
    [{ ...MESSAGE, payloadRetentionHours: 0 }, ["body", "payloadRetentionHours"], "at least 1"],
    [
      { ...MESSAGE, transformationsParams: { rawPayload: 1 } },
      ["body", "transformationsParams", "rawPayload"],
      "Must be a string",
    ],
    [
      { ...MESSAGE, transformationsParams: { rawPayload: "\u0000" } },
      ["body", "transformationsParams", "rawPayload"],
      "NUL",
    ],
    [
      { ...MESSAGE, transformationsParams: { rawPayload: "\ud800" } },
      ["body", "transformationsParams", "rawPayload"],
      "surrogate",
    ],
    [
      { ...MESSAGE, transformationsParams: { headers: { "x-a": "1" } } },
      ["body", "transformationsParams", "headers", "x-a"],
      "not offered",
    ],
  ])("refuses %j at %j", async (body, loc, message) => {
    const reply = await server.call("POST", url, { body });
    expect(reply.status).toBe(422);
    expect(reply.json.detail).toContainEqual({
      loc,
      msg: expect.stringContaining(message),
      type: expect.any(String),
    });
    expect(await count()).toBe(0);
  });

  it("refuses a second message with the same eventId, in this application only", async () => {
    await server.message(app, { eventId: "evt" });
    const second = await server.call("POST", url, { body: { ...MESSAGE, eventId: "evt" } });
    expect(second.status).toBe(409);
    expect(second.json).toEqual({ code: "conflict", detail: "A message with this eventId already exists." });
    expect(await count()).toBe(1);
    await server.message(await server.application(), { eventId: "evt" });
  });

  it("is scheduled: shown with its time, sent then, canceled by taking its payload away", async () => {
    const endpoint = await server.endpoint(app);
    const deliverAt = new Date(server.runtime.clock.now() + 3_600_000).toISOString();
    const body = { ...MESSAGE, deliverAt, payloadRetentionHours: 1 };
    const [kept, dropped] = await Promise.all([
      server.call("POST", url, { body }),
      server.call("POST", `${url}/batch`, { body: { messages: [body] } }),
    ]);
    expect(kept.json).toMatchObject({
      deliverAt,
      timestamp: new Date(server.runtime.clock.now()).toISOString(),
    });
    expect((await server.call("GET", `${url}/${kept.json.id}`)).json).toEqual(kept.json);
    const droppedId = dropped.json.data[0]?.message.id;
    const standing = async (id = ""): Promise<unknown> =>
      (await server.call("GET", `${url}/${id}/endpoint`)).json.data[0];
    expect(await standing(kept.json.id)).toMatchObject({ id: endpoint, status: 1, nextAttempt: deliverAt });
    expect((await server.call("DELETE", `${url}/${droppedId}/content`)).status).toBe(204);
    const since = server.posts.length;
    await server.runtime.advance(3_590_000);
    expect(server.posts).toHaveLength(since);
    await server.runtime.advance(11_000);
    await server.until(async () => {
      await server.runtime.advance(100);
      return ((await standing(kept.json.id)) as { status: number }).status === 0;
    });
    await server.until(async () => ((await standing(droppedId)) as { status: number }).status === 4);
    expect(server.posts.slice(since).map(({ headers }) => headers["webhook-id"])).toEqual([kept.json.id]);
  });

  it("with a time that has passed is sent at once", async () => {
    await server.endpoint(app);
    const since = server.posts.length;
    const past = await server.call("POST", url, { body: { ...MESSAGE, deliverAt: "2020-01-01T00:00:00Z" } });
    expect([past.status, "deliverAt" in past.json]).toEqual([202, false]);
    await sentBodies(since, 1);
  });

  it("takes null for what is optional", async () => {
    const body = {
      ...MESSAGE,
      eventId: null,
      channels: null,
      tags: null,
      application: null,
      transformationsParams: null,
      deliverAt: null,
      payloadRetentionPeriod: null,
      payloadRetentionHours: null,
    };
    expect((await server.call("POST", url, { body })).status).toBe(202);
  });

  it("keeps the payload as long as the message unless told otherwise; hours win over days", async () => {
    const expiry = async (fields: object): Promise<number | null | undefined> => {
      const ref = await server.message(app, fields);
      return (await server.store.history.findMessage({ appId: app, ref }))?.payloadExpiresAt;
    };
    const now = server.runtime.clock.now();
    expect(await expiry({})).toBeNull();
    expect(await expiry({ payloadRetentionPeriod: 5 })).toBe(now + 5 * DAY_MS);
    expect(await expiry({ payloadRetentionPeriod: 5, payloadRetentionHours: 2 })).toBe(now + 2 * 3_600_000);
  });

  it("shows an expired payload as expired and refuses to send it again", async () => {
    const endpoint = await server.endpoint(app);
    const id = await server.message(app, { payloadRetentionHours: 1 });
    const listed = `/api/v1/app/${app}/attempt/msg/${id}`;
    await server.until(async () => (await server.call("GET", listed)).json.data.length > 0);
    const now = server.runtime.clock.now() + 2 * 3_600_000;
    const { environmentId } = server.live;
    await server.store.history.prune({ environmentId, before: 0, now, limit: 100 });
    expect((await server.call("GET", `${url}/${id}`)).json.payload).toEqual({ expired: true });
    const resent = await server.call("POST", `${url}/${id}/endpoint/${endpoint}/resend`);
    expect(resent.status).toBe(400);
    expect(resent.json.code).toBe("bad_request");
  });

  it("sends a raw payload as it is and shows it as an object", async () => {
    await server.endpoint(app);
    const since = server.posts.length;
    const raw = async (rawPayload: string): Promise<unknown> => {
      const body = {
        ...MESSAGE,
        transformationsParams: { rawPayload, headers: { "Content-Type": "application/json" } },
      };
      const created = await server.call("POST", url, { body });
      expect((await server.call("GET", `${url}/${created.json.id}`)).json).toEqual(created.json);
      return created.json.payload;
    };
    expect(await raw('{"a": 1}')).toEqual({ a: 1 });
    expect(await raw("[1]")).toEqual({ rawPayload: "[1]" });
    expect(await raw('{"a":')).toEqual({ rawPayload: '{"a":' });
    expect(await raw('x","id":"msg_')).toEqual({ rawPayload: 'x","id":"msg_' });
    expect(await sentBodies(since, 4)).toEqual(['{"a": 1}', "[1]", '{"a":', 'x","id":"msg_']);
  });

  it("creates the application that comes with it when there is none, and not otherwise", async () => {
    const application = { name: "Inline", uid: "inline", metadata: { a: "b" } };
    const first = await server.call("POST", "/api/v1/app/inline/msg", { body: { ...MESSAGE, application } });
    expect(first.status).toBe(202);
    expect((await server.call("GET", "/api/v1/app/inline")).json).toMatchObject(application);
    const second = await server.call("POST", "/api/v1/app/inline/msg", {
      body: { ...MESSAGE, application: { ...application, name: "Other" } },
    });
    expect(second.status).toBe(202);
    expect((await server.call("GET", "/api/v1/app/inline")).json.name).toBe("Inline");
    expect((await server.call("GET", "/api/v1/app/inline/msg")).json.data).toHaveLength(2);
  });

  it("creates one application when many messages bring it at once", async () => {
    const body = { ...MESSAGE, application: { name: "Rush", uid: "rush" } };
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => server.call("POST", "/api/v1/app/rush/msg", { body })),
    );
    expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 202));
    expect((await server.call("GET", "/api/v1/app/rush/msg")).json.data).toHaveLength(8);
  });

  it.each([{ name: "x" }, { name: "x", uid: "other" }, { name: "x", uid: null }])(
    "refuses an application %j that is not the one in the path",
    async (application) => {
      const reply = await server.call("POST", "/api/v1/app/not-there/msg", {
        body: { ...MESSAGE, application },
      });
      expect(reply.status).toBe(422);
      expect(reply.json.detail[0]?.loc).toEqual(["body", "application", "uid"]);
      expect((await server.call("GET", "/api/v1/app/not-there")).status).toBe(404);
    },
  );

  it("refuses malformed, misencoded and too deep bodies with the place, and nothing is stored", async () => {
    const cases: [string | Buffer, string][] = [
      ['{"eventType":"a","payload":{"a":1}', "it ends too early"],
      ['{"eventType":"a","payload":{a:1}}', "column 29 (offset 28)"],
      [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), "broken"],
      [deepBody(63), "nested deeper than 64 levels"],
    ];
    for (const [body, place] of cases) {
      const reply = await server.call("POST", url, { body });
      expect(reply.status).toBe(400);
      expect(reply.json).toEqual({ code: "invalid_json", detail: expect.stringContaining(place) });
    }
    expect(await count()).toBe(0);
    expect((await server.call("POST", url, { body: deepBody(62) })).status).toBe(202);
  });
});

describe("a batch of messages", () => {
  it("accepts and refuses each alone and answers in order, without payloads unless they are wanted", async () => {
    await server.message(app, { eventId: "taken" });
    const payload = '{"n": 1.10}';
    const body = `{"messages":[
      {"eventType":"a.b","payload":${payload},"eventId":"one"},
      {"eventType":"a b"},
      {"eventType":"a.b","payload":{},"eventId":"taken"},
      7,
      {"eventType":"a.b","payload":{},"eventId":"one"},
      {"eventType":"a.b","payload":{},"application":{"name":"x"}},
      {"eventType":"a.b","payload":{},"deliverAt":"2030-01-01T00:00:00Z"},
      {"eventType":"a.b","payload":{"b":2}, "tags":["t"]}
    ]}`;
    const { status, json } = await server.call("POST", batch(), { body });
    expect(status).toBe(200);
    expect(json.data.map((entry) => entry.status)).toEqual([202, 422, 409, 422, 409, 422, 422, 202]);
    expect(json.data[0]).toEqual({
      status: 202,
      message: expect.objectContaining({ eventId: "one", payload: {}, id: expect.stringMatching(/^msg_/) }),
    });
    expect(json.data[1]?.detail.map(({ loc }) => loc)).toEqual([
      ["body", "messages", "1", "payload"],
      ["body", "messages", "1", "eventType"],
    ]);
    expect(json.data[2]).toEqual({
      status: 409,
      error: { code: "conflict", detail: "A message with this eventId already exists." },
    });
    expect((await server.call("GET", `${url}/one`)).text).toContain(`"payload":${payload}}`);
    const shown = await server.call("POST", `${batch()}?with_content=true`, {
      body: `{"messages":[{"eventType":"a","payload":${payload}}]}`,
    });
    expect(shown.text).toContain(`"payload":${payload}}`);
    expect(await count()).toBe(4);
  });

  it("of a thousand is accepted in order; a thousand and one, or none, is refused", async () => {
    const messages = Array.from({ length: 1_000 }, (_, at) => ({ ...MESSAGE, eventId: `e${at}` }));
    const { json } = await server.call("POST", batch(), { body: { messages } });
    expect(json.data.every((entry) => entry.status === 202)).toBe(true);
    expect(json.data.map(({ message }) => message.eventId)).toEqual(messages.map(({ eventId }) => eventId));
    for (const wrong of [{ messages: [...messages, MESSAGE] }, { messages: [] }, {}, { messages: {} }]) {
      expect((await server.call("POST", batch(), { body: wrong })).status).toBe(422);
    }
  });

  it("may be up to 16 MiB, in payloads as deep as a message's own", async () => {
    const deep = `{"x":${"[".repeat(62)}${"]".repeat(62)}}`;
    const big = `{"x":"${"y".repeat(3 * 1_048_576)}"}`;
    const body = `{"messages":[{"eventType":"a","payload":${deep}},{"eventType":"a","payload":${big}}]}`;
    const { status, json } = await server.call("POST", batch(), { body });
    expect(status).toBe(200);
    expect(json.data.map((entry) => entry.status)).toEqual([202, 202]);
    const tooDeep = `{"messages":[{"eventType":"a","payload":${"[".repeat(70)}${"]".repeat(70)}}]}`;
    expect((await server.call("POST", batch(), { body: tooDeep })).status).toBe(400);
    const tooBig = `{"messages":[{"eventType":"a","payload":{"x":"${"y".repeat(16 * 1_048_576)}"}}]}`;
    const refused = await server.call("POST", batch(), { body: tooBig });
    expect(refused.status).toBe(413);
    expect(refused.text).toContain("16 MiB");
  });

  it("with one Idempotency-Key is accepted once, and another body under it is refused", async () => {
    const headers = { "idempotency-key": "batch-1" };
    const body = { messages: [MESSAGE, { eventType: 1 }, { ...MESSAGE, eventId: "x" }] };
    const first = await server.call("POST", batch(), { body, headers });
    const second = await server.call("POST", batch(), { body, headers });
    expect(second.json).toEqual(first.json);
    const other = await server.call("POST", batch(), { body: { messages: [MESSAGE, MESSAGE] }, headers });
    expect(other.status).toBe(409);
    expect(other.json.code).toBe("idempotency_conflict");
    expect(await count()).toBe(2);
  });

  it("in which all are refused stores nothing and is still answered", async () => {
    const { status, json } = await server.call("POST", batch(), { body: { messages: [1, 2] } });
    expect(status).toBe(200);
    expect(json.data.map((entry) => entry.status)).toEqual([422, 422]);
  });
});

describe("an Idempotency-Key", () => {
  it("makes repeating a message safe: the same answer, one message", async () => {
    const first = await send("key-1");
    const again = await Promise.all([send("key-1"), send("key-1")]);
    for (const reply of again) expect([reply.status, reply.text]).toEqual([202, first.text]);
    expect(await count()).toBe(1);
  });

  it("makes requests that come at once one message", async () => {
    const replies = await Promise.all(Array.from({ length: 6 }, () => send("key-0")));
    expect(new Set(replies.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(await count()).toBe(1);
  });

  it("belongs to one path and one environment", async () => {
    const first = await send("key-2");
    const other = await server.application();
    const elsewhere = await send("key-2", MESSAGE, `/api/v1/app/${other}/msg`);
    expect(elsewhere.status).toBe(202);
    expect(elsewhere.json.id).not.toBe(first.json.id);
  });

  it("with another body is refused", async () => {
    await send("key-3");
    const reply = await send("key-3", { ...MESSAGE, payload: { a: 2 } });
    expect(reply.status).toBe(409);
    expect(reply.json.code).toBe("idempotency_conflict");
    const query = await send("key-3", MESSAGE, `${url}?with_content=false`);
    expect(query.status).toBe(409);
  });

  it("of more than 256 characters, or empty, is refused", async () => {
    for (const key of ["k".repeat(257), ""]) {
      const reply = await send(key);
      expect(reply.status).toBe(422);
      expect(reply.json.detail[0]?.loc).toEqual(["header", "idempotency-key"]);
    }
    expect((await send("k".repeat(256))).status).toBe(202);
  });

  it("of a refused request is free again", async () => {
    expect((await send("key-4", { eventType: "a" })).status).toBe(422);
    expect((await send("key-4")).status).toBe(202);
  });
});

describe("the list of messages", () => {
  it("is filtered by channel, tag, type and time, newest first", async () => {
    const first = await server.message(app, { eventType: "a.one", channels: ["eu"], tags: ["vip"] });
    await server.runtime.advance(60_000);
    const between = new Date(server.runtime.clock.now() - 30_000).toISOString();
    const second = await server.message(app, { eventType: "a.two", channels: ["us", "eu"] });
    const third = await server.message(app, { eventType: "a.three" });
    const listed = async (query: string): Promise<string[]> => {
      const { status, json } = await server.call("GET", `${url}?${query}`);
      expect(status).toBe(200);
      return json.data.map(({ id }) => id);
    };
    expect(await listed("")).toEqual([third, second, first]);
    expect(await listed("channel=eu")).toEqual([second, first]);
    expect(await listed("tag=vip")).toEqual([first]);
    expect(await listed("event_types=a.two,a.three")).toEqual([third, second]);
    expect(await listed("event_types=a.two&event_types=a.one")).toEqual([second, first]);
    expect(await listed(`before=${between}`)).toEqual([first]);
    expect(await listed(`after=${between}`)).toEqual([third, second]);
    expect(await listed("channel=nobody")).toEqual([]);
    expect((await server.call("GET", `${url}?channel=nobody`)).json).toEqual({
      data: [],
      iterator: null,
      prevIterator: null,
      done: true,
    });
  });

  it.each([
    "channel=a%20b",
    "tag=a%20b",
    "event_types=a%20b",
    "before=yesterday",
    "after=1",
    "with_content=1",
    "iterator=app_x",
  ])("refuses %s", async (query) => {
    expect((await server.call("GET", `${url}?${query}`)).status).toBe(422);
  });
});
