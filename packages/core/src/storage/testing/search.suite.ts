import fc from "fast-check";
import { expect, test } from "vitest";
import {
  LIST_SCAN_ROWS,
  SEARCH_STEPS_MAX,
  SEARCH_TEXT_BYTES_MAX,
  SEARCH_TEXT_ROWS,
} from "../../domain/limits.ts";
import type { Message } from "../../domain/message.ts";
import { searchWords } from "../../domain/search.ts";
import { SECOND_MS } from "../../domain/time.ts";
import type { Page } from "../port.ts";
import type { MessageSearch } from "../port-search.ts";
import { FIRST_PAGE, type Scene } from "./scene.ts";
import { type MakeStore, setupWithSharedStore } from "./setup.ts";

type Asked = Partial<Omit<MessageSearch, "words">> & { text?: string };

const look = (scene: Scene, { text = "", ...query }: Asked = {}) =>
  scene.store.search.findMessages({
    appId: scene.app.id,
    page: FIRST_PAGE,
    withPayload: true,
    words: searchWords(text),
    ...query,
  });

/** Everything, look by look, as a caller goes on; `looks`: how many it took. */
async function findAll(scene: Scene, asked: Asked = {}): Promise<{ ids: string[]; looks: number }> {
  const ids: string[] = [];
  let page = asked.page ?? FIRST_PAGE;
  for (let looks = 1; ; looks++) {
    const { messages, after } = await look(scene, { ...asked, page });
    ids.push(...messages.map(({ id }) => id));
    const next = messages.length === page.limit ? messages.at(-1)!.id : after;
    if (next === null) return { ids, looks };
    page = { ...page, after: next };
  }
}

const foundIds = async (scene: Scene, asked: Asked = {}) => (await findAll(scene, asked)).ids;

const ORDER = {
  id: "ord_7Qx2",
  customer: { email: "Ada.Lovelace@Example.com", name: "Ada Lovelace" },
};
const PAYLOAD = `${JSON.stringify(ORDER).slice(0, -1)},"total":12345678901234567890 }`;

/** Finding messages by what they carry and by the words of their payloads. */
export function searchSuite(makeStore: MakeStore): void {
  const setup = setupWithSharedStore(makeStore);

  test("a message is found by words of its payload, whatever their case, and not by names of fields", async () => {
    const scene = await setup();
    const message = await scene.accept({ payload: PAYLOAD });
    await scene.accept({ payload: '{"customer":{"email":"grace@example.com"}}' });
    const found = ["ord_7qx2", "ORD_7QX2", "ada.lovelace@example.com", "lovelace", "12345678901234567890"];
    for (const text of [...found, "Lovelace ada", "  ada\tord_7Qx2 ", '"Ada Lovelace",']) {
      expect([text, (await look(scene, { text })).messages]).toEqual([text, [message]]);
    }
    for (const text of ["ord_7", "customer", "ada grace", "love", "1234567890", "12345678901234567000"]) {
      expect([text, (await look(scene, { text })).messages]).toEqual([text, []]);
    }
    expect(await foundIds(scene, { text: "example.com" })).toHaveLength(2);
  });

  test("escapes, other scripts and payloads that are no JSON are looked into as well", async () => {
    const scene = await setup();
    const escaped = await scene.accept({ payload: '{"a":"Zo\\u00eb \\u0041da","b":"x\\"y"}' });
    const greek = await scene.accept({ payload: '{"a":["\u0395\u03bb\u03ad\u03bd\u03b7"]}' });
    const raw = await scene.accept({ payload: 'not json: "open' });
    expect(await foundIds(scene, { text: "zo\u00cb" })).toEqual([escaped.id]);
    expect(await foundIds(scene, { text: "ada" })).toEqual([escaped.id]);
    expect(await foundIds(scene, { text: 'x"y' })).toEqual([escaped.id]);
    expect(await foundIds(scene, { text: "\u03b5\u03bb\u03ad\u03bd\u03b7" })).toEqual([greek.id]);
    expect(await foundIds(scene, { text: "json open" })).toEqual([raw.id]);
  });

  test("the payload comes when it is asked for", async () => {
    const scene = await setup();
    const message = await scene.accept({ payload: PAYLOAD, tags: ["t"], channels: ["c"] });
    const { messages } = await look(scene, { text: "lovelace", withPayload: false });
    expect(messages).toEqual([{ ...message, payload: null }]);
  });

  test("words go together with channel, tag, event type and time", async () => {
    const scene = await setup();
    const made: Message[] = [];
    const times: number[] = [];
    for (const [eventType, tag, channel] of [
      ["t.one", "x", "a"],
      ["t.two", "x", "b"],
      ["t.two", "y", "a"],
    ] as const) {
      await scene.runtime.advance(SECOND_MS);
      times.push(scene.now);
      made.push(await scene.accept({ eventType, tags: [tag], channels: [channel], payload: '{"a":"word"}' }));
    }
    await scene.accept({ eventType: "t.one", tags: ["x"], channels: ["a"], payload: '{"a":"other"}' });
    const [one, two, three] = made.map(({ id }) => id);
    const text = "word";
    expect(await foundIds(scene, { text, tag: "x" })).toEqual([one, two]);
    expect(await foundIds(scene, { text, channel: "a" })).toEqual([one, three]);
    expect(await foundIds(scene, { text, eventTypes: ["t.two", "t.three"] })).toEqual([two, three]);
    expect(await foundIds(scene, { text, eventTypes: ["t.two"], tag: "y", channel: "a" })).toEqual([three]);
    expect(await foundIds(scene, { text, after: times[1]!, before: times[2]! })).toEqual([two]);
    expect(await foundIds(scene, { tag: "x", eventTypes: ["t.two"] })).toEqual([two]);
    expect(await foundIds(scene, { text, tag: "none" })).toEqual([]);
  });

  test("another application finds nothing", async () => {
    const scene = await setup();
    const { id: appId } = await scene.addApplication();
    await scene.accept({ payload: PAYLOAD, tags: ["x"] });
    expect(await foundIds(scene, { appId, text: "lovelace" })).toEqual([]);
    expect(await foundIds(scene, { appId, tag: "x" })).toEqual([]);
  });

  test("a payload that was deleted is not found, nor is one that expired", async () => {
    const scene = await setup();
    const kept = await scene.accept({ payload: PAYLOAD });
    const expunged = await scene.accept({ payload: PAYLOAD });
    await scene.accept({ payload: PAYLOAD, payloadExpiresAt: scene.now + 1 });
    await scene.store.contents.expungeMessages({ appId: scene.app.id, ids: [expunged.id] });
    await scene.runtime.advance(SECOND_MS);
    const { id: environmentId } = scene.environment;
    await scene.store.history.prune({ environmentId, before: 0, now: scene.now, limit: 100 });
    expect(await foundIds(scene, { text: "lovelace" })).toEqual([kept.id]);
  });

  test("found messages are paged in both orders", async () => {
    const scene = await setup();
    const all: string[] = [];
    for (let count = 0; count < 7; count++) {
      const { id } = await scene.accept({ payload: `{"a":"n${count % 2} word"}`, tags: [`t${count % 2}`] });
      if (count % 2 === 0) all.push(id);
    }
    for (const order of ["ascending", "descending"] as const) {
      const page: Page = { limit: 2, after: null, order };
      const expected = order === "ascending" ? all : all.toReversed();
      expect(await foundIds(scene, { text: "n0", page })).toEqual(expected);
      expect(await foundIds(scene, { tag: "t0", page })).toEqual(expected);
      expect(await foundIds(scene, { text: "word n0", tag: "t0", page })).toEqual(expected);
    }
  });

  test("what is rare in a long history is found, look by look", async () => {
    const scene = await setup();
    const MESSAGES = 8 * SEARCH_TEXT_ROWS;
    const rare: string[] = [];
    for (let made = 0; made < MESSAGES; made += 500) {
      const batch = Array.from({ length: 500 }, (_, index) => {
        const isRare = (made + index) % 3_000 === 7;
        const payload = `{"a":"${isRare ? "needle" : "hay"}"}`;
        return scene.accepted({ leased: true, payload, tags: [isRare ? "rare" : "often"] });
      });
      await scene.acceptAll(batch);
      rare.push(
        ...batch.filter(({ message }) => message.tags?.[0] === "rare").map(({ message }) => message.id),
      );
    }
    for (const order of ["ascending", "descending"] as const) {
      const expected = order === "ascending" ? rare : rare.toReversed();
      for (const asked of [{ text: "needle" }, { tag: "rare" }, { text: "needle", tag: "rare" }]) {
        const page: Page = { limit: 50, after: null, order };
        expect(await foundIds(scene, { ...asked, page })).toEqual(expected);
      }
      expect(await foundIds(scene, { text: "nowhere", page: { limit: 5, after: null, order } })).toEqual([]);
    }
  });

  test("attempts of messages that are rare in a long history are found, look by look", async () => {
    const scene = await setup();
    const MESSAGES = 3.5 * SEARCH_STEPS_MAX * LIST_SCAN_ROWS;
    const BATCH = 500;
    const rare: string[] = [];
    for (let made = 0; made < MESSAGES; made += BATCH) {
      const batch = Array.from({ length: BATCH }, (_, index) =>
        scene.accepted({ leased: true, tags: [(made + index) % 9_000 === 7 ? "rare" : "often"] }),
      );
      await scene.acceptAll(batch);
      const settled = batch.map(({ message }) => scene.settled(scene.delivery(message)));
      await scene.settle(...settled);
      rare.push(
        ...settled
          .filter((_, index) => batch[index]!.message.tags?.[0] === "rare")
          .map(({ attempt }) => attempt!.id),
      );
    }
    for (const order of ["ascending", "descending"] as const) {
      const ids: string[] = [];
      let looks = 0;
      for (let page: Page | null = { limit: 50, after: null, order }; page !== null; looks++) {
        const { attempts, after } = await scene.store.search.findAttempts({
          appId: scene.app.id,
          endpointId: scene.endpoint.id,
          tag: "rare",
          withBody: false,
          withMessage: true,
          page,
        });
        ids.push(...attempts.map(({ attempt }) => attempt.id));
        expect(attempts.every(({ message }) => message?.tags?.[0] === "rare")).toBe(true);
        page = after === null ? null : { ...page, after };
      }
      expect(ids).toEqual(order === "ascending" ? rare : rare.toReversed());
      expect(looks).toBeLessThanOrEqual(4);
    }
  });

  test("large payloads end a look early, and nothing is passed over", async () => {
    const scene = await setup();
    const PAYLOAD_CHARS = SEARCH_TEXT_BYTES_MAX / 8;
    const filler = "hay ".repeat(PAYLOAD_CHARS / 4);
    const rare: string[] = [];
    for (let count = 0; count < 30; count++) {
      const { id } = await scene.accept({
        payload: `{"a":"${filler}","b":"${count % 9 === 0 ? "needle" : ""}"}`,
      });
      if (count % 9 === 0) rare.push(id);
    }
    expect(await foundIds(scene, { text: "needle", withPayload: false })).toEqual(rare);
  });

  test("a payload is found by every word of its values", async () => {
    const scene = await setup();
    const text = fc.string({ unit: fc.constantFrom(...'aB1 .-_@"\\/\u00e9\u0130'.split("")) });
    await fc.assert(
      fc.asyncProperty(fc.dictionary(text, text), async (value) => {
        const { id } = await scene.accept({ payload: JSON.stringify(value) });
        for (const words of Object.values(value)) {
          if (searchWords(words).length === 0) continue;
          const page: Page = { limit: 1, after: null, order: "descending" };
          expect(await foundIds(scene, { text: words, page, after: scene.now })).toContain(id);
        }
      }),
      { numRuns: 30 },
    );
  });
}
