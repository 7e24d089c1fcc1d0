import { WIPE_INTERVAL_MS, WIPE_LOOK_AGAIN_MIN_MS } from "@posthaste/core/domain/limits";
import { makeStore, noPostgres } from "@posthaste/core/storage/postgres/testing/test-database";
import type { Store } from "@posthaste/core/storage/port";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Reply, startTestServer, type TestServer } from "../../testing/test-server.ts";

const SETTINGS = "/api/v1/management/environment-settings";

/** Lets the store be looked through once more, some time later: by default as soon as it is done anyway. */
async function look(server: TestServer, laterMs = WIPE_INTERVAL_MS): Promise<void> {
  // In steps: among many nodes this one has to show that it lives.
  for (let past = 0; past < laterMs; past += 1_000) await server.runtime.advance(1_000);
  // Its steps are one call each; what is asked here is answered behind the one that was begun before.
  for (let calls = 0; calls < 5; calls++) {
    await server.store.environments.list();
    await server.store.contents.forgetWipes({ environmentId: "env_none", limit: 1 });
  }
}

const raw = (server: TestServer, app: string, message: string): Promise<Reply> =>
  server.call("GET", `/api/v1/app/${app}/msg/${message}/raw`);

const isWiped = (server: TestServer, app: string, message: string) => async (): Promise<boolean> => {
  await server.runtime.advance(1_000);
  return (await raw(server, app, message)).status === 404;
};

/** How the deliveries of a message stand, by endpoint. */
async function standings(server: TestServer, app: string, message: string): Promise<Record<string, number>> {
  const { json } = await server.call("GET", `/api/v1/app/${app}/msg/${message}/endpoint`);
  return Object.fromEntries(json.data.map(({ id, status }) => [id, status]));
}

/** Of Svix's contract. */
const SUCCEEDED = 0;
const FAILED = 2;

async function stands(
  server: TestServer,
  { app, message, endpoint, status }: { app: string; message: string; endpoint: string; status: number },
): Promise<void> {
  await server.until(async () => (await standings(server, app, message))[endpoint] === status);
}

const resend = (server: TestServer, app: string, message: string, endpoint: string): Promise<Reply> =>
  server.call("POST", `/api/v1/app/${app}/msg/${message}/endpoint/${endpoint}/resend`);

const STORES: readonly [name: string, skip: boolean, open?: () => Promise<Store>][] = [
  ["SQLite", false],
  ["PostgreSQL", noPostgres, async () => (await makeStore()).store],
];

for (const [name, skip, open] of STORES) {
  describe.skipIf(skip)(`payloads that go once they are delivered, on ${name}`, () => {
    let server: TestServer;
    beforeAll(async () => void (server = await startTestServer(open === undefined ? {} : { open })));
    afterAll(() => server.close());
    afterEach(() => void (server.answer = () => ({ status: 204 })));

    const wiping = (on = true): Promise<Reply> =>
      server.call("PATCH", SETTINGS, { body: { wipeSuccessfulPayload: on } });

    it("stay where nobody asked for it, and one that goes is answered like one that was expunged", async () => {
      await wiping(false);
      const app = await server.application();
      const endpoint = await server.endpoint(app);
      const [kept, expunged] = [await server.message(app), await server.message(app)];
      for (const message of [kept, expunged])
        await stands(server, { app, message, endpoint, status: SUCCEEDED });
      await server.call("DELETE", `/api/v1/app/${app}/msg/${expunged}/content`);
      expect((await wiping()).json).toMatchObject({ wipeSuccessfulPayload: true });
      const message = await server.message(app);
      await server.until(isWiped(server, app, message));
      const answers = async (of: string): Promise<unknown[]> => {
        const path = `/api/v1/app/${app}/msg/${of}`;
        const all = [
          await raw(server, app, of),
          await resend(server, app, of, endpoint),
          await server.call("GET", path),
        ];
        return all.map(
          ({ status, json: { id, timestamp, ...rest } }: Reply & { json: { timestamp?: string } }) => [
            status,
            rest,
            typeof id === typeof timestamp,
          ],
        );
      };
      expect(await answers(message)).toEqual(await answers(expunged));
      expect((await resend(server, app, message, endpoint)).status).toBe(400);
      const attempts = await server.call("GET", `/api/v1/app/${app}/attempt/msg/${message}`);
      expect(attempts.json.data).toHaveLength(1);
      // It was delivered before: nothing is noted of it.
      await look(server);
      expect((await raw(server, app, kept)).status).toBe(200);
    });

    it("stay while a delivery waits for its retry, and go with its success", async () => {
      await wiping();
      const app = await server.application();
      const good = await server.endpoint(app);
      const bad = await server.endpoint(app, { url: "https://bad.example.com/", retrySchedule: [5] });
      server.answer = ({ url }) => ({ status: url.includes("bad") ? 500 : 204 });
      const message = await server.message(app);
      await stands(server, { app, message, endpoint: good, status: SUCCEEDED });
      await look(server);
      expect((await raw(server, app, message)).status).toBe(200);
      const sent = server.posts.length;
      server.answer = () => ({ status: 204 });
      await server.until(isWiped(server, app, message));
      expect(Buffer.from(server.posts[sent]?.body ?? "").toString()).toBe('{"a":1}');
      expect(await standings(server, app, message)).toEqual({ [good]: SUCCEEDED, [bad]: SUCCEEDED });
    });

    it("stay after a delivery that failed, to be resent; once that succeeds they go", async () => {
      await wiping();
      const app = await server.application();
      const good = await server.endpoint(app);
      const bad = await server.endpoint(app, { url: "https://bad.example.com/", retrySchedule: [] });
      server.answer = ({ url }) => ({ status: url.includes("bad") ? 500 : 204 });
      const message = await server.message(app);
      await stands(server, { app, message, endpoint: bad, status: FAILED });
      await stands(server, { app, message, endpoint: good, status: SUCCEEDED });
      await look(server, WIPE_LOOK_AGAIN_MIN_MS + WIPE_INTERVAL_MS);
      expect((await raw(server, app, message)).status).toBe(200);
      server.answer = () => ({ status: 204 });
      expect((await resend(server, app, message, bad)).status).toBe(202);
      await server.until(isWiped(server, app, message));
      expect((await resend(server, app, message, bad)).status).toBe(400);
    });

    it("stay for a resend that was asked for before they were looked at", async () => {
      await wiping();
      const app = await server.application();
      const endpoint = await server.endpoint(app);
      const message = await server.message(app);
      await stands(server, { app, message, endpoint, status: SUCCEEDED });
      const held = Promise.withResolvers<void>();
      server.answer = async () => {
        await held.promise;
        return { status: 204 };
      };
      const sent = server.posts.length;
      // The clock stands still, so nobody has looked yet.
      expect((await resend(server, app, message, endpoint)).status).toBe(202);
      await server.until(async () => {
        await server.runtime.advance(100);
        return server.posts.length > sent;
      });
      await look(server);
      expect((await raw(server, app, message)).status).toBe(200);
      held.resolve();
      await server.until(isWiped(server, app, message));
    });

    it("stay while a FIFO endpoint waits behind another message, and while one is paused", async () => {
      await wiping();
      const app = await server.application();
      const good = await server.endpoint(app);
      const fifo = await server.endpoint(app, {
        url: "https://fifo.example.com/",
        fifo: true,
        retrySchedule: [5],
      });
      const off = await server.endpoint(app, { url: "https://off.example.com/" });
      server.answer = ({ url }) => ({ status: url.includes("fifo") ? 500 : url.includes("off") ? 410 : 204 });
      const messages = [await server.message(app), await server.message(app)];
      for (const message of messages)
        await stands(server, { app, message, endpoint: good, status: SUCCEEDED });
      const path = `/api/v1/app/${app}/endpoint/${off}`;
      await server.until(async () => (await server.call("GET", path)).json.disabled);
      await look(server);
      const readable = async (): Promise<number[]> => {
        const all = await Promise.all(messages.map((message) => raw(server, app, message)));
        return all.map(({ status }) => status);
      };
      expect(await readable()).toEqual([200, 200]);
      server.answer = () => ({ status: 204 });
      const [first = "", second = ""] = messages;
      const delivered = async (): Promise<boolean> => {
        await server.runtime.advance(1_000);
        return (await standings(server, app, second))[fifo] === SUCCEEDED;
      };
      await server.until(delivered);
      await server.call("PATCH", path, { body: { disabled: false } });
      // What it was owed came paused, but for the one that it refused for good.
      await server.until(isWiped(server, app, second));
      for (const { body } of server.posts.slice(-1)) expect(Buffer.from(body).toString()).toBe('{"a":1}');
      if ((await standings(server, app, first))[off] === FAILED) await resend(server, app, first, off);
      await server.until(isWiped(server, app, first));
    });

    it("stay for a polling endpoint until its consumer has read past them", async () => {
      await wiping();
      const app = await server.application();
      const endpoint = await server.endpoint(app);
      const sink = (
        await server.call("POST", `/api/v1/app/${app}/destination`, { body: { type: "pollingEndpoint" } })
      ).json.id;
      const message = await server.message(app);
      await stands(server, { app, message, endpoint, status: SUCCEEDED });
      await look(server);
      const poll = `/api/v1/app/${app}/poller/${sink}/consumer/reader`;
      const { data, iterator } = (await server.call("GET", poll)).json;
      expect(data).toMatchObject([{ id: message, payload: { a: 1 } }]);
      await look(server, 2 * WIPE_LOOK_AGAIN_MIN_MS);
      expect((await raw(server, app, message)).status).toBe(200);
      expect((await server.call("GET", `${poll}?iterator=${iterator}`)).status).toBe(200);
      await look(server, 4 * WIPE_LOOK_AGAIN_MIN_MS);
      await server.until(isWiped(server, app, message));
    });

    it("stay where no endpoint was sent anything, and go after a test attempt", async () => {
      await wiping();
      const app = await server.application();
      const unsent = await server.message(app);
      const endpoint = await server.endpoint(app);
      const path = `/api/v1/app/${app}/endpoint/${endpoint}/msg/test-attempt`;
      const body = { eventType: "order.completed", payload: { a: 1 } };
      expect((await server.call("POST", path, { body })).status).toBe(201);
      const attempts = await server.call("GET", `/api/v1/app/${app}/attempt/endpoint/${endpoint}`);
      const [{ msgId = "" } = {}] = attempts.json.data as unknown as { msgId?: string }[];
      await server.until(isWiped(server, app, msgId));
      expect((await raw(server, app, unsent)).status).toBe(200);
    });

    it("stay once it is switched off, also those that had succeeded before", async () => {
      await wiping();
      const app = await server.application();
      const endpoint = await server.endpoint(app);
      const message = await server.message(app);
      await stands(server, { app, message, endpoint, status: SUCCEEDED });
      await wiping(false);
      await look(server);
      await wiping();
      await look(server, 2 * WIPE_LOOK_AGAIN_MIN_MS);
      expect((await raw(server, app, message)).status).toBe(200);
      const next = await server.message(app);
      await server.until(isWiped(server, app, next));
    });

    it("of another environment stay", async () => {
      await wiping();
      const { key } = server.sandbox;
      const app = (await server.call("POST", "/api/v1/app", { key, body: { name: "Studio" } })).json.id;
      await server.call("POST", `/api/v1/app/${app}/endpoint`, {
        key,
        body: { url: "https://example.com/" },
      });
      const sent = server.posts.length;
      const body = { eventType: "order.completed", payload: {} };
      const message = (await server.call("POST", `/api/v1/app/${app}/msg`, { key, body })).json.id;
      await server.until(async () => server.posts.length > sent);
      await look(server);
      const path = `/api/v1/app/${app}/msg/${message}/raw`;
      expect((await server.call("GET", path, { key })).status).toBe(200);
    });
  });
}
