import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newEnvironment } from "../../domain/environment.ts";
import type { Application } from "../../domain/application.ts";
import type { Endpoint } from "../../domain/endpoint.ts";
import type { Message } from "../../domain/message.ts";
import type { Egress } from "../../egress/egress.ts";
import { type FakeRuntime, fakeRuntime } from "../../runtime/testing/fake-runtime.ts";
import { openSqliteStore } from "../../storage/sqlite/open.ts";
import type { AttemptWithMessage, DeliveryStore, Store } from "../../storage/port.ts";
import { newEndpoint, START_MS } from "./new-entities.ts";
import { createEngine } from "../create-engine.ts";
import type { AcceptOutcome, Engine, NewMessage } from "../engine.ts";

import { type Answer, NEW_MESSAGE, outcomeOf, type Post, SILENT } from "./receiver.ts";

export { SECRET, START_MS } from "./new-entities.ts";

/** A real store and a real engine on a clock that the test moves; only the receiver is scripted. */
export interface Harness {
  readonly runtime: FakeRuntime;
  readonly store: Store;
  readonly engine: Engine;
  readonly posts: Post[];
  readonly application: Application;
  /** What the receiver answers from now on. */
  answer: (request: Post) => Answer;
  addEndpoint(changes?: Partial<Endpoint>): Promise<Endpoint>;
  updateEndpoint(endpoint: Endpoint): Promise<void>;
  findEndpoint(id: string): Promise<Endpoint | undefined>;
  send(changes?: Partial<NewMessage>): Promise<Message>;
  accept(messages: readonly Partial<NewMessage>[], key?: string): Promise<AcceptOutcome[]>;
  attempts(endpoint: Endpoint): Promise<AttemptWithMessage["attempt"][]>;
  /** Moves the clock and lets the engine do what comes due meanwhile. */
  pass(ms: number): Promise<void>;
  /** Waits until something holds; the clock goes on at about the real pace. */
  until(condition: () => boolean | Promise<boolean>): Promise<void>;
  /** Stops this engine without a word, as kill -9 would, and starts another on the same store. */
  replaceEngine(): Promise<Harness>;
}

const cleanups: (() => Promise<void>)[] = [];

/** For `afterEach`: stops engines, closes stores, removes files. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
}

export async function engineHarness(
  options: { retryScheduleMs?: readonly number[]; drainTimeoutMs?: number } = {},
): Promise<Harness> {
  const directory = mkdtempSync(join(tmpdir(), "posthaste-engine-"));
  const store = await openSqliteStore({
    directory,
    onFatal: (error) => {
      throw error;
    },
  });
  cleanups.push(async () => {
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const runtime = fakeRuntime({ startMs: START_MS });
  const environment = newEnvironment({
    id: runtime.ids.next("env_"),
    name: "live",
    retentionDays: 90,
    createdAt: START_MS,
  });
  await store.environments.ensure(environment, []);
  const application: Application = {
    id: runtime.ids.next("app_"),
    environmentId: environment.id,
    uid: "ana",
    name: "Yoga with Ana",
    throttleRate: null,
    metadata: {},
    createdAt: START_MS,
    updatedAt: START_MS,
  };
  await store.applications.insert(application, {});
  return startHarness({ runtime, store, application, options });
}

async function startHarness(parts: {
  runtime: FakeRuntime;
  store: Store;
  application: Application;
  options: { retryScheduleMs?: readonly number[]; drainTimeoutMs?: number };
}): Promise<Harness> {
  const { runtime, store, application, options } = parts;
  const posts: Post[] = [];
  let dead = false;
  const egress: Egress = {
    async post(request) {
      const messageId = request.headers["webhook-id"] ?? "";
      const post: Post = {
        ...request,
        headers: { ...request.headers },
        body: Buffer.from(request.body).toString(),
        at: runtime.clock.now(),
        messageId,
      };
      posts.push(post);
      const outcome = await outcomeOf(harness.answer(post), request.signal);
      // A killed process never hears the answer.
      return dead ? new Promise<never>(() => {}) : outcome;
    },
    close: async () => {},
  };
  const engine = createEngine({
    store: withDeliveries(
      store,
      untilDead(store.deliveries, () => dead),
    ),
    egress,
    runtime,
    observer: SILENT,
    ...options,
  });
  cleanups.push(async () => {
    if (dead) return;
    const stopped = new AbortController();
    const stopping = engine.stop().finally(() => stopped.abort());
    // Receivers that hang are cut at the end of the drain, so its time has to pass.
    while (!stopped.signal.aborted) {
      await runtime.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await stopping;
  });
  const harness: Harness = {
    runtime,
    store,
    engine,
    posts,
    application,
    answer: () => 204,
    async addEndpoint(changes = {}) {
      const endpoint = newEndpoint(runtime.ids.next("ep_"), application.id, changes);
      await store.endpoints.insert(endpoint, {});
      await engine.applicationChanged(application.id);
      return endpoint;
    },
    async updateEndpoint(endpoint) {
      await store.endpoints.update(endpoint, {});
      await engine.applicationChanged(application.id);
    },
    async findEndpoint(id) {
      return (await store.endpoints.listAll(application.id)).find((endpoint) => endpoint.id === id);
    },
    async accept(messages, key) {
      const routed = await engine.findApplication({ environmentId: application.environmentId, ref: "ana" });
      if (!routed) throw new Error("the application is not there");
      return engine.accept({
        environmentId: application.environmentId,
        application: routed,
        messages: messages.map((changes) => ({ ...NEW_MESSAGE, ...changes })),
        idempotency: key === undefined ? null : { scope: key, bodyHash: JSON.stringify(messages) },
      });
    },
    async send(changes = {}) {
      const [outcome] = await harness.accept([changes]);
      if (outcome?.kind !== "accepted") throw new Error(`not accepted: ${JSON.stringify(outcome)}`);
      return outcome.message;
    },
    async attempts({ appId, id: endpointId }) {
      const page = { limit: 250, after: null, order: "ascending" as const };
      const list = await store.history.listAttempts({
        appId,
        endpointId,
        page,
        withBody: true,
        withMessage: false,
      });
      return list.map(({ attempt }) => attempt);
    },
    async pass(ms) {
      const step = Math.max(1, Math.min(ms, 250));
      for (let passed = 0; passed < ms; passed += step) {
        await runtime.advance(Math.min(step, ms - passed));
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
    },
    async until(condition) {
      while (!(await condition())) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        await runtime.advance(2);
      }
    },
    async replaceEngine() {
      dead = true;
      return startHarness(parts);
    },
  };
  await engine.start();
  return harness;
}

/** The same store but for its deliveries. */
function withDeliveries(store: Store, deliveries: DeliveryStore): Store {
  return {
    deliveries,
    environments: store.environments,
    credentials: store.credentials,
    applications: store.applications,
    endpoints: store.endpoints,
    eventTypes: store.eventTypes,
    history: store.history,
    polling: store.polling,
    dataKeys: store.dataKeys,
    overview: store.overview,
    search: store.search,
    contents: store.contents,
    cancellations: store.cancellations,
    tasks: store.tasks,
    cluster: store.cluster,
    health: () => store.health(),
    stats: () => store.stats(),
    close: () => store.close(),
  };
}

/** The store as a process sees it that is killed at some time: from then on nothing it asks is ever done. */
function untilDead(deliveries: DeliveryStore, isDead: () => boolean): DeliveryStore {
  return new Proxy(deliveries, {
    get(target, name) {
      const operation: unknown = Reflect.get(target, name);
      if (typeof operation !== "function") return operation;
      return (...args: unknown[]): unknown =>
        isDead() ? new Promise<never>(() => {}) : Reflect.apply(operation, target, args);
    },
  });
}
