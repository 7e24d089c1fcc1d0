import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EnvironmentSettings, newEnvironment } from "../../domain/environment.ts";
import type { Application } from "../../domain/application.ts";
import type { Endpoint } from "../../domain/endpoint.ts";
import type { Message } from "../../domain/message.ts";
import { type FakeRuntime, fakeRuntime } from "../../runtime/testing/fake-runtime.ts";
import { makeDatabase, openStore } from "../../storage/postgres/testing/test-database.ts";
import { openSqliteStore } from "../../storage/sqlite/open.ts";
import type { AttemptWithMessage, ClusterNode, ClusterStore, NodeRole, Store } from "../../storage/port.ts";
import { createEngine } from "../create-engine.ts";
import type { AcceptOutcome, Engine, NewMessage } from "../engine.ts";
import { ProcessFault } from "./fault.ts";
import { newEndpoint, START_MS } from "./new-entities.ts";
import { type Answer, NEW_MESSAGE, outcomeOf, type Post, SILENT } from "./receiver.ts";
import { shareStore } from "./shared-store.ts";

/** A store that several nodes may open. */
export interface SharedBackend {
  /** What one more process gets. */
  open(): Promise<Store>;
  /** What was done that must not be. */
  readonly violations: readonly string[];
  dispose(): Promise<void>;
}

export interface ClusterPost extends Post {
  /** Which node sent it. */
  readonly node: string;
}

/** One process: a real engine on a clock of its own, which may be killed or stand still. */
export interface TestNode {
  readonly name: string;
  readonly engine: Engine;
  readonly runtime: FakeRuntime;
  readonly fault: ProcessFault;
  readonly leasesReplaced: number;
  send(changes?: Partial<NewMessage>): Promise<Message>;
  accept(messages: readonly Partial<NewMessage>[], key?: string): Promise<AcceptOutcome[]>;
  /** Writes it as a request to this node would. */
  updateEndpoint(endpoint: Endpoint): Promise<void>;
  /** Ends it without a word, as kill -9 would. */
  kill(): void;
  stop(): Promise<void>;
}

/** Several nodes on one store; only the receivers are scripted. */
export interface ClusterHarness {
  readonly store: Store;
  readonly cluster: ClusterStore;
  readonly application: Application;
  /** Everything that left, in the order it left. */
  readonly posts: ClusterPost[];
  answer: (post: ClusterPost) => Answer;
  /** Starts a node and waits until it has joined. */
  addNode(name: string, options?: { role?: NodeRole; drainTimeoutMs?: number }): Promise<TestNode>;
  addEndpoint(changes?: Partial<Endpoint>): Promise<Endpoint>;
  /** Sets what people set of the environment, as a request to no node would. */
  updateSettings(settings: EnvironmentSettings): Promise<void>;
  /** The same, of its environment. */
  deleteEnvironment(): Promise<void>;
  updateApplication(changes: Partial<Application>): Promise<void>;
  findEndpoint(id: string): Promise<Endpoint | undefined>;
  attempts(endpoint: Endpoint): Promise<AttemptWithMessage["attempt"][]>;
  /** Time passes for every node that is not frozen; `stepMs`: how far they may be apart. */
  pass(ms: number, stepMs?: number): Promise<void>;
  /** Waits until something holds; the clocks go on at about the real pace. */
  until(condition: () => boolean | Promise<boolean>): Promise<void>;
  nodes(): Promise<ClusterNode[]>;
}

const cleanups: (() => Promise<void>)[] = [];

/** For `afterEach`: stops engines, closes stores, removes files. */
export async function cleanUpCluster(): Promise<void> {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
}

/** SQLite with a cluster on top: every node gets the same. */
export async function sharedSqlite(): Promise<SharedBackend> {
  const directory = mkdtempSync(join(tmpdir(), "posthaste-cluster-"));
  const store = shareStore(await openSqliteStore({ directory, reserveBytes: 0 }));
  return {
    open: async () => store,
    violations: store.violations,
    async dispose() {
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A real PostgreSQL: every node has its own connections. */
export async function sharedPostgres(): Promise<SharedBackend> {
  const url = await makeDatabase();
  const stores: Store[] = [];
  return {
    async open() {
      const store = await openStore(url);
      stores.push(store);
      return store;
    },
    violations: [],
    async dispose() {
      for (const store of stores) await store.close();
    },
  };
}

export async function clusterHarness(
  makeBackend: () => Promise<SharedBackend>,
  options: { retryScheduleMs?: readonly number[] } = {},
): Promise<ClusterHarness> {
  const backend = await makeBackend();
  const store = await backend.open();
  const { cluster } = store;
  if (cluster === null) throw new Error("this store has no cluster");
  cleanups.push(async () => {
    await backend.dispose();
    if (backend.violations.length > 0) throw new Error(backend.violations.join("\n"));
  });
  const outside = fakeRuntime({ startMs: START_MS });
  const application = await addApplication(store, outside);
  const nodes: TestNode[] = [];
  const running = (): TestNode[] => nodes.filter(({ fault }) => !fault.dead && !fault.frozen);
  const advance = async (ms: number): Promise<void> => {
    await outside.advance(ms);
    for (const { runtime } of running()) await runtime.advance(ms);
  };
  /** The clocks stand still while the store works: how long it really takes is not what is tested. */
  const quiet = async (): Promise<void> => {
    for (let calm = 0; calm < 2; calm = nodes.some(({ fault }) => fault.busy > 0) ? 0 : calm + 1) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  const harness: ClusterHarness = {
    store,
    cluster,
    application,
    posts: [],
    answer: () => 204,
    async addNode(name, nodeOptions = {}) {
      const startMs = outside.clock.now();
      const runtime = fakeRuntime({ startMs, seed: nodes.length + 2, ids: outside.ids });
      const own = await backend.open();
      const node = startNode({ name, harness, runtime, store: own, options: { ...options, ...nodeOptions } });
      nodes.push(node);
      cleanups.push(async () => {
        node.fault.thaw();
        if (!node.fault.dead) await node.stop();
      });
      await node.engine.start();
      await harness.until(async () => (await node.engine.health()).ok);
      return node;
    },
    async addEndpoint(changes = {}) {
      const endpoint = newEndpoint(outside.ids.next("ep_"), application.id, changes);
      await store.endpoints.insert(endpoint, {});
      for (const { engine } of running()) await engine.applicationChanged(application.id);
      return endpoint;
    },
    async updateSettings(settings) {
      const basedOn = await store.environments.find(application.environmentId);
      if (basedOn === null) throw new Error("the environment is gone");
      const changed = { ...basedOn, settings, updatedAt: basedOn.updatedAt + 1 };
      await store.environments.update(changed, { basedOn });
    },
    async deleteEnvironment() {
      const { environmentId: id } = application;
      await store.environments.delete({ id, now: outside.clock.now() });
    },
    async updateApplication(changes) {
      await store.applications.update({ ...application, ...changes });
    },
    async findEndpoint(id) {
      return (await store.endpoints.listAll(application.id)).find((endpoint) => endpoint.id === id);
    },
    async attempts({ appId, id: endpointId }) {
      const page = { limit: 250, after: null, order: "ascending" as const };
      const query = { appId, endpointId, page, withBody: true, withMessage: false };
      return (await store.history.listAttempts(query)).map(({ attempt }) => attempt);
    },
    async pass(ms, stepMs = 100) {
      for (let passed = 0; passed < ms; passed += stepMs) {
        await advance(Math.min(stepMs, ms - passed));
        await quiet();
      }
    },
    async until(condition) {
      while (!(await condition())) {
        await quiet();
        await advance(2);
      }
    },
    async nodes() {
      return (await cluster.beat("node_nobody")).nodes;
    },
  };
  return harness;
}

async function addApplication(store: Store, { ids }: FakeRuntime): Promise<Application> {
  const environment = newEnvironment({
    id: ids.next("env_"),
    name: "live",
    retentionDays: 90,
    createdAt: START_MS,
  });
  await store.environments.ensure(environment, []);
  const application: Application = {
    id: ids.next("app_"),
    environmentId: environment.id,
    uid: "ana",
    name: "Yoga with Ana",
    throttleRate: null,
    metadata: {},
    createdAt: START_MS,
    updatedAt: START_MS,
  };
  await store.applications.insert(application, {});
  return application;
}

function startNode(parts: {
  name: string;
  harness: ClusterHarness;
  runtime: FakeRuntime;
  store: Store;
  options: { role?: NodeRole; drainTimeoutMs?: number; retryScheduleMs?: readonly number[] };
}): TestNode {
  const { name, harness, store, options } = parts;
  const { application } = harness;
  const fault = new ProcessFault();
  const runtime = fault.runtime(parts.runtime);
  let leasesReplaced = 0;
  const engine = createEngine({
    store: fault.store(store),
    runtime,
    observer: { ...SILENT, leaseReplaced: () => void leasesReplaced++ },
    egress: {
      async post(request) {
        const messageId = request.headers["webhook-id"] ?? "";
        const at = runtime.clock.now();
        const body = Buffer.from(request.body).toString();
        const post = { ...request, headers: { ...request.headers }, body, at, messageId, node: name };
        harness.posts.push(post);
        const outcome = await outcomeOf(harness.answer(post), request.signal);
        await fault.running();
        return outcome;
      },
      close: async () => {},
    },
    ...options,
  });
  const node: TestNode = {
    name,
    engine,
    runtime,
    fault,
    get leasesReplaced() {
      return leasesReplaced;
    },
    async accept(messages, key) {
      const { environmentId } = application;
      const routed = await engine.findApplication({ environmentId, ref: "ana" });
      if (!routed) throw new Error("the application is not there");
      return engine.accept({
        environmentId,
        application: routed,
        messages: messages.map((changes) => ({ ...NEW_MESSAGE, ...changes })),
        idempotency: key === undefined ? null : { scope: key, bodyHash: JSON.stringify(messages) },
      });
    },
    async send(changes = {}) {
      const [outcome] = await node.accept([changes]);
      if (outcome?.kind !== "accepted") throw new Error(`not accepted: ${JSON.stringify(outcome)}`);
      return outcome.message;
    },
    async updateEndpoint(endpoint) {
      await store.endpoints.update(endpoint, {});
      await engine.applicationChanged(application.id);
    },
    kill: () => fault.kill(),
    async stop() {
      const stopped = new AbortController();
      const stopping = engine.stop().finally(() => stopped.abort());
      // Receivers that hang are cut at the end of the drain, so its time has to pass.
      while (!stopped.signal.aborted) {
        await runtime.advance(200);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await stopping;
      fault.kill();
    },
  };
  return node;
}
