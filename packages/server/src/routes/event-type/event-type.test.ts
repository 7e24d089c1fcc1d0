import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EVENT_TYPES, startTestServer, type TestServer } from "../../testing/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const url = "/api/v1/event-type";

describe("an event type", () => {
  it("is made once; a second of that name is refused", async () => {
    const body = { name: "a.made", description: "Made", schemas: { 1: { type: "object" } }, groupName: "a" };
    const made = await server.call("POST", url, { body });
    expect(made.status).toBe(201);
    expect(made.json).toEqual({
      ...body,
      archived: false,
      deprecated: false,
      featureFlags: null,
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });
    expect((await server.call("GET", `${url}/a.made`)).json).toEqual(made.json);
    const again = await server.call("POST", url, { body });
    expect(again.status).toBe(409);
    expect(again.json.code).toBe("conflict");
    expect((await server.call("GET", `${url}/a.made`, { key: server.sandbox.key })).status).toBe(404);
  });

  it("that is archived is left out of lists, still usable by endpoints, and comes back when made again", async () => {
    await server.call("POST", url, { body: { name: "a.archived", description: "One" } });
    expect((await server.call("DELETE", `${url}/a.archived`)).status).toBe(204);
    expect((await server.call("GET", `${url}/a.archived`)).json).toMatchObject({ archived: true });
    const names = (await server.call("GET", `${url}?limit=250`)).json.data.map(({ name }) => name);
    expect(names).not.toContain("a.archived");
    const app = await server.application();
    await server.endpoint(app, { eventTypes: ["a.archived"] });
    const back = await server.call("POST", url, { body: { name: "a.archived", description: "Two" } });
    expect(back.status).toBe(201);
    expect(back.json).toMatchObject({ archived: false, description: "Two" });
  });

  it("that is expunged is gone", async () => {
    await server.call("POST", url, { body: { name: "a.gone", description: "One" } });
    expect((await server.call("DELETE", `${url}/a.gone?expunge=true`)).status).toBe(204);
    expect((await server.call("GET", `${url}/a.gone`)).status).toBe(404);
    expect((await server.call("DELETE", `${url}/a.gone?expunge=true`)).status).toBe(404);
    expect((await server.call("DELETE", `${url}/a.gone`)).status).toBe(404);
  });

  it("keeps what a PATCH leaves out and loses what a PUT leaves out", async () => {
    const put = await server.call("PUT", `${url}/a.put`, {
      body: { description: "One", groupName: "g", schemas: { 1: {} } },
    });
    expect(put.status).toBe(201);
    const patched = await server.call("PATCH", `${url}/a.put`, { body: { deprecated: true, schemas: null } });
    expect(patched.json).toMatchObject({
      deprecated: true,
      schemas: null,
      groupName: "g",
      description: "One",
    });
    const replaced = await server.call("PUT", `${url}/a.put`, { body: { description: "Two" } });
    expect(replaced.status).toBe(200);
    expect(replaced.json).toMatchObject({ deprecated: false, groupName: null, description: "Two" });
    expect(replaced.json.createdAt).toBe(put.json.createdAt);
  });

  it.each([
    [{ description: "x" }, ["body", "name"]],
    [{ name: "a b", description: "x" }, ["body", "name"]],
    [{ name: "", description: "x" }, ["body", "name"]],
    [{ name: "a" }, ["body", "description"]],
    [{ name: "a", description: "x", schemas: [] }, ["body", "schemas"]],
    [{ name: "a", description: "x", featureFlags: [] }, ["body", "featureFlags"]],
    [{ name: "a", description: "x", groupName: "a b" }, ["body", "groupName"]],
  ])("is refused as %j at %j", async (body, loc) => {
    const reply = await server.call("POST", url, { body });
    expect(reply.status).toBe(422);
    expect(reply.json.detail[0]?.loc).toEqual(loc);
  });
});

describe("the list of event types", () => {
  it("is sorted by name, shows schemas on request and goes on after a name", async () => {
    const plain = await server.call("GET", `${url}?limit=250`);
    const names = plain.json.data.map(({ name }) => name);
    expect(names).toEqual(names.toSorted());
    expect(names).toEqual(expect.arrayContaining([...EVENT_TYPES]));
    expect(plain.json.data.every((eventType) => "schemas" in eventType && eventType.schemas === null)).toBe(
      true,
    );
    const full = await server.call("GET", `${url}?with_content=true&iterator=order.cancelled&limit=1`);
    expect(full.json.data).toMatchObject([
      { name: "order.completed", schemas: { 1: { title: "order.completed" } } },
    ]);
    const back = await server.call("GET", `${url}?iterator=-order.refunded&limit=1`);
    expect(back.json.data).toMatchObject([{ name: "order.completed" }]);
  });
});
