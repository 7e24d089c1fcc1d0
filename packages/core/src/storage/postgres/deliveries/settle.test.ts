import { afterEach, describe, expect, test } from "vitest";
import { fakeRuntime } from "../../../runtime/testing/fake-runtime.ts";
import type { AcceptedMessage, Store } from "../../port.ts";
import { FIRST_PAGE, Scene } from "../../testing/scene.ts";
import { makeDatabase, noPostgres, openStore } from "../testing/test-database.ts";

let store: Store | undefined;
afterEach(() => store?.close());

async function setUp(): Promise<Scene> {
  store = await openStore(await makeDatabase());
  return Scene.make(store, fakeRuntime());
}

const HOW: readonly { how: string; others: (scene: Scene) => AcceptedMessage[] }[] = [
  { how: "by itself", others: () => [] },
  { how: "beside what is accepted", others: (scene) => [scene.accepted()] },
  {
    how: "beside what is accepted under a key and an event id",
    others: (scene) => [scene.accepted({ idempotency: scene.claim("key"), eventId: "event" })],
  },
];

describe.skipIf(noPostgres)("a settle whose first answer was lost", () => {
  test.each(HOW)("comes again with another one, $how: each attempt is there once", async ({ others }) => {
    const scene = await setUp();
    const messages = [await scene.accept({ leased: true }), await scene.accept({ leased: true })] as const;
    const [first, second] = messages.map((message) => scene.settled(scene.delivery(message)));
    expect(await scene.settle(first!)).toEqual([true]);
    const accepted = others(scene);
    const result = await scene.store.deliveries.commit({ accepted, settled: [first!, second!] });
    expect(result).toEqual({ accepted: accepted.map(() => ({ kind: "accepted" })), settled: [false, true] });
    for (const [place, { attempt }] of [first!, second!].entries()) {
      const { appId, id: messageId } = messages[place]!;
      const query = { appId, messageId, page: FIRST_PAGE, withBody: true, withMessage: false };
      const found = await scene.store.history.listAttempts(query);
      expect(found.map((each) => each.attempt)).toEqual([attempt]);
      expect(await scene.due(messages[place]!)).toBeUndefined();
    }
  });
});
