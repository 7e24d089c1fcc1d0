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
