import { describe, expect, test } from "vitest";
import type { Attempt } from "../../domain/attempt.ts";
import type { Message } from "../../domain/message.ts";
import { SECOND_MS } from "../../domain/time.ts";
import type { AttemptQuery, MessageQuery, Page } from "../port.ts";
import { FIRST_PAGE, type Scene } from "./scene.ts";
import { type MakeStore, setupWithSharedStore } from "./setup.ts";

export function historySuite(makeStore: MakeStore): void {
  const setup = setupWithSharedStore(makeStore);
  describe("messages", () => messageSuite(setup));
  describe("attempts", () => attemptSuite(setup));
  describe("long lists", () => longListSuite(setup));
}

const listMessages = async (scene: Scene, query: Partial<MessageQuery> = {}) =>
  scene.store.history.listMessages({ appId: scene.app.id, page: FIRST_PAGE, withPayload: true, ...query });

const messageIds = async (scene: Scene, query: Partial<MessageQuery> = {}) =>
  (await listMessages(scene, query)).map(({ id }) => id);

function messageSuite(setup: () => Promise<Scene>): void {
  test("messages are listed as they were stored, payload only when asked for", async () => {
    const scene = await setup();
    const message = await scene.accept({ channels: ["a"], tags: ["t"], eventId: "e" });
    expect(await listMessages(scene)).toEqual([message]);
    expect(await listMessages(scene, { withPayload: false })).toEqual([{ ...message, payload: null }]);
  });

  test("another application finds nothing", async () => {
    const scene = await setup();
    const stranger = await scene.addApplication();
    const message = await scene.accept({ eventId: "evt" });
    const { history } = scene.store;
    expect(await messageIds(scene, { appId: stranger.id })).toEqual([]);
    expect(await history.findMessage({ appId: stranger.id, ref: message.id })).toBeNull();
    expect(await history.findMessage({ appId: stranger.id, ref: "evt" })).toBeNull();
  });

  test("messages are paged in both orders", async () => {
    const scene = await setup();
    const all = [];
    for (let count = 0; count < 5; count++) all.push((await scene.accept()).id);
    for (const order of ["ascending", "descending"] as const) {
      const expected = order === "ascending" ? all : all.toReversed();
      const found: string[] = [];
      for (;;) {
        const page: Page = { limit: 2, after: found.at(-1) ?? null, order };
        const next = await messageIds(scene, { page });
        if (next.length === 0) break;
        found.push(...next);
      }
      expect(found).toEqual(expected);
    }
  });

  test("messages are found by channel, tag and event type, also together", async () => {
    const scene = await setup();
    const one = await scene.accept({ channels: ["a", "b"], tags: ["x"], eventType: "t.one" });
    const two = await scene.accept({ channels: ["ab"], tags: ["y\\#/"], eventType: "t.two" });
    const three = await scene.accept({ channels: null, tags: ["x"], eventType: "t.three" });
    expect(await messageIds(scene, { channel: "a" })).toEqual([one.id]);
    expect(await messageIds(scene, { channel: "ab" })).toEqual([two.id]);
    expect(await messageIds(scene, { tag: "x" })).toEqual([one.id, three.id]);
    expect(await messageIds(scene, { tag: "y\\#/" })).toEqual([two.id]);
    expect(await messageIds(scene, { eventTypes: ["t.two", "t.three"] })).toEqual([two.id, three.id]);
    expect(await messageIds(scene, { eventTypes: ["t.two", "t.three"], tag: "x" })).toEqual([three.id]);
    expect(await messageIds(scene, { channel: "none" })).toEqual([]);
  });

  test("messages are found by the time of their making: before, and at or after", async () => {
    const scene = await setup();
    const times: number[] = [];
    const made: Message[] = [];
    for (let count = 0; count < 3; count++) {
      await scene.runtime.advance(SECOND_MS);
      times.push(scene.now);
      made.push(await scene.accept());
    }
    const [first, second, third] = made.map(({ id }) => id);
    expect(await messageIds(scene, { before: times[1]! })).toEqual([first]);
    expect(await messageIds(scene, { after: times[1]! })).toEqual([second, third]);
    expect(await messageIds(scene, { after: times[1]!, before: times[2]! })).toEqual([second]);
    const descending: Page = { limit: 1, after: third!, order: "descending" };
    expect(await messageIds(scene, { after: times[0]!, page: descending })).toEqual([second]);
    const ascending: Page = { limit: 5, after: first!, order: "ascending" };
    expect(await messageIds(scene, { before: times[2]!, page: ascending })).toEqual([second]);
  });
}

const listAttempts = (scene: Scene, query: Partial<AttemptQuery>) =>
  scene.store.history.listAttempts({
    appId: scene.app.id,
    page: FIRST_PAGE,
    withBody: true,
    withMessage: false,
    ...query,
  });

const attemptIds = async (scene: Scene, query: Partial<AttemptQuery>) =>
  (await listAttempts(scene, query)).map(({ attempt }) => attempt.id);

function attemptSuite(setup: () => Promise<Scene>): void {
  test("attempts are listed by endpoint and by message, body and message only when asked for", async () => {
    const scene = await setup();
    const other = await scene.addEndpoint();
    const [message, attempt] = await scene.deliver();
    const [, foreign] = await scene.deliver({ endpoints: [other] });
    const byEndpoint = { endpointId: scene.endpoint.id };
    expect(await listAttempts(scene, byEndpoint)).toEqual([{ attempt, message: null }]);
    expect(await listAttempts(scene, { ...byEndpoint, withMessage: true })).toEqual([{ attempt, message }]);
    expect(await listAttempts(scene, { ...byEndpoint, withBody: false })).toEqual([
      { attempt: { ...attempt, responseBody: "" }, message: null },
    ]);
    expect(await attemptIds(scene, { endpointId: other.id })).toEqual([foreign.id]);
    expect(await attemptIds(scene, { messageId: message.id })).toEqual([attempt.id]);
    expect(await attemptIds(scene, { messageId: message.id, endpointId: other.id })).toEqual([]);
  });

  test("another application finds nothing", async () => {
    const scene = await setup();
    const { id: appId } = await scene.addApplication();
    const [message, attempt] = await scene.deliver();
    expect(await attemptIds(scene, { appId, endpointId: scene.endpoint.id })).toEqual([]);
    expect(await attemptIds(scene, { appId, messageId: message.id })).toEqual([]);
    const key = { appId, messageId: message.id, attemptId: attempt.id };
    expect(await scene.store.history.findAttempt(key)).toBeNull();
    const wrongMessage = { appId: scene.app.id, messageId: "msg_x", attemptId: attempt.id };
    expect(await scene.store.history.findAttempt(wrongMessage)).toBeNull();
  });

  test("attempts are found by status and by the hundred of their status code", async () => {
    const scene = await setup();
    const made: Attempt[] = [];
    for (const [status, statusCode] of [
      ["success", 200],
      ["success", 299],
      ["fail", 404],
      ["fail", 500],
      ["fail", 0],
      ["canceled", 0],
    ] as const) {
      made.push((await scene.deliver({}, { status, statusCode }))[1]);
    }
    const expected = (keep: (attempt: Attempt) => boolean) => made.filter(keep).map(({ id }) => id);
    const { id: endpointId } = scene.endpoint;
    for (const status of ["success", "fail", "canceled"] as const) {
      expect(await attemptIds(scene, { endpointId, status })).toEqual(expected((a) => a.status === status));
    }
    expect(await attemptIds(scene, { endpointId, statusCodeClass: 200 })).toEqual(
      expected(({ statusCode }) => statusCode >= 200 && statusCode < 300),
    );
    expect(await attemptIds(scene, { endpointId, statusCodeClass: 400, status: "fail" })).toEqual(
      expected(({ statusCode }) => statusCode === 404),
    );
    expect(await attemptIds(scene, { endpointId, statusCodeClass: 300 })).toEqual([]);
  });

  test("attempts are found by what their message carries", async () => {
    const scene = await setup();
    const { id: endpointId } = scene.endpoint;
    const [first, one] = await scene.deliver({ channels: ["a"], tags: ["x"], eventType: "t.one" });
    const [, two] = await scene.deliver({ channels: ["b"], tags: ["x"], eventType: "t.two" });
    expect(await attemptIds(scene, { endpointId, channel: "a" })).toEqual([one.id]);
    expect(await attemptIds(scene, { endpointId, tag: "x" })).toEqual([one.id, two.id]);
    expect(await attemptIds(scene, { endpointId, eventTypes: ["t.two"] })).toEqual([two.id]);
    expect(await attemptIds(scene, { endpointId, eventTypes: ["t.two"], channel: "a" })).toEqual([]);
    expect(await attemptIds(scene, { messageId: first.id, tag: "x", status: "success" })).toEqual([one.id]);
    expect(await listAttempts(scene, { endpointId, channel: "a", withMessage: true })).toEqual([
      { attempt: one, message: first },
    ]);
  });

  test("attempts are paged in both orders and bounded by time", async () => {
    const scene = await setup();
    const { id: endpointId } = scene.endpoint;
    const all: string[] = [];
    const times: number[] = [];
    for (let count = 0; count < 5; count++) {
      await scene.runtime.advance(SECOND_MS);
      times.push(scene.now);
      all.push((await scene.deliver())[1].id);
    }
    for (const order of ["ascending", "descending"] as const) {
      const found: string[] = [];
      for (;;) {
        const next = await attemptIds(scene, {
          endpointId,
          page: { limit: 2, after: found.at(-1) ?? null, order },
        });
        if (next.length === 0) break;
        found.push(...next);
      }
      expect(found).toEqual(order === "ascending" ? all : all.toReversed());
    }
    expect(await attemptIds(scene, { endpointId, before: times[2]! })).toEqual(all.slice(0, 2));
    expect(await attemptIds(scene, { endpointId, after: times[2]! })).toEqual(all.slice(2));
  });

  test("the attempts of one message are paged as well", async () => {
    const scene = await setup();
    const message = await scene.accept({ leased: true });
    const made: string[] = [];
    for (let attempts = 0; attempts < 5; attempts++) {
      const delivery = scene.delivery(message, { attempts });
      const settled = scene.settled(delivery, {
        next: { kind: "retry", at: scene.now, attempts: attempts + 1 },
      });
      await scene.settle(settled);
      await scene.claimDue();
      made.push(settled.attempt!.id);
    }
    const page: Page = { limit: 2, after: made[3]!, order: "descending" };
    expect(await attemptIds(scene, { messageId: message.id, page })).toEqual([made[2], made[1]]);
    expect(await attemptIds(scene, { messageId: message.id })).toEqual(made);
  });
}

/** Long enough that a store may keep its newest rows elsewhere and read a filtered list in parts. */
function longListSuite(setup: () => Promise<Scene>): void {
  const MESSAGES = 6_000;
  const BATCH = 500;

  const fill = async (scene: Scene) => {
    const messages: Message[] = [];
    const attempts: Attempt[] = [];
    for (let made = 0; made < MESSAGES; made += BATCH) {
      const accepted = Array.from({ length: BATCH }, (_, index) =>
        scene.accepted({ leased: true, tags: [`n${(made + index) % 1_500}`] }),
      );
      await scene.acceptAll(accepted);
      const settled = accepted.map(({ message }, index) => {
        const delivery = scene.delivery(message);
        const failed = { status: "fail", statusCode: 503 } as const;
        const attempt = scene.newAttempt(delivery, (made + index) % 1_500 === 7 ? failed : {});
        return scene.settled(delivery, { attempt });
      });
      await scene.settle(...settled);
      messages.push(...accepted.map(({ message }) => message));
      attempts.push(...settled.map(({ attempt }) => attempt!));
    }
    return { messages: messages.map(({ id }) => id), attempts: attempts.map(({ id }) => id) };
  };

  test("long lists are complete and in order, filtered or not, from either end", async () => {
    const scene = await setup();
    await scene.addApplication();
    const made = await fill(scene);
    const { id: appId } = scene.app;
    const { id: endpointId } = scene.endpoint;
    const lists = {
      messages: async (page: Page, tag?: string) =>
        (await scene.store.history.listMessages({ appId, page, tag, withPayload: false })).map(
          ({ id }) => id,
        ),
      attempts: async (page: Page, tag?: string) => {
        const query = { appId, endpointId, page, tag, withBody: false, withMessage: false };
        return (await scene.store.history.listAttempts(query)).map(({ attempt }) => attempt.id);
      },
    };
    for (const kind of ["messages", "attempts"] as const) {
      for (const order of ["ascending", "descending"] as const) {
        const expected = order === "ascending" ? made[kind] : made[kind].toReversed();
        const found: string[] = [];
        for (;;) {
          const next = await lists[kind]({ limit: 250, after: found.at(-1) ?? null, order });
          if (next.length === 0) break;
          found.push(...next);
        }
        expect(found).toEqual(expected);
        const tagged = made[kind].filter((_, index) => index % 1_500 === 7);
        expect(await lists[kind]({ limit: 50, after: null, order }, "n7")).toEqual(
          order === "ascending" ? tagged : tagged.toReversed(),
        );
        expect(await lists[kind]({ limit: 2, after: null, order }, "n7")).toHaveLength(2);
        expect(await lists[kind]({ limit: 2, after: null, order }, "none")).toEqual([]);
        if (kind === "messages") continue;
        const outcomes: Partial<AttemptQuery>[] = [{ status: "fail" }, { statusCodeClass: 500 }];
        for (const outcome of outcomes) {
          const page = { limit: 50, after: null, order };
          expect(await attemptIds(scene, { endpointId, page, ...outcome })).toEqual(
            order === "ascending" ? tagged : tagged.toReversed(),
          );
        }
      }
    }
  });
}
