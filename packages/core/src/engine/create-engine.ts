import { PosthasteError } from "../domain/errors.ts";
import type { Health } from "../domain/health.ts";
import { ID_PREFIX } from "../domain/ids.ts";
import { DRAIN_TIMEOUT_MS, LEASE_RELEASE_BATCH } from "../domain/limits.ts";
import type { DeliveryKey } from "../domain/delivery.ts";
import type { Egress } from "../egress/egress.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { type LaneKey, type NodeRole, type Store, StoreUnavailable } from "../storage/port.ts";
import type { Transformer } from "../transform/transformer.ts";
import { Acceptor } from "./accept.ts";
import { Applications } from "./applications.ts";
import { Canceler } from "./canceler.ts";
import { Claimer } from "./claimer.ts";
import { ClusterMember } from "./cluster-member.ts";
import { Committer } from "./committer.ts";
import { DueClock } from "./due-clock.ts";
import { Dispatcher } from "./dispatcher.ts";
import type {
  AcceptOutcome,
  AcceptRequest,
  CancelRequest,
  Engine,
  EngineObserver,
  EngineSnapshot,
  ResendRequest,
  RoutedApplication,
  TestAttemptOutcome,
  TestAttemptRequest,
} from "./engine.ts";
import { LaneOwners } from "./lane-owners.ts";
import { EnvironmentPurge } from "./maintenance/environment-purge.ts";
import { PayloadWipe } from "./maintenance/payload-wipe.ts";
import { Resumer } from "./maintenance/resumer.ts";
import { runRetention } from "./maintenance/retention.ts";
import { type NodeIdentity, soleNode } from "./node-identity.ts";
import { TaskRunner } from "./tasks/task-runner.ts";
import { Receivers } from "./receivers.ts";
import { ReadableApplications } from "./readable-applications.ts";
import { Operational } from "./operational.ts";
import { Routing } from "./routing.ts";
import { Tester } from "./tester.ts";

export interface EngineOptions {
  readonly store: Store;
  readonly egress: Egress;
  /** Runs endpoints' transformations; without one, attempts of endpoints that have one fail. */
  readonly transformer?: Transformer | undefined;
  readonly runtime: Runtime;
  readonly observer: EngineObserver;
  /** This process stored an application's message of a broadcast, which no request to that application brought. */
  readonly onBroadcast?: ((appId: string) => void) | undefined;
  /** What this node does; default all. Anything else needs a store with a cluster. */
  readonly role?: NodeRole | undefined;
  /** Waits between attempts, for endpoints without their own; default RETRY_SCHEDULE_MS. */
  readonly retryScheduleMs?: readonly number[] | undefined;
  /** How long `stop` waits for what is in flight; default DRAIN_TIMEOUT_MS. */
  readonly drainTimeoutMs?: number | undefined;
}

/** Assembles the engine. Nothing runs before `start`. */
export function createEngine(options: EngineOptions): Engine {
  if (options.store.cluster === null && (options.role ?? "all") !== "all") {
    throw new Error("a role needs a store that several nodes share");
  }
  return new DeliveryEngine(options);
}

class DeliveryEngine implements Engine {
  readonly operational: Operational;
  readonly #store: Store;
  readonly #runtime: Runtime;
  readonly #role: NodeRole;
  readonly #routing: Routing;
  readonly #committer: Committer;
  readonly #dispatcher: Dispatcher;
  readonly #resumer: Resumer;
  readonly #applications: Applications;
  /** Null on a store that one process uses. */
  readonly #member: ClusterMember | null;
  readonly #node: NodeIdentity;
  readonly #acceptor: Acceptor;
  readonly #canceler: Canceler;
  readonly #claimer: Claimer;
  readonly #tasks: TaskRunner;
  readonly #tester: Tester;
  readonly #drainTimeoutMs: number;
  readonly #stopping = new AbortController();
  #loops: Promise<unknown>[] = [];

  constructor(options: EngineOptions) {
    const { store, runtime, observer, retryScheduleMs, role = "all" } = options;
    this.#store = store;
    this.#runtime = runtime;
    this.#role = role;
    this.#drainTimeoutMs = options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS;
    const owners = store.cluster === null ? null : new LaneOwners();
    const routing = new Routing(store, retryScheduleMs);
    const committer = new Committer({
      store: store.deliveries,
      runtime,
      observer,
      onDoubt: (leaseId) => this.#node.doubt(leaseId),
    });
    const due = new DueClock(runtime);
    const receivers = new Receivers(options);
    this.operational = this.#newOperational(routing);
    const dispatcher = new Dispatcher({
      due,
      store,
      operational: this.operational,
      committer,
      receivers,
      transformer: options.transformer ?? null,
      runtime,
      observer,
      retries: routing.retries,
      rules: routing.rules,
      onEndpointChanged: (endpoint) => routing.patch(endpoint),
      onEndpointDisabled: (endpoint, reason) =>
        this.#inBackground(this.#applications.disabled(endpoint, reason)),
      onHungry: () => this.#claimer.wakeUp(),
    });
    this.#routing = routing;
    this.#committer = committer;
    this.#dispatcher = dispatcher;
    const onReleased = (): void => this.#claimer.wakeUp();
    const readable = new ReadableApplications({ routing, runtime });
    const reading = { store: store.deliveries, runtime, routing: readable };
    this.#resumer = new Resumer({ ...reading, onResumed: onReleased });
    const resumer = this.#resumer;
    this.#applications = new Applications({ routing, dispatcher, resumer, owners, observer, runtime });
    this.#member =
      owners &&
      new ClusterMember({
        ...options,
        role,
        owners,
        committer,
        dispatcher,
        applications: this.#applications,
        onReleased,
      });
    this.#node = this.#member?.node ?? soleNode(runtime.ids.next(ID_PREFIX.lease));
    const node = this.#node;
    this.#canceler = new Canceler({ store, runtime, dispatcher, member: this.#member });
    this.#acceptor = new Acceptor({ runtime, committer, dispatcher, observer, node, owners });
    this.#claimer = new Claimer({ ...reading, dispatcher, due, node, owners });
    this.#tasks = this.#newTasks(readable, options.onBroadcast);
    const accept = (request: AcceptRequest): Promise<AcceptOutcome[]> => this.accept(request);
    this.#tester = new Tester({ ...options, receivers, committer, due, rules: routing.rules, accept });
  }

  #newOperational(routing: Routing): Operational {
    const { history } = this.#store;
    const isStale = (): boolean => this.#member?.changes.stale === true;
    return new Operational({
      routing,
      history,
      runtime: this.#runtime,
      isStale,
      onTold: () => this.#claimer.wakeUp(),
    });
  }

  #newTasks(
    routing: Pick<ReadableApplications, "findById">,
    onBroadcast: EngineOptions["onBroadcast"],
  ): TaskRunner {
    return new TaskRunner({
      store: this.#store,
      runtime: this.#runtime,
      node: this.#node,
      operational: this.operational,
      findApplication: (appId) => routing.findById(appId),
      accept: (request) => this.#acceptor.accept(request),
      onBroadcast: onBroadcast ?? (() => {}),
      expunge: (request) => this.#canceler.expungePage(request),
      owing: (owe, write) => this.#owing(owe, write),
    });
  }

  accept(request: AcceptRequest): Promise<AcceptOutcome[]> {
    if (this.#role === "worker") return Promise.reject(new PosthasteError("unavailable", ONLY_SENDS));
    return this.#acceptor.accept(request);
  }

  testAttempt(request: TestAttemptRequest): Promise<TestAttemptOutcome> {
    return this.#tester.make(request);
  }

  async resend({ idempotency, ...key }: ResendRequest): Promise<void> {
    const routed = await this.#routing.findById(key.appId);
    const endpoint = routed?.endpoints.find(({ id }) => id === key.endpointId);
    if (!routed || !endpoint) throw new PosthasteError("not_found");
    if (endpoint.disabled) throw new PosthasteError("endpoint_disabled");
    await this.#owing(key, () => this.#store.deliveries.resend({ ...key, now: AT_ONCE, idempotency }));
  }

  /**
   * A write that owes an endpoint what is older than the newest. Nothing new of a FIFO endpoint may be leased past it, or
   * it would never be its turn. Among many nodes none is.
   */
  async #owing<Result>({ appId, endpointId }: LaneKey, write: () => Promise<Result>): Promise<Result> {
    const routed = this.#member === null ? await this.#routing.findById(appId) : null;
    const endpoint = routed?.endpoints.find(({ id }) => id === endpointId);
    const lane =
      routed && endpoint?.fifo ? this.#dispatcher.scheduler.laneOf(routed.application, endpoint) : null;
    lane?.spill();
    try {
      return await write();
    } finally {
      if (lane) lane.spilling -= 1;
      this.#claimer.wakeUp();
    }
  }

  cancel(request: CancelRequest): Promise<void> {
    return this.#canceler.cancel(request);
  }

  expungeMessages(request: { appId: string; ids: readonly string[] }): Promise<void> {
    return this.#canceler.expunge(request);
  }

  isThrottled(endpointId: string): boolean {
    return this.#dispatcher.scheduler.find(endpointId)?.isThrottled(this.#runtime.clock.monotonic()) ?? false;
  }

  async findApplication(query: { environmentId: string; ref: string }): Promise<RoutedApplication | null> {
    // Other nodes may have changed it, and this one would not know.
    if (this.#member?.changes.stale === true) return this.#routing.read(query);
    return this.#routing.peek(query.environmentId, query.ref) ?? this.#routing.find(query);
  }

  peekApplication(query: { environmentId: string; ref: string }): RoutedApplication | undefined {
    return this.#routing.peek(query.environmentId, query.ref);
  }

  applicationChanged(appId: string): Promise<void> {
    return this.#follow(() => this.#applications.changed(appId));
  }

  environmentChanged(environmentId: string): Promise<void> {
    return this.#follow(() => this.#applications.environmentChanged(environmentId));
  }

  async #follow(change: () => Promise<void>): Promise<void> {
    try {
      await change();
    } catch (error) {
      // The change is stored, whoever is told what: lanes must not go on as before. Among many nodes the feed names it.
      if (this.#member === null) this.#inBackground(this.#followLater(change));
      throw error;
    }
  }

  eventTypesChanged(environmentId: string): Promise<void> {
    return this.#follow(() => this.#routing.retries.refresh(environmentId));
  }

  async health(): Promise<Health> {
    if (this.#stopping.signal.aborted) return { ok: false, reason: "shutting down" };
    const node = this.#member?.node.health();
    if (node?.ok === false) return node;
    const store = await this.#store.health();
    const failed = this.#committer.lastError;
    // Without anything that waits, an old error says nothing: only the next commit could clear it.
    if (!store.ok || failed === null || this.#committer.queued === 0) return store;
    return { ok: false, reason: `the last commit failed: ${failed.message}` };
  }

  snapshot(): EngineSnapshot {
    const { scheduler } = this.#dispatcher;
    const { queued, queuedBytes, lanes, brokenLanes } = scheduler.load;
    return {
      inFlight: scheduler.inFlight,
      queuedDeliveries: queued,
      queuedBytes,
      commitQueue: this.#committer.queued,
      lanes,
      brokenLanes,
      cluster: this.#member && { nodes: this.#member.node.living, beatAgeMs: this.#member.node.beatAgeMs },
    };
  }

  async start(): Promise<void> {
    const { signal } = this.#stopping;
    this.#member?.start();
    this.#loops = [this.#supervise("store", () => this.#watchStore(signal))];
    if (this.#role !== "api") {
      this.#loops.push(
        this.#supervise("takeover", () => this.#claimer.takeOver(signal)),
        this.#supervise("claim", () => this.#claimer.run(signal)),
        this.#supervise("resume", () => this.#resumer.run(signal)),
        this.#supervise("tasks", () => this.#tasks.run(signal)),
        runRetention({ store: this.#store, runtime: this.#runtime }, signal),
        this.#supervise("wipe", () => new PayloadWipe(this.#store, this.#runtime).run(signal)),
        this.#supervise("purge", () => new EnvironmentPurge(this.#store, this.#runtime).run(signal)),
      );
    }
    await Promise.resolve();
  }

  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#acceptor.close();
    this.#stopping.abort();
    this.#dispatcher.scheduler.stop();
    // Others send it while this node still waits for what is in flight.
    if (this.#member !== null) this.#dispatcher.handBackAll();
    const drained = new AbortController();
    const cancel = this.#runtime.timers.after(this.#drainTimeoutMs, () => drained.abort());
    await Promise.all([this.#dispatcher.idle(drained.signal), this.#tester.idle(drained.signal)]);
    cancel();
    this.#dispatcher.abort();
    this.#tester.abort();
    await this.#dispatcher.idle(new AbortController().signal);
    await this.#tester.idle(new AbortController().signal);
    await Promise.all(this.#loops);
    const flushed = new AbortController();
    const cancelFlush = this.#runtime.timers.after(this.#drainTimeoutMs, () => flushed.abort());
    for (const part of [this.#committer, this.#dispatcher.late, this.#committer])
      await part.idle(flushed.signal);
    cancelFlush();
    this.#committer.close();
    try {
      await (this.#member === null ? this.#releaseLeases() : this.#member.leave());
    } catch (error) {
      // Best effort: they are taken over by the other nodes, or by whoever starts next.
      this.#runtime.log.warn({ error }, "leases were not released; others take them over");
    }
  }

  async #releaseLeases(): Promise<void> {
    let after: DeliveryKey | null = null;
    do {
      const page: { cursor: DeliveryKey | null } = await this.#store.deliveries.releaseLeases({
        heldBy: this.#node.leaseId,
        now: AT_ONCE,
        after,
        limit: LEASE_RELEASE_BATCH,
      });
      after = page.cursor;
    } while (after !== null);
  }

  /** A store that could not write tries again when it is asked how it is, so it is asked. */
  async #watchStore(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#store.health();
      await this.#runtime.timers.sleep(STORE_WATCH_INTERVAL_MS, signal);
    }
  }

  /** A loop that fails is logged and started again after a pause: one bad read must not end deliveries. */
  async #supervise(name: string, run: () => Promise<unknown>): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await run();
        return;
      } catch (error) {
        // That the database is away is told once, by the beats.
        const told = this.#member !== null && error instanceof StoreUnavailable;
        const fields = { error, loop: name };
        if (told) this.#runtime.log.debug(fields, LOOP_FAILED);
        else this.#runtime.log.error(fields, LOOP_FAILED);
        await this.#runtime.timers.sleep(LOOP_RESTART_PAUSE_MS, signal);
      }
    }
  }

  /** Until it was read again, or the engine stops. */
  async #followLater(change: () => Promise<void>): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      await this.#runtime.timers.sleep(LOOP_RESTART_PAUSE_MS, signal);
      if (signal.aborted) return;
      try {
        return await change();
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
      }
    }
  }

  #inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => this.#runtime.log.error({ error }, "background refresh failed"));
  }
}

const LOOP_FAILED = "loop failed; it starts again";
const ONLY_SENDS = "This node only sends. Send requests to a node with the role api or all.";
const LOOP_RESTART_PAUSE_MS = 500;
const STORE_WATCH_INTERVAL_MS = 1_000;
/** Due since ever: a clock that is set back must not put it off. */
const AT_ONCE = 0;
