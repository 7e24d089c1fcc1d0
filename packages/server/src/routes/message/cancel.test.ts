import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";

let server: TestServer;
let app: string;
let endpoint: string;
beforeAll(async () => {
  server = await startTestServer();
});
beforeEach(async () => {
  app = await server.application();
  endpoint = await server.endpoint(app);
});
afterAll(() => server.close());

const MESSAGE = { eventType: "order.completed", payload: { a: 1 } };
const at = (ms: number): string => new Date(server.runtime.clock.now() + ms).toISOString();

async function schedule(): Promise<string> {
  const body = { ...MESSAGE, deliverAt: at(60_000) };
  return (await server.call("POST", `/api/v1/app/${app}/msg`, { body })).json.id;
}

const cancelAll = (body: unknown, to = endpoint, of = app): ReturnType<TestServer["call"]> =>
  server.call("POST", `/api/v1/app/${of}/endpoint/${to}/cancel-msgs`, { body });

const standings = async (id: string): Promise<number[]> =>
  (await server.call("GET", `/api/v1/app/${app}/msg/${id}/endpoint`)).json.data.map(
    ({ status }: { status: number }) => status,
  );

const CANCELED = 4;
const PENDING = 1;

const cancel = (id: string, options: object = {}): ReturnType<TestServer["call"]> =>
  server.call("POST", `/api/v1/app/${app}/msg/${id}/cancel`, options);

describe("canceling what an endpoint is owed", () => {
  it("ends what was made before the time, and nothing of it is sent; resent, it is", async () => {
    await server.endpoint(app);
    const canceled = await schedule();
    await server.runtime.advance(1_000);
    const createdBefore = at(0);
    await server.runtime.advance(1_000);
    const kept = await schedule();
    expect((await cancelAll({ createdBefore })).status).toBe(204);
    expect((await cancelAll({ createdBefore })).status).toBe(204);
    expect(new Set(await standings(canceled))).toEqual(new Set([CANCELED, PENDING]));
    expect(await standings(kept)).toEqual([PENDING, PENDING]);
    const attempts = await server.call(
      "GET",
      `/api/v1/app/${app}/attempt/endpoint/${endpoint}?expanded_statuses=true`,
    );
    expect(attempts.json.data).toMatchObject([
      { msgId: canceled, status: CANCELED, responseStatusCode: 0, response: "Not sent: it was canceled." },
    ]);
    const since = server.posts.length;
    await server.runtime.advance(61_000);
    await server.until(async () => {
      await server.runtime.advance(100);
      return server.posts.length >= since + 3;
    });
    const sent = server.posts.slice(since).map(({ headers }) => headers["webhook-id"]);
    expect(sent.filter((id) => id === canceled)).toHaveLength(1);
    expect(sent.filter((id) => id === kept)).toHaveLength(2);
    expect(await standings(canceled)).toContain(CANCELED);
    const resend = `/api/v1/app/${app}/msg/${canceled}/endpoint/${endpoint}/resend`;
    expect((await server.call("POST", resend)).status).toBe(202);
    await server.until(async () => {
      await server.runtime.advance(100);
      return (await standings(canceled)).every((status) => status === 0);
    });
  });

  it("refuses what is no time, and knows only its own", async () => {
    for (const body of [{}, { createdBefore: "yesterday" }, { createdBefore: null }, []]) {
      expect((await cancelAll(body)).status).toBe(422);
    }
    const body = { createdBefore: at(0) };
    expect((await cancelAll(body, "ep_nobody")).status).toBe(404);
    expect((await cancelAll(body, endpoint, "app_nobody")).status).toBe(404);
    const path = `/api/v1/app/${app}/endpoint/${endpoint}/cancel-msgs`;
    expect((await server.call("POST", path, { body, key: server.sandbox.key })).status).toBe(404);
    expect((await server.call("POST", path, { body, key: "" })).status).toBe(401);
  });
});

describe("canceling a message", () => {
  it("ends it at every endpoint and leaves the message as it is", async () => {
    await server.endpoint(app);
    const [canceled, kept] = [await schedule(), await schedule()];
    const before = (await server.call("GET", `/api/v1/app/${app}/msg/${canceled}`)).json;
    expect((await cancel(canceled)).status).toBe(204);
    expect((await cancel(canceled)).status).toBe(204);
    expect(await standings(canceled)).toEqual([CANCELED, CANCELED]);
    expect(await standings(kept)).toEqual([PENDING, PENDING]);
    expect((await server.call("GET", `/api/v1/app/${app}/msg/${canceled}`)).json).toEqual(before);
  });

  it("knows only its own, by id or eventId", async () => {
    const id = await schedule();
    expect((await cancel("msg_nobody")).status).toBe(404);
    expect((await cancel(id, { key: server.sandbox.key })).status).toBe(404);
    expect((await cancel(id, { key: "" })).status).toBe(401);
    const body = { ...MESSAGE, eventId: "launch", deliverAt: at(60_000) };
    const named = await server.call("POST", `/api/v1/app/${app}/msg`, { body });
    expect((await cancel("launch")).status).toBe(204);
    expect(await standings(named.json.id)).toEqual([CANCELED]);
  });
});
