import { expect, test } from "vitest";
import { EXPUNGED } from "../port-contents.ts";
import { type MakeStore, setupWithSharedStore } from "./setup.ts";

export function contentsSuite(makeStore: MakeStore): void {
  const setup = setupWithSharedStore(makeStore);

  test("a payload is cleared for good, and what is owed of it is handed out without one", async () => {
    const scene = await setup();
    const message = await scene.accept();
    const kept = await scene.accept();
    const { contents, history } = scene.store;
    const ids = [message.id, "msg_of_nobody"];
    await contents.expungeMessages({ appId: scene.app.id, ids });
    await contents.expungeMessages({ appId: scene.app.id, ids });
    const found = await history.findMessage({ appId: scene.app.id, ref: message.id });
    expect(found).toEqual({ ...message, payload: null });
    const claimed = await scene.claimDue();
    expect(claimed.map(({ payload }) => payload)).toEqual([null, kept.payload]);
  });

  test("another application's payloads stay", async () => {
    const scene = await setup();
    const message = await scene.accept();
    const other = await scene.addApplication();
    await scene.store.contents.expungeMessages({ appId: other.id, ids: [message.id] });
    expect(await scene.store.history.findMessage({ appId: scene.app.id, ref: message.id })).toEqual(message);
  });

  test("a response is replaced by a word; the rest of the attempt stays", async () => {
    const scene = await setup();
    const [message, attempt] = await scene.deliver({}, { responseBody: Uint8Array.from([0xff, 1]) });
    const key = { appId: scene.app.id, messageId: message.id, attemptId: attempt.id };
    expect(await scene.store.contents.expungeAttempt(key)).toBe(true);
    expect(await scene.store.history.findAttempt(key)).toEqual({ ...attempt, responseBody: EXPUNGED });
    expect(await scene.store.contents.expungeAttempt({ ...key, messageId: "msg_x" })).toBe(false);
  });
}
