import { PosthasteError } from "../domain/errors.ts";
import type { Health } from "../domain/health.ts";
import { ID_PREFIX } from "../domain/ids.ts";
import { DRAIN_TIMEOUT_MS, LEASE_RELEASE_BATCH } from "../domain/limits.ts";
import type { DeliveryKey } from "../domain/delivery.ts";
import type { Egress } from "../egress/egress.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Store } from "../storage/port.ts";
import { Acceptor } from "./accept.ts";
import { Claimer } from "./claimer.ts";
import { Committer } from "./committer.ts";
import { DueClock } from "./due-clock.ts";
import { Dispatcher } from "./dispatcher.ts";
import type {
  AcceptOutcome,
  AcceptRequest,
  Engine,
  EngineObserver,
  EngineSnapshot,
  ResendRequest,
  RoutedApplication,
} from "./engine.ts";
import { Resumer } from "./maintenance/resumer.ts";
import { runRetention } from "./maintenance/retention.ts";
import { ReadableApplications } from "./readable-applications.ts";
import { Routing } from "./routing.ts";

export interface EngineOptions {
  readonly store: Store;
  readonly egress: Egress;
  readonly runtime: Runtime;
  readonly observer: EngineObserver;
  /** Waits between attempts, for endpoints without their own; default RETRY_SCHEDULE_MS. */
  readonly retryScheduleMs?: readonly number[] | undefined;
  /** How long `stop` waits for what is in flight; default DRAIN_TIMEOUT_MS. */
  readonly drainTimeoutMs?: number | undefined;
}

/** Assembles the engine. Nothing runs before `start`. */
export function createEngine(options: EngineOptions): Engine {
  return new DeliveryEngine(options);
}

class DeliveryEngine implements Engine {
  readonly #store: Store;
  readonly #runtime: Runtime;
  readonly #leaseId: string;
  readonly #routing: Routing;
  readonly #committer: Committer;
  readonly #dispatcher: Dispatcher;
  readonly #acceptor: Acceptor;
  readonly #claimer: Claimer;
  readonly #resumer: Resumer;
  readonly #drainTimeoutMs: number;
  readonly #stopping = new AbortController();
  #loops: Promise<unknown>[] = [];

  constructor({ store, egress, runtime, observer, retryScheduleMs, drainTimeoutMs }: EngineOptions) {
    this.#store = store;
    this.#runtime = runtime;
    this.#drainTimeoutMs = drainTimeoutMs ?? DRAIN_TIMEOUT_MS;
    const leaseId = runtime.ids.next(ID_PREFIX.lease);
    this.#leaseId = leaseId;
    const routing = new Routing(store);
    const committer = new Committer({ store: store.deliveries, runtime, observer });
    const due = new DueClock(runtime);
    const dispatcher = new Dispatcher({
      due,
      committer,
      egress,
      runtime,
      observer,
      leaseId,
      scheduleMs: retryScheduleMs,
      onEndpointChanged: (endpoint) => routing.patch(endpoint),
      onEndpointDisabled: (appId) => this.#inBackground(this.applicationChanged(appId)),
      onHungry: () => this.#claimer.wakeUp(),
    });
    this.#routing = routing;
    this.#committer = committer;
    this.#dispatcher = dispatcher;
    this.#acceptor = new Acceptor({ runtime, committer, dispatcher, observer, leaseId });
    const readable = new ReadableApplications({ routing, runtime });
    this.#claimer = new Claimer({
      store: store.deliveries,
      runtime,
      routing: readable,
      dispatcher,
      due,
      leaseId,
    });
    this.#resumer = new Resumer({
      store: store.deliveries,
      runtime,
      routing: readable,
      onResumed: () => this.#claimer.wakeUp(),
    });
  }

  accept(request: AcceptRequest): Promise<AcceptOutcome[]> {
    return this.#acceptor.accept(request);
  }

  async resend({ idempotency, ...key }: ResendRequest): Promise<void> {
    const routed = await this.#routing.findById(key.appId);
    const endpoint = routed?.endpoints.find(({ id }) => id === key.endpointId);
    if (!routed || !endpoint) throw new PosthasteError("not_found");
    if (endpoint.disabled) throw new PosthasteError("endpoint_disabled");
    // Nothing new of a FIFO endpoint may be leased past it, or it would never be its turn.
    const lane = endpoint.fifo ? this.#dispatcher.scheduler.laneOf(routed.application, endpoint) : null;
    lane?.spill();
    try {
      await this.#store.deliveries.resend({ ...key, now: AT_ONCE, idempotency });
    } finally {
      if (lane) lane.spilling -= 1;
    }
    this.#claimer.wakeUp();
  }

  async findApplication(query: { environmentId: string; ref: string }): Promise<RoutedApplication | null> {
    return this.#routing.peek(query.environmentId, query.ref) ?? this.#routing.find(query);
  }

  async applicationChanged(appId: string): Promise<void> {
    const before = this.#routing.peekById(appId);
    const routed = await this.#routing.refresh(appId);
    const { scheduler } = this.#dispatcher;
    const alive = new Set(routed?.endpoints.map(({ id }) => id));
    const gone = [...scheduler.lanes()].filter(
      (lane) => lane.appId === appId && !alive.has(lane.endpoint.id),
    );
    for (const lane of gone) this.#dispatcher.handBack(null, scheduler.remove(lane), "due");
    if (!routed) return;
    const wasDisabled = new Set(before?.endpoints.flatMap(({ id, disabled }) => (disabled ? [id] : [])));
    const enabled = routed.endpoints.filter(({ id, disabled }) => !disabled && wasDisabled.has(id));
    // What waits paused comes before anything new: until it is due again, new deliveries go behind it.
    const opening = enabled.map((endpoint) => scheduler.laneOf(routed.application, endpoint));
    for (const lane of opening) lane.spill();
    try {
      for (const endpoint of routed.endpoints) {
        const lane = scheduler.find(endpoint.id);
        const evicted = scheduler.update(routed.application, [endpoint]);
        if (lane) this.#dispatcher.handBack(lane, evicted, "paused");
      }
      for (const endpoint of enabled) await this.#resumer.resume(endpoint);
    } finally {
      for (const lane of opening) lane.spilling -= 1;
    }
  }

  async health(): Promise<Health> {
    if (this.#stopping.signal.aborted) return { ok: false, reason: "shutting down" };
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
    };
  }

  async start(): Promise<void> {
    const { signal } = this.#stopping;
    this.#loops = [
      this.#supervise("takeover", () => this.#claimer.takeOver(signal)),
      this.#supervise("claim", () => this.#claimer.run(signal)),
      this.#supervise("resume", () => this.#resumer.run(signal)),
      this.#supervise("store", () => this.#watchStore(signal)),
      runRetention({ store: this.#store, runtime: this.#runtime }, signal),
    ];
    await Promise.resolve();
  }

  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#acceptor.close();
    this.#stopping.abort();
    this.#dispatcher.scheduler.stop();
    const drained = new AbortController();
    const cancel = this.#runtime.timers.after(this.#drainTimeoutMs, () => drained.abort());
    await this.#dispatcher.idle(drained.signal);
    cancel();
    this.#dispatcher.abort();
    await this.#dispatcher.idle(new AbortController().signal);
    await Promise.all(this.#loops);
    const flushed = new AbortController();
    const cancelFlush = this.#runtime.timers.after(this.#drainTimeoutMs, () => flushed.abort());
    await this.#committer.idle(flushed.signal);
    cancelFlush();
    this.#committer.close();
    await this.#releaseOwnLeases();
  }

  /** Best effort: what is not released now is taken over by whoever starts next. */
  async #releaseOwnLeases(): Promise<void> {
    let after: DeliveryKey | null = null;
    try {
      do {
        const page: { cursor: DeliveryKey | null } = await this.#store.deliveries.releaseLeases({
          heldBy: this.#leaseId,
          now: AT_ONCE,
          after,
          limit: LEASE_RELEASE_BATCH,
        });
        after = page.cursor;
      } while (after !== null);
    } catch (error) {
      this.#runtime.log.warn({ error }, "leases were not released; the next start takes them over");
    }
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
        this.#runtime.log.error({ error, loop: name }, "loop failed; it starts again");
        await this.#runtime.timers.sleep(LOOP_RESTART_PAUSE_MS, signal);
      }
    }
  }

  #inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => this.#runtime.log.error({ error }, "background refresh failed"));
  }
}

const LOOP_RESTART_PAUSE_MS = 500;
const STORE_WATCH_INTERVAL_MS = 1_000;
/** Due since ever: a clock that is set back must not put it off. */
const AT_ONCE = 0;
