import { expect, test } from "vitest";
import type { Endpoint } from "../../domain/endpoint.ts";
import { ID_PREFIX } from "../../domain/ids.ts";
import { WIPE_LOOK_AGAIN_MIN_MS } from "../../domain/limits.ts";
import type { Message } from "../../domain/message.ts";
import { DAY_MS } from "../../domain/time.ts";
import type { SettledDelivery } from "../port.ts";
import { FIRST_PAGE, Scene } from "./scene.ts";
import { type MakeStore, setupWithOwnStore, setupWithSharedStore } from "./setup.ts";

const look = ({ store, environment, now }: Scene, limit = 100) =>
  store.contents.wipe({ environmentId: environment.id, now, limit });

const payloadOf = async ({ store }: Scene, { appId, id }: Message): Promise<string | null | undefined> =>
  (await store.history.findMessage({ appId, ref: id }))?.payload;

/** One delivery of a leased message that succeeded, in an environment that deletes payloads then. */
const success = (
  scene: Scene,
  message: Message,
  { id: endpointId }: Pick<Endpoint, "id"> = scene.endpoint,
  over: Partial<SettledDelivery> = {},
): SettledDelivery =>
  scene.settled(scene.delivery(message, { endpointId }), { wipeIn: scene.environment.id, ...over });

/** One that failed for good. */
const failure = (scene: Scene, message: Message, { id: endpointId }: Endpoint): SettledDelivery => {
  const delivery = scene.delivery(message, { endpointId });
  const attempt = scene.newAttempt(delivery, { status: "fail", statusCode: 500, deliveryState: "failed" });
  return scene.settled(delivery, { attempt });
};

/** Resends a message and lets that attempt succeed. */
async function resent(scene: Scene, message: Message, endpoint: Endpoint): Promise<void> {
  const { id: messageId, appId } = message;
  await scene.store.deliveries.resend({ appId, endpointId: endpoint.id, messageId, now: 0 });
  const [claimed] = await scene.claimDue({ endpoints: [endpoint] });
  const delivery = claimed!.delivery;
  await scene.settle(scene.settled(delivery, { wipeIn: scene.environment.id }));
}

export function wipeSuite(makeStore: MakeStore): void {
  deliveredSuite(setupWithSharedStore(makeStore));
  owedSuite(setupWithSharedStore(makeStore));
  pollingSuite(setupWithSharedStore(makeStore));
  stepsSuite(setupWithOwnStore(makeStore));
}

type Setup = () => Promise<Scene>;

function deliveredSuite(setup: Setup): void {
  test("a payload goes once the last delivery has succeeded; attempts and other messages stay", async () => {
    const scene = await setup();
    const other = await scene.addEndpoint();
    const endpoints = [scene.endpoint, other] as const;
    const message = await scene.accept({ endpoints, leased: true });
    const [unnoted] = await scene.deliver();
    await scene.settle(success(scene, message));
    expect(await look(scene)).toEqual({ looked: 1, wiped: 0 });
    expect(await payloadOf(scene, message)).toBe(message.payload);
    await scene.settle(success(scene, message, other));
    expect(await look(scene)).toEqual({ looked: 1, wiped: 1 });
    expect(await scene.store.history.findMessage({ appId: scene.app.id, ref: message.id })).toEqual({
      ...message,
      payload: null,
    });
    const query = { appId: scene.app.id, messageId: message.id, page: FIRST_PAGE };
    expect(
      await scene.store.history.listAttempts({ ...query, withBody: true, withMessage: false }),
    ).toHaveLength(2);
    expect(await payloadOf(scene, unnoted)).toBe(unnoted.payload);
    expect(await look(scene)).toEqual({ looked: 0, wiped: 0 });
  });

  test("both deliveries of one message may succeed in one commit, beside those of other applications", async () => {
    const scene = await setup();
    const other = await scene.addEndpoint();
    const message = await scene.accept({ endpoints: [scene.endpoint, other], leased: true });
    const app = await scene.addApplication();
    const elsewhere = await scene.addEndpoint({ appId: app.id });
    const theirs = await scene.accept({ appId: app.id, endpoints: [elsewhere], leased: true });
    await scene.settle(
      success(scene, message, other),
      success(scene, theirs, elsewhere),
      success(scene, message),
    );
    expect(await look(scene)).toEqual({ looked: 2, wiped: 2 });
    expect([await payloadOf(scene, message), await payloadOf(scene, theirs)]).toEqual([null, null]);
  });

  test("one that failed at an endpoint stays until a resend succeeds there", async () => {
    const scene = await setup();
    const other = await scene.addEndpoint();
    const message = await scene.accept({ endpoints: [scene.endpoint, other], leased: true });
    await scene.settle(success(scene, message), failure(scene, message, other));
    expect(await look(scene)).toEqual({ looked: 1, wiped: 0 });
    await scene.runtime.advance(DAY_MS);
    expect(await look(scene)).toEqual({ looked: 0, wiped: 0 });
    expect(await payloadOf(scene, message)).toBe(message.payload);
    await resent(scene, message, other);
    expect(await look(scene)).toEqual({ looked: 1, wiped: 1 });
  });

  test("what was called off does not keep it, once it is looked at again", async () => {
    const scene = await setup();
    const other = await scene.addEndpoint();
    const message = await scene.accept({ endpoints: [scene.endpoint, other] });
    const [claimed] = await scene.claimDue();
    await scene.settle(scene.settled(claimed!.delivery, { wipeIn: scene.environment.id }));
    expect(await look(scene)).toEqual({ looked: 1, wiped: 0 });
    await scene.store.cancellations.cancelOwed({
      appId: scene.app.id,
      endpointId: other.id,
      url: other.url,
      from: message.id,
      through: message.id,
      now: scene.now,
      attemptIds: [scene.id(ID_PREFIX.attempt)],
    });
    expect(await look(scene)).toEqual({ looked: 0, wiped: 0 });
    await scene.runtime.advance(WIPE_LOOK_AGAIN_MIN_MS);
    expect(await look(scene)).toEqual({ looked: 1, wiped: 1 });
  });

  test("one whose payload or message is gone already is not looked at again", async () => {
    const scene = await setup();
    const message = await scene.accept({ leased: true });
    await scene.settle(success(scene, message));
    await scene.store.contents.expungeMessages({ appId: scene.app.id, ids: [message.id] });
    expect(await look(scene)).toEqual({ looked: 1, wiped: 0 });
    const gone = scene.newMessage();
    await scene.settle(success(scene, gone));
    expect(await look(scene)).toEqual({ looked: 1, wiped: 0 });
    await scene.runtime.advance(DAY_MS);
    expect(await look(scene)).toEqual({ looked: 0, wiped: 0 });
  });
}

function owedSuite(setup: Setup): void {
  test("one that is held, waits for a retry or is paused elsewhere keeps its payload", async () => {
    const scene = await setup();
    const off = await scene.addEndpoint({ disabled: true });
    const other = await scene.addEndpoint();
    const later = { kind: "retry", at: scene.now + DAY_MS, attempts: 1 } as const;
    const states: Partial<SettledDelivery>[] = [{ next: later }, { next: { kind: "paused", attempts: 1 } }];
    const held = await scene.accept({ endpoints: [scene.endpoint, other], leased: true });
    await scene.settle(success(scene, held));
    const messages = [held];
    for (const [index, state] of states.entries()) {
      const elsewhere = index === 0 ? other : off;
      const message = await scene.accept({ endpoints: [scene.endpoint, elsewhere], leased: true });
      const waiting = scene.delivery(message, { endpointId: elsewhere.id });
      await scene.settle(success(scene, message), scene.settled(waiting, { attempt: null, ...state }));
      messages.push(message);
    }
    expect(await look(scene)).toEqual({ looked: 3, wiped: 0 });
    await scene.runtime.advance(DAY_MS);
    expect(await look(scene)).toEqual({ looked: 3, wiped: 0 });
    for (const message of messages) expect(await payloadOf(scene, message)).toBe(message.payload);
  });

  test("one that a FIFO endpoint is owed keeps its payload", async () => {
    const scene = await setup();
    const fifo = await scene.addEndpoint({ fifo: true });
    const message = await scene.accept({ endpoints: [scene.endpoint, fifo] });
    const [claimed] = await scene.claimDue();
    await scene.settle(scene.settled(claimed!.delivery, { wipeIn: scene.environment.id }));
    expect(await look(scene)).toEqual({ looked: 1, wiped: 0 });
    const [last] = await scene.claimDue({ endpoints: [fifo], fifo: true });
    expect(last!.payload).toBe(message.payload);
    await scene.settle(scene.settled(last!.delivery, { wipeIn: scene.environment.id }));
    expect(await look(scene)).toEqual({ looked: 1, wiped: 1 });
  });

  test("one that was resent or replayed before it was looked at goes after that delivery", async () => {
    const scene = await setup();
    const message = await scene.accept({ leased: true });
    await scene.settle(success(scene, message));
    const key = { appId: scene.app.id, endpointId: scene.endpoint.id, messageId: message.id };
    await scene.store.deliveries.resend({ ...key, now: 0 });
    expect(await look(scene)).toEqual({ looked: 1, wiped: 0 });
    const [claimed] = await scene.claimDue();
    expect(claimed!.payload).toBe(message.payload);
    await scene.settle(scene.settled(claimed!.delivery, { wipeIn: scene.environment.id }));
    expect(await look(scene)).toEqual({ looked: 1, wiped: 1 });
  });
}

function pollingSuite(setup: Setup): void {
  test("one that a polling endpoint hands out stays until each of its consumers has read past it", async () => {
    const scene = await setup();
    const { polling } = scene.store;
    const sink = {
      id: scene.id(ID_PREFIX.pollingEndpoint),
      appId: scene.app.id,
      environmentId: scene.environment.id,
      uid: null,
      eventTypes: null,
      metadata: {},
      createdAt: scene.now,
      updatedAt: scene.now,
    };
    await polling.insert(sink, {});
    const accepted = { ...scene.accepted({ leased: true }), polled: true };
    const { message } = accepted;
    await scene.acceptAll([accepted]);
    const unpolled = await scene.accept({ leased: true });
    await scene.settle(success(scene, message), success(scene, unpolled));
    // Nobody has read it, and without consumers nobody says so.
    expect(await look(scene)).toEqual({ looked: 2, wiped: 1 });
    const lookAgain = async (): Promise<number> => {
      await scene.runtime.advance(DAY_MS);
      return (await look(scene)).wiped;
    };
    const { head } = await polling.sequence({ appId: scene.app.id, limit: 10 });
    expect(await lookAgain()).toBe(0);
    const consumer = { appId: scene.app.id, endpointId: sink.id, leasedTo: 0, leasedUntil: 0, version: 0 };
    await polling.saveConsumer({ ...consumer, name: "quick", position: head });
    await polling.saveConsumer({ ...consumer, name: "slow", position: head - 1 });
    expect(await lookAgain()).toBe(0);
    expect(await payloadOf(scene, message)).toBe(message.payload);
    await polling.saveConsumer({ ...consumer, name: "slow", position: head, version: 1 });
    expect(await lookAgain()).toBe(1);
    expect(await payloadOf(scene, message)).toBeNull();
  });

  test("one whose polling endpoint was deleted goes", async () => {
    const scene = await setup();
    const accepted = { ...scene.accepted({ leased: true }), polled: true };
    await scene.acceptAll([accepted]);
    await scene.settle(success(scene, accepted.message));
    expect(await look(scene)).toEqual({ looked: 1, wiped: 1 });
  });
}

function stepsSuite(setup: Setup): void {
  test("a step looks at so many, of its environment alone; what has to wait does not hold up others", async () => {
    const scene = await setup();
    const elsewhere = await Scene.make(scene.store, scene.runtime);
    const other = await scene.addEndpoint();
    const waiting = await scene.accept({ endpoints: [scene.endpoint, other], leased: true });
    await scene.settle(success(scene, waiting));
    expect(await look(scene, 1)).toEqual({ looked: 1, wiped: 0 });
    for (let at = 0; at < 5; at++) {
      await scene.settle(success(scene, await scene.accept({ leased: true })));
    }
    await elsewhere.settle(success(elsewhere, await elsewhere.accept({ leased: true })));
    const steps = [await look(scene, 2), await look(scene, 2), await look(scene, 2)];
    expect(steps.map(({ wiped }) => wiped)).toEqual([2, 2, 1]);
    expect(steps.at(-1)).toEqual({ looked: 1, wiped: 1 });
    expect(await look(elsewhere)).toEqual({ looked: 1, wiped: 1 });
  });

  test("several that look at once wipe each message once", async () => {
    const scene = await setup();
    for (let at = 0; at < 30; at++) {
      await scene.settle(success(scene, await scene.accept({ leased: true })));
    }
    const looks = await Promise.all([1, 2, 3, 4, 5, 6].map(() => look(scene, 10)));
    const rest = await look(scene);
    expect([...looks, rest].reduce((sum, { wiped }) => sum + wiped, 0)).toBe(30);
    expect(await look(scene)).toEqual({ looked: 0, wiped: 0 });
  });

  test("what was noted is forgotten, a few at a time", async () => {
    const scene = await setup();
    const environmentId = scene.environment.id;
    const messages: Message[] = [];
    for (let at = 0; at < 3; at++) {
      const message = await scene.accept({ leased: true });
      await scene.settle(success(scene, message));
      messages.push(message);
    }
    const forget = () => scene.store.contents.forgetWipes({ environmentId, limit: 2 });
    expect([await forget(), await forget(), await forget()]).toEqual([2, 1, 0]);
    expect(await look(scene)).toEqual({ looked: 0, wiped: 0 });
    for (const message of messages) expect(await payloadOf(scene, message)).toBe(message.payload);
  });
}
