import { expect, test } from "vitest";
import type { Application } from "../../domain/application.ts";
import type { Endpoint } from "../../domain/endpoint.ts";
import {
  IN_FLIGHT_FIRST_MAX,
  IN_FLIGHT_MAX,
  IN_FLIGHT_UNPROVEN_MAX,
  LANE_CONCURRENCY,
  LANE_QUEUE_MAX,
} from "../../domain/limits.ts";
import { fakeRuntime, type FakeRuntime } from "../../runtime/testing/fake-runtime.ts";
import { newEndpoint } from "../testing/new-entities.ts";
import type { Lane, QueuedDelivery } from "./lane.ts";
import { Scheduler } from "./scheduler.ts";
import type { SlotKind } from "./slots.ts";

interface Started {
  readonly lane: Lane;
  readonly item: QueuedDelivery;
  readonly slot: SlotKind;
  readonly at: number;
}

function setup(): {
  runtime: FakeRuntime;
  scheduler: Scheduler;
  started: Started[];
  lane: (name: string, appId?: string, changes?: Partial<Endpoint>, app?: Partial<Application>) => Lane;
  fill: (lane: Lane, count: number, bytes?: number) => void;
  finish: (start: Started, signal?: "ok" | "fail" | "slow") => void;
} {
  const runtime = fakeRuntime();
  const started: Started[] = [];
  const scheduler: Scheduler = new Scheduler({
    runtime,
    onHungry: () => {},
    startAttempt: (lane, item, slot) =>
      void started.push({ lane, item, slot, at: runtime.clock.monotonic() }),
  });
  let messages = 0;
  return {
    runtime,
    scheduler,
    started,
    lane: (name, appId = "app_a", changes = {}, app = {}) =>
      scheduler.laneOf(application(appId, app), newEndpoint(name, appId, changes)),
    fill(lane, count, bytes = 600) {
      for (let index = 0; index < count; index++) {
        const messageId = `msg_${String(messages++).padStart(6, "0")}`;
        const key = { appId: lane.appId, endpointId: lane.endpoint.id, messageId };
        scheduler.enqueue(lane, {
          delivery: { ...key, attempts: 0, trigger: "scheduled", once: false, order: 0 },
          leaseId: "node_a",
          eventType: "order.completed",
          payload: "{}",
          bytes,
          committedAt: null,
        });
      }
    },
    finish: ({ lane, slot, item }, signal = "ok") =>
      scheduler.finished(lane, { slot, item, signal, retryAfterMs: null }),
  };
}

function application(id: string, changes: Partial<Application>): Application {
  const base = { environmentId: "env_1", uid: null, name: id, throttleRate: null, metadata: {} };
  return { id, ...base, createdAt: 0, updatedAt: 0, ...changes };
}

test("a hanging endpoint holds a few slots and delays no other", async () => {
  const { runtime, started, lane, fill, finish } = setup();
  fill(lane("hanging"), 200);
  const healthy = lane("healthy", "app_b");
  fill(healthy, 200);
  let done = 0;
  for (let round = 0; round < 100; round++) {
    await runtime.advance(1);
    for (; done < started.length; done++) {
      const start = started[done];
      if (start?.lane === healthy) finish(start);
    }
  }
  expect(started.filter((start) => start.lane === healthy)).toHaveLength(200);
  expect(started.length - 200).toBeLessThanOrEqual(LANE_CONCURRENCY);
});

test("an application with a flood gets its share, not the queue: others take turns with it", async () => {
  const { runtime, started, lane, fill } = setup();
  for (let index = 0; index < 50; index++) fill(lane(`flood${index}`, "app_flood"), 4, 8_000);
  fill(lane("quiet", "app_quiet"), 4, 8_000);
  await runtime.advance(1);
  const order = started.map((start) => start.lane.appId);
  expect(order.lastIndexOf("app_quiet")).toBeLessThan(12);
});

test("a payload larger than the quantum is sent, and paid for before the application's next turn", async () => {
  const { runtime, started, lane, fill } = setup();
  fill(lane("big", "app_big"), 2, 500_000);
  fill(lane("small", "app_small"), 4, 600);
  for (let round = 0; round < 20; round++) await runtime.advance(1);
  expect(started.map((start) => start.lane.appId)).toEqual([
    "app_big",
    "app_small",
    "app_small",
    "app_small",
    "app_small",
    "app_big",
  ]);
});

test("a FIFO lane has one attempt in flight, in the order of its queue", async () => {
  const { runtime, started, lane, fill, finish } = setup();
  fill(lane("fifo", "app_a", { fifo: true }), 5);
  for (let index = 0; index < 5; index++) {
    await runtime.advance(1);
    expect(started).toHaveLength(index + 1);
    const start = started[index];
    if (start) finish(start);
  }
  const ids = started.map(({ item }) => item.delivery.messageId);
  expect(ids.toSorted()).toEqual(ids);
});

test("an endpoint's rate is enforced over time", async () => {
  const { runtime, started, lane, fill, finish } = setup();
  fill(lane("slow", "app_a", { throttleRate: 10 }), 100);
  let done = 0;
  for (let ms = 0; ms < 3_000; ms += 10) {
    await runtime.advance(10);
    for (const start of started.slice(done)) finish(start);
    done = started.length;
  }
  expect(started.length).toBeGreaterThanOrEqual(29);
  expect(started.length).toBeLessThanOrEqual(32);
});

test("an application's rate is shared by its endpoints", async () => {
  const { runtime, started, lane, fill, finish } = setup();
  for (const name of ["one", "two", "three"]) fill(lane(name, "app_a", {}, { throttleRate: 10 }), 100);
  let done = 0;
  for (let ms = 0; ms < 3_000; ms += 10) {
    await runtime.advance(10);
    for (const start of started.slice(done)) finish(start);
    done = started.length;
  }
  expect(started.length).toBeGreaterThanOrEqual(29);
  expect(started.length).toBeLessThanOrEqual(32);
  expect(new Set(started.map((start) => start.lane.endpoint.id)).size).toBe(3);
});

test("a broken lane is probed one attempt at a time, and opens again after a success", async () => {
  const { runtime, started, lane, fill, finish } = setup();
  const dead = lane("dead");
  fill(dead, 200);
  let done = 0;
  for (let ms = 0; ms < 10_000; ms += 50) {
    await runtime.advance(50);
    for (const start of started.slice(done)) finish(start, "fail");
    done = started.length;
  }
  expect(started.length).toBeLessThan(30);
  expect(dead.breaker.broken).toBe(true);
  for (let ms = 0; ms < 10_000; ms += 50) {
    await runtime.advance(50);
    for (const start of started.slice(done)) finish(start);
    done = started.length;
  }
  expect(started).toHaveLength(200);
});

test("lanes without a success share half of the slots, so proven ones always find some", async () => {
  const { runtime, scheduler, started, lane, fill, finish } = setup();
  const healthy = lane("healthy", "app_healthy");
  fill(healthy, 1);
  await runtime.advance(1);
  if (started[0]) finish(started[0]);
  for (let index = 0; index < IN_FLIGHT_MAX / 4; index++) fill(lane(`new${index}`, `app_${index % 50}`), 4);
  for (let round = 0; round < 50; round++) await runtime.advance(1);
  const taken = scheduler.inFlight;
  expect(taken).toBeGreaterThanOrEqual(IN_FLIGHT_UNPROVEN_MAX);
  expect(taken).toBeLessThanOrEqual(IN_FLIGHT_FIRST_MAX);
  fill(healthy, 1);
  fill(lane("quiet", "app_quiet"), 1);
  for (let round = 0; round < 5; round++) await runtime.advance(1);
  expect(scheduler.inFlight).toBe(taken + 2);
});

test("a lane keeps a bounded number in memory; a place is counted from its reservation on", () => {
  const { scheduler, lane } = setup();
  const one = lane("one");
  const places = Array.from({ length: LANE_QUEUE_MAX + 10 }, () => scheduler.reserve(one, 600));
  expect(places.filter(Boolean)).toHaveLength(LANE_QUEUE_MAX);
  scheduler.unreserve(one, 600);
  expect(scheduler.reserve(one, 600)).toBe(true);
});

test("a lane whose endpoint is disabled starts nothing and gives its queue back", async () => {
  const { runtime, scheduler, started, lane, fill } = setup();
  const one = lane("one");
  fill(one, 3);
  const evicted = scheduler.update(application("app_a", {}), [
    newEndpoint("one", "app_a", { disabled: true }),
  ]);
  await runtime.advance(10);
  expect(evicted).toHaveLength(3);
  expect(started).toHaveLength(0);
  expect(scheduler.load).toMatchObject({ queued: 0, queuedBytes: 0 });
});

test("after a stop nothing more starts", async () => {
  const { runtime, scheduler, started, lane, fill } = setup();
  fill(lane("one"), 100);
  scheduler.stop();
  await runtime.advance(1_000);
  expect(started).toHaveLength(0);
  expect(runtime.pendingTimers()).toBe(0);
});
