import { COUNT_ROWS_MAX } from "@posthaste/core/domain/limits";
import { SECOND_MS } from "@posthaste/core/domain/time";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const url = "/api/v1/app";

describe("creating an application", () => {
  it("answers 201 with everything that was given and fills in the rest", async () => {
    const { status, json } = await server.call("POST", url, { body: { name: "Studio" } });
    expect(status).toBe(201);
    expect(json).toEqual({
      id: expect.stringMatching(/^app_[A-Za-z0-9]{27}$/),
      uid: null,
      name: "Studio",
      throttleRate: null,
      metadata: {},
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updatedAt: json.createdAt,
    });
  });

  it("refuses a uid that is taken, and with get_if_exists answers with the one that has it", async () => {
    const first = await server.call("POST", url, { body: { name: "First", uid: "taken" } });
    const second = await server.call("POST", url, { body: { name: "Second", uid: "taken" } });
    expect(second.status).toBe(409);
    expect(second.json).toEqual({ code: "conflict", detail: "An application with this uid already exists." });
    const got = await server.call("POST", `${url}?get_if_exists=true`, {
      body: { name: "Second", uid: "taken" },
    });
    expect(got.status).toBe(200);
    expect(got.json).toEqual(first.json);
    const elsewhere = await server.call("POST", url, {
      body: { name: "S", uid: "taken" },
      key: server.sandbox.key,
    });
    expect(elsewhere.status).toBe(201);
  });

  it.each([
    [{}, ["body", "name"], "This field is required."],
    [{ name: "" }, ["body", "name"], "Must not be empty."],
    [{ name: 5 }, ["body", "name"], "Must be a string."],
    [{ name: "a\u0001b" }, ["body", "name"], "Must not contain control characters."],
    [{ name: "a", uid: "" }, ["body", "uid"], "Must not be empty."],
    [{ name: "a", uid: "no spaces" }, ["body", "uid"], "May hold letters"],
    [{ name: "a", uid: "u".repeat(257) }, ["body", "uid"], "at most 256 characters"],
    [{ name: "a", uid: `app_${"a".repeat(27)}` }, ["body", "uid"], "Must not have the form of an id"],
    [{ name: "a", throttleRate: 0 }, ["body", "throttleRate"], "Must be at least 1."],
    [{ name: "a", throttleRate: 65_536 }, ["body", "throttleRate"], "Must be at most 65535."],
    [{ name: "a", throttleRate: 1.5 }, ["body", "throttleRate"], "Must be a whole number or null."],
    [{ name: "a", metadata: { k: 1 } }, ["body", "metadata", "k"], "Must be a string."],
    [{ name: "a", metadata: null }, ["body", "metadata"], "Must be an object."],
    [
      { name: "a", metadata: { k: "é".repeat(2_045) } },
      ["body", "metadata"],
      "Is 4098 bytes as JSON; at most 4096",
    ],
  ])("refuses %j at %j", async (body, loc, message) => {
    const reply = await server.call("POST", url, { body });
    expect(reply.status).toBe(422);
    expect(reply.json.detail).toContainEqual({
      loc,
      msg: expect.stringContaining(message),
      type: expect.any(String),
    });
  });

  it("keeps metadata of 4,096 bytes and with any key", async () => {
    const metadata = { ["__proto__"]: "x", k: "é".repeat(2_030) };
    const created = await server.call("POST", url, { body: { name: "a", metadata } });
    expect(created.status).toBe(201);
    const got = await server.call("GET", `${url}/${created.json.id}`);
    expect(Object.keys(got.json.metadata)).toEqual(["__proto__", "k"]);
  });
});

describe("an application", () => {
  it("is found by id and by uid, and by its new uid at once", async () => {
    const id = await server.application({ uid: "old-name" });
    expect((await server.call("GET", `${url}/old-name`)).json.id).toBe(id);
    await server.call("PATCH", `${url}/old-name`, { body: { uid: "new-name" } });
    expect((await server.call("GET", `${url}/old-name`)).status).toBe(404);
    expect((await server.call("GET", `${url}/new-name`)).json.id).toBe(id);
    await server.call("PATCH", `${url}/${id}`, { body: { uid: null } });
    expect((await server.call("GET", `${url}/new-name`)).status).toBe(404);
    expect((await server.call("GET", `${url}/${id}`)).json.uid).toBeNull();
  });

  it("keeps what a PATCH leaves out, and loses what a PUT leaves out", async () => {
    const id = await server.application({ uid: "keeps", throttleRate: 5, metadata: { a: "1" } });
    server.runtime.stepWallClock(1_000);
    const patched = await server.call("PATCH", `${url}/${id}`, { body: { name: "New" } });
    expect(patched.json).toMatchObject({ name: "New", uid: "keeps", throttleRate: 5, metadata: { a: "1" } });
    expect(patched.json.updatedAt > patched.json.createdAt).toBe(true);
    const replaced = await server.call("PUT", `${url}/${id}`, { body: { name: "Newer" } });
    expect(replaced.status).toBe(200);
    expect(replaced.json).toMatchObject({ id, name: "Newer", uid: null, throttleRate: null, metadata: {} });
    expect(replaced.json.createdAt).toBe(patched.json.createdAt);
    expect((await server.call("GET", `${url}/${id}`)).json).toEqual(replaced.json);
  });

  it("cannot take a uid that is taken, and keeps its own then", async () => {
    await server.application({ uid: "mine" });
    const id = await server.application({ uid: "yours" });
    expect((await server.call("PATCH", `${url}/${id}`, { body: { uid: "mine" } })).status).toBe(409);
    expect((await server.call("PUT", `${url}/${id}`, { body: { name: "x", uid: "mine" } })).status).toBe(409);
    expect((await server.call("GET", `${url}/${id}`)).json).toMatchObject({ uid: "yours", name: "Studio" });
  });

  it("is made by PUT when there is none, under the name in the path, once", async () => {
    const first = await server.call("PUT", `${url}/by-put`, { body: { name: "A" } });
    expect(first.status).toBe(201);
    expect(first.json.uid).toBe("by-put");
    const second = await server.call("PUT", `${url}/by-put`, { body: { name: "B", uid: "by-put" } });
    expect(second.status).toBe(200);
    expect(second.json.id).toBe(first.json.id);
  });

  it("that is deleted is gone at once with its endpoints, and its uid is free", async () => {
    const id = await server.application({ uid: "short-lived" });
    const endpointId = await server.endpoint(id);
    expect((await server.call("DELETE", `${url}/short-lived`)).status).toBe(204);
    expect((await server.call("GET", `${url}/${id}`)).status).toBe(404);
    expect((await server.call("GET", `${url}/${id}/endpoint/${endpointId}`)).status).toBe(404);
    expect(
      (await server.call("POST", `${url}/${id}/msg`, { body: { eventType: "a", payload: {} } })).status,
    ).toBe(404);
    expect((await server.call("DELETE", `${url}/${id}`)).status).toBe(404);
    expect((await server.call("POST", url, { body: { name: "b", uid: "short-lived" } })).status).toBe(201);
  });
});

describe("the list of applications", () => {
  it("holds those of its own environment, oldest first, or newest first", async () => {
    const mine = [await server.application(), await server.application()];
    const theirs = await server.call("POST", url, { body: { name: "theirs" }, key: server.sandbox.key });
    const { json } = await server.call("GET", `${url}?limit=250`);
    const ids = json.data.map(({ id }) => id);
    expect(ids).toEqual(ids.toSorted());
    expect(ids).toEqual(expect.arrayContaining(mine));
    expect(ids).not.toContain(theirs.json.id);
    const newest = await server.call("GET", `${url}?limit=250&order=descending`);
    expect(newest.json.data.map(({ id }) => id)).toEqual(ids.toReversed());
  });

  it("refuses filters that are not offered, and takes them when they are off", async () => {
    expect((await server.call("GET", `${url}?exclude_apps_with_no_endpoints=false`)).status).toBe(200);
    const reply = await server.call("GET", `${url}?exclude_apps_with_no_endpoints=true`);
    expect(reply.status).toBe(422);
    expect(reply.json.detail[0]?.loc).toEqual(["query", "exclude_apps_with_no_endpoints"]);
  });

  it.each([
    "limit=0",
    "limit=251",
    "limit=x",
    "order=up",
    "iterator=ep_123",
    "iterator=-",
    "get=1&limit=1&limit=2",
  ])("refuses %s", async (query) => {
    expect((await server.call("GET", `${url}?${query}`)).status).toBe(422);
  });
});

describe("counting active applications", () => {
  const path = "/api/v1/app/stats/count-active";
  const count = async (query = "", key = server.sandbox.key): Promise<number> => {
    const { status, json, text } = await server.call("GET", path + query, { key });
    expect(status, text).toBe(200);
    return (json as unknown as { count: number }).count;
  };

  it("counts those with an enabled endpoint, or with any on request, of its own environment", async () => {
    const { key } = server.sandbox;
    const make = async (place: string, body: object) =>
      (await server.call("POST", place, { key, body })).json.id;
    const before = [await count(), await count("?exclude_disabled=false")];
    await make("/api/v1/app", { name: "None" });
    const on = await make("/api/v1/app", { name: "On" });
    const off = await make("/api/v1/app", { name: "Off" });
    for (const app of [on, on, off]) {
      const body = { url: "https://example.com/", disabled: app === off };
      await make(`/api/v1/app/${app}/endpoint`, body);
    }
    const live = await count("", server.live.key);
    expect([await count(), await count("?exclude_disabled=false")]).toEqual(
      before.map((number, at) => number + at + 1),
    );
    expect(await count("?exclude_svix_play=false&exclude_disabled=true")).toBe(await count());
    expect(await count("", server.live.key)).toBe(live);
  });

  it("does not stand in the way of an application that is called stats", async () => {
    await server.application({ uid: "stats" });
    expect((await server.call("GET", "/api/v1/app/stats")).json).toMatchObject({ uid: "stats" });
    expect((await server.call("GET", "/api/v1/app/stats/endpoint")).status).toBe(200);
  });

  it("is refused without the permission, without a key and for a query that does not fit", async () => {
    const keys = `/api/v1/management/authentication/${server.live.environmentId}/api-token`;
    const body = { name: "Some", scopes: ["read:application"] };
    const { token: key } = (await server.call("POST", keys, { body })).json;
    expect((await server.call("GET", path, { key })).status).toBe(403);
    expect((await server.call("GET", path, { key: null })).status).toBe(401);
    expect((await server.call("GET", `${path}?exclude_disabled=maybe`)).status).toBe(422);
  });
});

const statsOf = (app: string, query = "", key = server.live.key) =>
  server.call("GET", `/api/v1/app/${app}/stats/attempts${query}`, { key });

/** A server on whose store every attempt that is looked at counts as many, so that a small history meets the bound. */
async function heavyServer(weight: number): Promise<{ asked: string[]; heavy: TestServer }> {
  const asked: string[] = [];
  const { overview } = server.store;
  const heavy = await server.another({
    store: {
      ...server.store,
      overview: {
        ...overview,
        async countAttempts(query) {
          asked.push(query.endpointId);
          const step = await overview.countAttempts(query);
          return { ...step, looked: step.looked * weight };
        },
        async countAttemptsByType(query) {
          asked.push(query.endpointId);
          const step = await overview.countAttemptsByType(query);
          return { ...step, looked: step.looked * weight };
        },
      },
    },
  });
  return { asked, heavy };
}

describe("the attempts of an application", () => {
  it("are counted in all and by event type, in the span and of the types that are asked for", async () => {
    const app = await server.application();
    await server.endpoint(app, { retrySchedule: [] });
    server.answer = ({ body }) => ({ status: Buffer.from(body).includes("fail") ? 500 : 204 });
    await server.message(app);
    await server.message(app);
    await server.message(app, { eventType: "order.refunded", payload: { fail: true } });
    const both = { "order.completed": { success: 2, failure: 0, canceled: 0 } };
    const refunded = { success: 0, failure: 1, canceled: 0 };
    const all = await server.until(async () => {
      const { json } = (await statsOf(app)) as unknown as { json: Record<string, unknown> };
      return json["total_success"] === 2 && json["total_failure"] === 1 && json;
    });
    expect(all).toMatchObject({ total_canceled: 0, by_event_type: { ...both, "order.refunded": refunded } });
    const one = (await statsOf(app, "?event_types=order.refunded")).json;
    expect(one).toMatchObject({
      total_success: 0,
      total_failure: 1,
      by_event_type: { "order.refunded": refunded },
    });
    expect(JSON.stringify(one)).not.toContain("order.completed");
    const before = (await statsOf(app, "?since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z")).json;
    expect(before).toMatchObject({ total_success: 0, total_failure: 0, by_event_type: {} });
    server.answer = () => ({ status: 204 });
  });

  it("are counted up to one bound over all its endpoints, and refused beyond it", async () => {
    const app = await server.application();
    for (const _ of ["a", "b", "c"]) await server.endpoint(app);
    await server.message(app);
    await server.until(async () => {
      const { json } = (await statsOf(app)) as unknown as { json: Record<string, unknown> };
      return json["total_success"] === 3;
    });
    await server.runtime.advance(SECOND_MS);
    const paths = [`/api/v1/app/${app}/stats/attempts`, `/api/v1/stats/app/${app}/attempt`];
    // Each endpoint's attempt counts for so many: within the bound, at it, and with endpoints left to look at.
    for (const [weight, status] of [
      [Math.floor(COUNT_ROWS_MAX / 3) - 1, 200],
      [COUNT_ROWS_MAX / 2, 400],
      [COUNT_ROWS_MAX, 400],
    ] as const) {
      const { asked, heavy } = await heavyServer(weight);
      for (const path of paths) {
        asked.length = 0;
        const { status: answered, json } = await heavy.call("GET", path);
        expect([path, answered]).toEqual([path, status]);
        if (status === 400) expect(json.code).toBe("limit_reached");
        expect(asked.length).toBe(status === 200 ? 3 : COUNT_ROWS_MAX / weight);
      }
    }
  });

  it("are its own environment's to see, and only with the permission", async () => {
    const app = await server.application();
    expect((await statsOf(app, "", server.sandbox.key)).status).toBe(404);
    expect((await statsOf("nobody")).status).toBe(404);
    const keys = `/api/v1/management/authentication/${server.live.environmentId}/api-token`;
    const body = { name: "Some", scopes: ["read:application"] };
    expect((await statsOf(app, "", (await server.call("POST", keys, { body })).json.token)).status).toBe(403);
    expect((await server.call("GET", `/api/v1/app/${app}/stats/attempts`, { key: null })).status).toBe(401);
    for (const query of [
      "?since=x",
      "?since=2099-01-01T00:00:00Z",
      "?until=yesterday",
      "?event_types=a%20b",
    ]) {
      expect((await statsOf(app, query)).status).toBe(422);
    }
  });
});
