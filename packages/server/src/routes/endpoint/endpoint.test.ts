import { generateKeyPairSync, hash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";

let server: TestServer;
/** A fresh application and its endpoints' path. */
let app: string;
let url: string;
beforeAll(async () => {
  server = await startTestServer();
});
beforeEach(async () => {
  app = await server.application();
  url = `/api/v1/app/${app}/endpoint`;
});
afterAll(() => server.close());

const key = (byte: number): string => `whsec_${Buffer.alloc(32, byte).toString("base64")}`;
const HOOK = { url: "https://example.com/hook" };

describe("creating an endpoint", () => {
  it("answers 201 with everything that was given; our own fields appear only when they are set", async () => {
    const plain = await server.call("POST", url, { body: HOOK });
    expect(plain.status).toBe(201);
    expect(plain.json).toEqual({
      id: expect.stringMatching(/^ep_[A-Za-z0-9]{27}$/),
      uid: null,
      url: "https://example.com/hook",
      description: "",
      throttleRate: null,
      eventTypes: null,
      channels: null,
      disabled: false,
      metadata: {},
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });
    const fields = { fifo: true, timeoutSeconds: 5, retrySchedule: [1, 60], disabled: true };
    const full = await server.call("POST", url, { body: { ...HOOK, ...fields } });
    expect(full.json).toMatchObject({ ...fields, disabledReason: "manual", disabledAt: expect.any(String) });
    expect((await server.call("GET", `${url}/${full.json.id}`)).json).toEqual(full.json);
  });

  it("never shows the secret or the values of secret headers", async () => {
    const secret = `whsec_${Buffer.alloc(24, 5).toString("base64")}`;
    const headers = { authorization: "Bearer token-1", "x-shop": "1" };
    const created = await server.call("POST", url, { body: { ...HOOK, secret, headers } });
    const place = `${url}/${created.json.id}`;
    const shown = await server.call("GET", `${place}/headers`);
    expect(shown.json).toEqual({ headers: { "x-shop": "1" }, sensitive: ["authorization"] });
    for (const { text } of [created, shown, await server.call("GET", place), await server.call("GET", url)]) {
      expect(text).not.toContain(secret.slice(6));
      expect(text).not.toContain("token-1");
    }
    expect((await server.call("GET", `${place}/secret`)).json).toEqual({ key: secret });
  });

  it.each([
    [{}, ["body", "url"], "required"],
    [{ url: "" }, ["body", "url"], "Must not be empty."],
    [{ ...HOOK, description: 1 }, ["body", "description"], "Must be a string."],
    [{ ...HOOK, disabled: "yes" }, ["body", "disabled"], "Must be true or false."],
    [{ ...HOOK, eventTypes: [] }, ["body", "eventTypes"], "Must have at least 1 item."],
    [
      { ...HOOK, eventTypes: ["order.completed", "order.completed"] },
      ["body", "eventTypes"],
      "the same value twice",
    ],
    [
      { ...HOOK, eventTypes: ["no.such", "order.completed"] },
      ["body", "eventTypes"],
      "These event types do not exist: no.such.",
    ],
    [{ ...HOOK, channels: ["a b"] }, ["body", "channels", "0"], "May hold letters"],
    [
      { ...HOOK, channels: Array.from({ length: 11 }, (_, at) => `c${at}`) },
      ["body", "channels"],
      "at most 10 items",
    ],
    [{ ...HOOK, secret: "short" }, ["body", "secret"], "Must be whsec_"],
    [{ ...HOOK, secret: `whpk_${Buffer.alloc(32).toString("base64")}` }, ["body", "secret"], "public"],
    [{ ...HOOK, secret: `whsk_${Buffer.alloc(32).toString("base64")}` }, ["body", "secret"], "64 bytes"],
    [{ ...HOOK, metadata: { a: "b".repeat(4_096) } }, ["body", "metadata"], "at most 4096"],
    [{ ...HOOK, timeoutSeconds: 0 }, ["body", "timeoutSeconds"], "at least 1"],
    [{ ...HOOK, timeoutSeconds: 31 }, ["body", "timeoutSeconds"], "at most 30"],
    [
      { ...HOOK, retrySchedule: Array.from({ length: 21 }, () => 1) },
      ["body", "retrySchedule"],
      "at most 20 items",
    ],
    [{ ...HOOK, retrySchedule: [0] }, ["body", "retrySchedule", "0"], "at least 1"],
    [{ ...HOOK, uid: `ep_${"a".repeat(27)}` }, ["body", "uid"], "form of an id"],
  ])("refuses %j at %j", async (body, loc, message) => {
    const reply = await server.call("POST", url, { body });
    expect(reply.status).toBe(422);
    expect(reply.json.detail).toContainEqual({
      loc,
      msg: expect.stringContaining(message),
      type: expect.any(String),
    });
    expect((await server.call("GET", url)).json.data).toEqual([]);
  });

  it.each([
    "http://example.com/",
    "ftp://example.com/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://2130706433/",
    "https://user:pass@example.com/",
    "https://localhost/",
    "javascript:alert(1)",
    "nonsense",
  ])("refuses the URL %s with 400 and leaves nothing behind", async (bad) => {
    const reply = await server.call("POST", url, { body: { url: bad } });
    expect(reply.status).toBe(400);
    expect(reply.json).toEqual({ code: "url_not_allowed", detail: expect.any(String) });
    const id = await server.endpoint(app);
    expect((await server.call("PATCH", `${url}/${id}`, { body: { url: bad } })).json.code).toBe(
      "url_not_allowed",
    );
    expect((await server.call("PUT", `${url}/${id}`, { body: { url: bad } })).json.code).toBe(
      "url_not_allowed",
    );
    expect((await server.call("GET", url)).json.data).toMatchObject([
      { id, url: "https://example.com/hook" },
    ]);
  });

  it("refuses a uid that is taken in the application, not one that is taken in another", async () => {
    await server.endpoint(app, { uid: "shop" });
    expect((await server.call("POST", url, { body: { ...HOOK, uid: "shop" } })).status).toBe(409);
    const other = await server.application();
    await server.endpoint(other, { uid: "shop" });
  });
});

describe("an endpoint", () => {
  it("keeps what a PATCH leaves out; null takes away", async () => {
    const id = await server.endpoint(app, {
      uid: "u",
      description: "d",
      throttleRate: 3,
      eventTypes: ["order.completed"],
      channels: ["eu"],
      metadata: { a: "1" },
      fifo: true,
      timeoutSeconds: 7,
      retrySchedule: [],
    });
    const before = (await server.call("GET", `${url}/${id}`)).json;
    expect(before).toMatchObject({ retrySchedule: [], timeoutSeconds: 7, fifo: true });
    const patched = await server.call("PATCH", `${url}/u`, { body: { description: "new" } });
    expect(patched.json).toEqual({ ...before, description: "new", updatedAt: patched.json.updatedAt });
    const cleared = await server.call("PATCH", `${url}/${id}`, {
      body: {
        uid: null,
        throttleRate: null,
        eventTypes: null,
        channels: null,
        fifo: false,
        timeoutSeconds: null,
        retrySchedule: null,
      },
    });
    expect(cleared.json).toMatchObject({ uid: null, throttleRate: null, eventTypes: null, channels: null });
    expect(Object.keys(cleared.json)).not.toEqual(expect.arrayContaining(["fifo"]));
    expect(cleared.text).not.toMatch(/fifo|timeoutSeconds|retrySchedule/);
  });

  it("keeps its secret and headers under a PUT and gets defaults for the rest", async () => {
    const id = await server.endpoint(app, {
      uid: "u",
      description: "d",
      channels: ["eu"],
      headers: { "x-a": "1" },
    });
    const secret = (await server.call("GET", `${url}/u/secret`)).json.key;
    const put = await server.call("PUT", `${url}/u`, { body: { url: "https://example.com/2" } });
    expect(put.status).toBe(200);
    expect(put.json).toMatchObject({
      id,
      uid: null,
      description: "",
      channels: null,
      url: "https://example.com/2",
    });
    expect((await server.call("GET", `${url}/${id}/secret`)).json.key).toBe(secret);
    expect((await server.call("GET", `${url}/${id}/headers`)).json.headers).toEqual({ "x-a": "1" });
  });

  it("is made by PUT when there is none, under the name in the path", async () => {
    const first = await server.call("PUT", `${url}/shop`, { body: HOOK });
    expect(first.status).toBe(201);
    expect(first.json.uid).toBe("shop");
    const second = await server.call("PUT", `${url}/shop`, { body: { ...HOOK, uid: "shop" } });
    expect(second.status).toBe(200);
    expect(second.json.id).toBe(first.json.id);
  });

  it("that was disabled for a reason loses it when it is enabled, by PATCH and by PUT", async () => {
    const id = await server.endpoint(app);
    for (const [method, body] of [
      ["PATCH", { disabled: false }],
      ["PUT", HOOK],
    ] as const) {
      const [stored] = await server.store.endpoints.listAll(app);
      await server.store.endpoints.update(
        { ...stored!, disabled: true, disabledReason: "failing", disabledAt: 1, failingSince: 1 },
        {},
      );
      await server.engine.applicationChanged(app);
      const failing = await server.call("GET", `${url}/${id}`);
      expect(failing.json).toMatchObject({
        disabled: true,
        disabledReason: "failing",
        disabledAt: "1970-01-01T00:00:00.001Z",
        failingSince: "1970-01-01T00:00:00.001Z",
      });
      const still = await server.call("PATCH", `${url}/${id}`, { body: { disabled: true } });
      expect(still.json).toMatchObject({ disabledReason: "failing" });
      const enabled = await server.call(method, `${url}/${id}`, { body });
      expect(enabled.json).toMatchObject({ disabled: false });
      expect(enabled.text).not.toMatch(/disabledReason|disabledAt|failingSince/);
    }
  });

  it("gets the messages accepted after it was made, enabled or changed, at once", async () => {
    const id = await server.endpoint(app, { url: "https://example.com/a" });
    const before = server.posts.length;
    await server.message(app);
    await server.until(async () => server.posts.length === before + 1);
    await server.call("PATCH", `${url}/${id}`, { body: { url: "https://example.com/b" } });
    await server.message(app);
    await server.until(async () => server.posts.length === before + 2);
    expect(server.posts.slice(before).map((post) => post.url)).toEqual([
      "https://example.com/a",
      "https://example.com/b",
    ]);
    await server.call("DELETE", `${url}/${id}`);
    await server.message(app);
    expect((await server.call("DELETE", `${url}/${id}`)).status).toBe(404);
    expect(server.posts.length).toBe(before + 2);
  });

  it("that is disabled while it is being changed stays disabled, and is changed all the same", async () => {
    const id = await server.endpoint(app);
    const { endpoints } = server.store;
    const listAll = endpoints.listAll.bind(endpoints);
    const reading = vi.spyOn(endpoints, "listAll").mockImplementationOnce(async (appId) => {
      const [stored] = await listAll(appId);
      const gone = { disabled: true, disabledReason: "gone", disabledAt: 1 } as const;
      await endpoints.update({ ...stored!, ...gone }, {});
      return [stored!];
    });
    const patched = await server.call("PATCH", `${url}/${id}`, { body: { description: "new" } });
    reading.mockRestore();
    expect(patched.status).toBe(200);
    expect(patched.json).toMatchObject({ description: "new", disabled: true, disabledReason: "gone" });
    expect((await listAll(app))[0]).toMatchObject({
      description: "new",
      disabled: true,
      disabledReason: "gone",
    });
  });

  it("changed by many at once keeps every change", async () => {
    const id = await server.endpoint(app);
    await Promise.all([
      server.call("PATCH", `${url}/${id}`, { body: { description: "new" } }),
      server.call("PATCH", `${url}/${id}/headers`, { body: { headers: { "x-a": "1" } } }),
      server.call("PATCH", `${url}/${id}`, { body: { metadata: { a: "b" } } }),
      server.call("PATCH", `${url}/${id}/headers`, { body: { headers: { "x-b": "2" } } }),
      server.call("POST", `${url}/${id}/secret/rotate`, { body: {} }),
      server.call("PATCH", `${url}/${id}`, { body: { channels: ["eu"] } }),
    ]);
    const { json } = await server.call("GET", `${url}/${id}`);
    expect(json).toMatchObject({ description: "new", metadata: { a: "b" }, channels: ["eu"] });
    const headers = (await server.call("GET", `${url}/${id}/headers`)).json.headers;
    expect(headers).toEqual({ "x-a": "1", "x-b": "2" });
    expect((await server.store.endpoints.listAll(app))[0]?.secrets).toHaveLength(2);
  });
});

describe("the list of endpoints", () => {
  it("holds those of the application, newest first", async () => {
    const ids = [await server.endpoint(app), await server.endpoint(app), await server.endpoint(app)];
    const other = await server.application();
    await server.endpoint(other);
    const { json } = await server.call("GET", url);
    expect(json.data.map(({ id }) => id)).toEqual(ids.toReversed());
    const page = await server.call("GET", `${url}?limit=2&order=ascending`);
    expect(page.json.data.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    expect(page.json).toMatchObject({ iterator: ids[1], prevIterator: `-${ids[0]}`, done: false });
  });
});

describe("an endpoint's headers", () => {
  it("are replaced by PUT and changed one by one by PATCH, whatever their case", async () => {
    const id = await server.endpoint(app, { headers: { "X-Old": "1" } });
    const place = `${url}/${id}/headers`;
    expect(
      (await server.call("PUT", place, { body: { headers: { "X-A": "1", "X-B": "2", "x-c": "3" } } })).status,
    ).toBe(204);
    const body = { headers: { "x-a": "new", "x-b": null, "x-d": "4" }, deleteHeaders: ["X-C"] };
    expect((await server.call("PATCH", place, { body })).status).toBe(204);
    expect((await server.call("GET", place)).json).toEqual({
      headers: { "x-a": "new", "x-d": "4" },
      sensitive: [],
    });
  });

  it.each([
    [{ "content-length": "1" }, "header_not_allowed"],
    [{ "webhook-id": "1" }, "header_not_allowed"],
    [{ "x y": "1" }, "header_not_allowed"],
    [{ "x-a": "line\nbreak" }, "header_not_allowed"],
    [{ "x-a": "1", "X-A": "2" }, "header_not_allowed"],
    [Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`x-${at}`, "1"])), "limit_reached"],
  ])("are refused when they are %j", async (headers, code) => {
    const id = await server.endpoint(app, { headers: { "x-keep": "1" } });
    for (const method of ["PUT", "PATCH"]) {
      const reply = await server.call(method, `${url}/${id}/headers`, { body: { headers } });
      expect(reply.status).toBe(400);
      expect(reply.json.code).toBe(code);
    }
    expect((await server.call("POST", url, { body: { ...HOOK, headers } })).json.code).toBe(code);
    expect((await server.call("GET", `${url}/${id}/headers`)).json.headers).toEqual({ "x-keep": "1" });
  });

  it("must be texts", async () => {
    const id = await server.endpoint(app);
    const reply = await server.call("PUT", `${url}/${id}/headers`, { body: { headers: { a: 1 } } });
    expect(reply.json.detail).toEqual([
      { loc: ["body", "headers", "a"], msg: "Must be a string.", type: "type_error" },
    ]);
  });
});

describe("an endpoint's secret", () => {
  it("is made of 32 random bytes when none is given, a different one each time", async () => {
    const secrets = new Set<string>();
    for (let count = 0; count < 3; count++) {
      const id = await server.endpoint(app);
      secrets.add((await server.call("GET", `${url}/${id}/secret`)).json.key);
    }
    expect(secrets.size).toBe(3);
    for (const secret of secrets) expect(Buffer.from(secret.slice(6), "base64")).toHaveLength(32);
  });

  it("may come without its prefix", async () => {
    const id = await server.endpoint(app, { secret: key(3).slice(6) });
    expect((await server.call("GET", `${url}/${id}/secret`)).json.key).toBe(key(3));
  });

  it("of the ed25519 kind is shown by its public half only", async () => {
    const jwk = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
    const pair = Buffer.concat([
      Buffer.from(jwk.d ?? "", "base64url"),
      Buffer.from(jwk.x ?? "", "base64url"),
    ]);
    const id = await server.endpoint(app, { secret: `whsk_${pair.toString("base64")}` });
    const shown = (await server.call("GET", `${url}/${id}/secret`)).json.key;
    expect(shown).toBe(`whpk_${pair.subarray(32).toString("base64")}`);
  });

  it("that is rotated signs beside the new one until its grace period ends", async () => {
    const id = await server.endpoint(app, { secret: key(1) });
    const place = `${url}/${id}/secret/rotate`;
    const now = server.runtime.clock.now();
    expect((await server.call("POST", place, { body: { key: key(2), gracePeriodSeconds: 60 } })).status).toBe(
      204,
    );
    expect((await server.store.endpoints.listAll(app))[0]?.secrets).toEqual([
      { key: key(2), expiresAt: null },
      { key: key(1), expiresAt: now + 60_000 },
    ]);
    await server.call("POST", place, { body: { key: key(3) } });
    expect((await server.store.endpoints.listAll(app))[0]?.secrets[1]).toEqual({
      key: key(2),
      expiresAt: now + 86_400_000,
    });
    await server.call("POST", place, { body: { gracePeriodSeconds: 0 } });
    const left = (await server.store.endpoints.listAll(app))[0]?.secrets.map((secret) => secret.key);
    expect(left).not.toContain(key(3));
  });

  it("can be rotated without a body", async () => {
    const id = await server.endpoint(app, { secret: key(1) });
    expect((await server.call("POST", `${url}/${id}/secret/rotate`)).status).toBe(204);
    expect((await server.call("GET", `${url}/${id}/secret`)).json.key).not.toBe(key(1));
  });

  it("keeps at most ten old ones", async () => {
    const id = await server.endpoint(app);
    const place = `${url}/${id}/secret/rotate`;
    for (let count = 0; count < 10; count++) {
      expect((await server.call("POST", place, { body: {} })).status).toBe(204);
    }
    const refused = await server.call("POST", place, { body: {} });
    expect(refused.status).toBe(400);
    expect(refused.json.code).toBe("limit_reached");
  });

  it.each([
    [{ gracePeriodSeconds: -1 }],
    [{ gracePeriodSeconds: 604_801 }],
    [{ key: "x" }],
    [{ key: `whsec_${"A".repeat(97)}=` }],
  ])("is not rotated with %j", async (body) => {
    const id = await server.endpoint(app, { secret: key(1) });
    expect((await server.call("POST", `${url}/${id}/secret/rotate`, { body })).status).toBe(422);
    expect((await server.call("GET", `${url}/${id}/secret`)).json.key).toBe(key(1));
  });

  it("rotated twice with one Idempotency-Key is rotated once", async () => {
    const id = await server.endpoint(app);
    const headers = { "idempotency-key": hash("sha256", id) };
    const place = `${url}/${id}/secret/rotate`;
    for (let count = 0; count < 3; count++) {
      expect((await server.call("POST", place, { body: {}, headers })).status).toBe(204);
    }
    expect((await server.store.endpoints.listAll(app))[0]?.secrets).toHaveLength(2);
  });
});
