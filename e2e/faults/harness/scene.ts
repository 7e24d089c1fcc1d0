import { join } from "node:path";
import { performance } from "node:perf_hooks";
import type { ServerProcess } from "../../testing/server-process.ts";
import type { Context } from "../fault-test.ts";
import { call, metric, type Target } from "./api.ts";
import type { System, SystemOptions } from "./backend.ts";
import { Ledger, type LedgerEvent } from "./ledger.ts";
import { type Behaviour, Receiver } from "./receiver.ts";
import { sleep, Stalled, until } from "./wait.ts";

export interface EndpointPlan {
  readonly app: string;
  /** Also its uid and its path at the receiver. */
  readonly name: string;
  readonly eventTypes?: readonly string[];
  readonly behaviour?: Behaviour;
  /** It refuses some messages for good: those have to end as visibly failed. */
  readonly mayFail?: boolean;
  readonly settings?: object;
}

export interface ScenePlan {
  readonly endpoints: readonly EndpointPlan[];
  readonly flags?: readonly string[];
  readonly system?: Partial<Omit<SystemOptions, "flags" | "nodeArgs">>;
}

/**
 * A process ended without having finished what it did, between two times of the harness's monotonic clock: what
 * it had sent may still be read some time after its end, before it is started again.
 */
export interface Crash {
  readonly node: ServerProcess;
  readonly from: number;
  to: number;
}

/** Whatever a dead process had sent lies in the sockets' buffers: one turn of the event loop reads it. */
const READ_PAUSE_MS = 50;

/** Between attempts; short, so that a run sees a whole schedule. */
const RETRY_SCHEDULE = "100ms,200ms,400ms,800ms,1s,1s,2s,2s,2s,2s";

/** A system under test, its receivers and the ledger of what was promised. */
export class Scene {
  readonly system: System;
  readonly receiver: Receiver;
  readonly ledger: Ledger;
  readonly plans: readonly EndpointPlan[];
  readonly crashes: Crash[] = [];
  readonly #frozen = new Set<ServerProcess>();
  readonly #context: Context;

  private constructor(context: Context, parts: { system: System; receiver: Receiver; plan: ScenePlan }) {
    this.#context = context;
    this.system = parts.system;
    this.receiver = parts.receiver;
    this.plans = parts.plan.endpoints;
    this.ledger = new Ledger(join(context.folder, "ledger.jsonl"));
  }

  static async create(context: Context, plan: ScenePlan): Promise<Scene> {
    const receiver = new Receiver();
    await receiver.listen();
    const flags = ["--dev", "--log-level", "warn", "--retry-schedule", RETRY_SCHEDULE, ...(plan.flags ?? [])];
    const { nodeArgs } = context;
    const system = await context.backend
      .create({ ...plan.system, flags, nodeArgs })
      .catch(async (error: unknown) => {
        await receiver.close();
        throw error;
      });
    const scene = new Scene(context, { system, receiver, plan });
    try {
      for (const node of system.nodes) await node.start();
      await scene.#setUp();
    } catch (error) {
      await scene.remove();
      throw error;
    }
    return scene;
  }

  /** Runs a test on a scene of its own, which goes whatever happens. */
  static async run<Result>(
    context: Context,
    plan: ScenePlan,
    test: (scene: Scene) => Promise<Result>,
  ): Promise<Result> {
    const scene = await Scene.create(context, plan);
    try {
      return await test(scene);
    } finally {
      await scene.remove();
    }
  }

  /** The first node: the only one on SQLite. */
  get node(): ServerProcess {
    const [node] = this.system.nodes;
    if (node === undefined) throw new Error("a system has at least one node");
    return node;
  }

  /** Any node that runs; the first when none does. */
  target(): Target {
    const running = this.system.nodes.filter((node) => node.running && !this.#frozen.has(node));
    return running.length === 0 ? this.node : this.#context.random.pick(running);
  }

  /** The endpoints an event has to reach. */
  expected({ app, eventType }: LedgerEvent): EndpointPlan[] {
    return this.plans.filter(
      (plan) => plan.app === app && (plan.eventTypes === undefined || plan.eventTypes.includes(eventType)),
    );
  }

  /** Also for a process that has ended by itself without having finished what it did. */
  async kill(node: ServerProcess): Promise<void> {
    const from = performance.now();
    await node.end("SIGKILL");
    this.crashes.push({ node, from, to: Infinity });
  }

  /** Starts a node once everything that its last life sent has been read. */
  async launch(node: ServerProcess): Promise<void> {
    await sleep(READ_PAUSE_MS);
    const now = performance.now();
    for (const crash of this.crashes) if (crash.node === node && crash.to === Infinity) crash.to = now;
    await node.launch();
  }

  async start(node: ServerProcess): Promise<void> {
    await this.launch(node);
    await node.ready();
  }

  /** Stops a process in its tracks; to the others it looks dead. */
  freeze(node: ServerProcess): void {
    this.crashes.push({ node, from: performance.now(), to: Infinity });
    this.#frozen.add(node);
    if (node.pid !== null) process.kill(node.pid, "SIGSTOP");
  }

  thaw(node: ServerProcess): void {
    const now = performance.now();
    for (const crash of this.crashes) if (crash.node === node && crash.to === Infinity) crash.to = now;
    if (node.pid !== null) process.kill(node.pid, "SIGCONT");
    this.#frozen.delete(node);
  }

  /** From now on attempts may be cut off at any time: what failed is the database below all nodes. */
  disturb(): void {
    this.crashes.push({ node: this.node, from: performance.now(), to: Number.MAX_VALUE });
  }

  due(): Promise<number> {
    return metric(this.target(), "posthaste_due_deliveries");
  }

  /** Waits until nothing is owed any more. */
  async drain(stallMs = this.#context.stallMs): Promise<void> {
    let due = Number.NaN;
    const done = async (): Promise<boolean> => {
      if (!this.system.nodes.some((node) => node.running)) {
        throw new Stalled(`the server ended by itself:\n${this.node.output.slice(-2_000)}`);
      }
      due = await this.due();
      return due === 0;
    };
    const progress = (): string => `${due} ${this.receiver.hits.length}`;
    try {
      await until("everything to be delivered", done, { stallMs, progress });
    } catch (error) {
      if (!(error instanceof Stalled)) throw error;
      const rows = await this.#owed();
      throw new Stalled(`${error.message}; ${due} deliveries are still owed${rows}`, { cause: error });
    }
  }

  /** On PostgreSQL: what is owed, who holds it, and which nodes there are. */
  async #owed(): Promise<string> {
    const { postgres } = this.system;
    if (postgres === null) return "";
    const rows = await postgres.sql(
      "SELECT *, (extract(epoch FROM now()) * 1000)::bigint AS now FROM due LIMIT 5",
    );
    const nodes = await postgres.sql("SELECT * FROM node");
    const outputs = this.system.nodes.map((node) => node.output.slice(-1_500));
    return [...rows, ...nodes, ...outputs]
      .map((part) => `\n${typeof part === "string" ? part : JSON.stringify(part)}`)
      .join("");
  }

  async remove(): Promise<void> {
    await this.system.remove();
    await this.receiver.close();
    await this.ledger.close();
  }

  async #setUp(): Promise<void> {
    const apps = new Set(this.plans.map(({ app }) => app));
    for (const app of apps) await call(this.node, "POST", "/app", { body: { name: app, uid: app } });
    for (const { app, name, eventTypes, behaviour, settings } of this.plans) {
      const url = this.receiver.add(name, behaviour);
      const body = { url, uid: name, ...(eventTypes ? { eventTypes } : {}), ...settings };
      await call(this.node, "POST", `/app/${app}/endpoint`, { body });
      const { key } = await call<{ key: string }>(this.node, "GET", `/app/${app}/endpoint/${name}/secret`);
      this.receiver.trust(name, key);
    }
  }
}
