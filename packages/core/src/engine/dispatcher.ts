import { PosthasteError } from "../domain/errors.ts";
import { ID_PREFIX } from "../domain/ids.ts";
import { LANE_BROKEN_QUEUE_MAX, RETRY_SCHEDULE_MS } from "../domain/limits.ts";
import type { DisabledReason, Endpoint } from "../domain/endpoint.ts";
import type { Settlement } from "../domain/delivery-state.ts";
import type { Egress } from "../egress/egress.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { EndpointChange, NextState, SettledDelivery } from "../storage/port.ts";
import { attemptDelivery, type AttemptResult } from "./attempt.ts";
import type { DueClock } from "./due-clock.ts";
import type { Committer } from "./committer.ts";
import type { EngineObserver } from "./engine.ts";
import type { Lane, QueuedDelivery } from "./lanes/lane.ts";
import { type AttemptEnd, Scheduler } from "./lanes/scheduler.ts";
import { transformed } from "./outgoing.ts";
import type { Transformer } from "../transform/transformer.ts";
import type { SlotKind } from "./lanes/slots.ts";

/**
 * From a lane to a recorded outcome: starts what the scheduler picks, settles what came of it into the same
 * group commit as accepted messages, and gives back to the store what cannot be sent from memory.
 */
export class Dispatcher {
  readonly scheduler: Scheduler;
  readonly #committer: Committer;
  readonly #egress: Egress;
  readonly #transformer: Transformer | null;
  readonly #runtime: Runtime;
  readonly #observer: EngineObserver;
  readonly #due: DueClock;
  readonly #scheduleMs: readonly number[];
  readonly #onEndpointChanged: (endpoint: Endpoint) => void;
  readonly #onEndpointDisabled: (endpoint: Endpoint, reason: DisabledReason) => void;
  readonly #abort = new AbortController();
  #idleWaiters: (() => void)[] = [];

  constructor(options: {
    committer: Committer;
    egress: Egress;
    /** Null: attempts of endpoints with a transformation fail. */
    transformer: Transformer | null;
    runtime: Runtime;
    observer: EngineObserver;
    due: DueClock;
    scheduleMs: readonly number[] | undefined;
    /** An attempt began or ended a run of failures, or disabled the endpoint; told ahead of the commit. */
    onEndpointChanged: (endpoint: Endpoint) => void;
    /** An attempt was to disable the endpoint, and what came of that is stored. */
    onEndpointDisabled: (endpoint: Endpoint, reason: DisabledReason) => void;
    onHungry: () => void;
  }) {
    this.#committer = options.committer;
    this.#egress = options.egress;
    this.#transformer = options.transformer;
    this.#runtime = options.runtime;
    this.#observer = options.observer;
    this.#due = options.due;
    this.#scheduleMs = options.scheduleMs ?? RETRY_SCHEDULE_MS;
    this.#onEndpointChanged = options.onEndpointChanged;
    this.#onEndpointDisabled = options.onEndpointDisabled;
    this.scheduler = new Scheduler({
      runtime: options.runtime,
      onHungry: options.onHungry,
      startAttempt: (lane, item, slot) => void this.#run(lane, item, slot),
    });
  }

  /** Waits until nothing is in flight, or the signal aborts. */
  async idle(signal: AbortSignal): Promise<void> {
    if (this.scheduler.inFlight === 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#idleWaiters.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** Cuts what is in flight; those attempts end as interrupted and burn no retry. */
  abort(): void {
    this.#abort.abort();
    this.#transformer?.abort();
  }

  /** Gives leased deliveries back to the store, due at once, or paused for a disabled endpoint. */
  handBack(lane: Lane | null, items: readonly QueuedDelivery[], kind: "due" | "paused"): void {
    for (const { delivery, leaseId } of items) {
      const { attempts } = delivery;
      const next: NextState =
        kind === "due" ? { kind: "retry", at: AT_ONCE, attempts } : { kind: "paused", attempts };
      const settled = { delivery, leaseId, attempt: null, next, endpoint: null };
      if (lane === null) this.#committer.settle(settled, () => {});
      else this.#settleSpilled(lane, settled);
    }
  }

  /** Everything that is queued and not begun. */
  handBackAll(): void {
    for (const lane of this.scheduler.lanes()) this.handBack(null, this.scheduler.evict(lane), "due");
  }

  /** What is queued of one application: its contents in memory are no longer true. */
  handBackOf(appId: string): void {
    for (const lane of this.scheduler.lanes()) {
      if (lane.appId === appId) this.handBack(lane, this.scheduler.evict(lane), "due");
    }
  }

  async #run(lane: Lane, item: QueuedDelivery, slot: SlotKind): Promise<void> {
    const { payload } = item;
    if (payload === null) {
      this.#cancel(lane, item, PAYLOAD_EXPIRED);
      return this.#finish(lane, { slot, bytes: item.bytes, signal: "unknown", retryAfterMs: null });
    }
    const startedAt = this.#runtime.clock.monotonic();
    const { url, transformation } = lane.endpoint;
    try {
      const outgoing =
        transformation?.enabled === true
          ? await transformed(lane, { ...item, payload }, this.#transformer)
          : null;
      if (outgoing?.kind === "cancel") {
        this.#cancel(lane, item, TRANSFORMATION_CANCELED);
        return this.#finish(lane, { slot, bytes: item.bytes, signal: "unknown", retryAfterMs: null });
      }
      const result = await attemptDelivery(
        lane,
        { ...item, payload },
        {
          egress: this.#egress,
          runtime: this.#runtime,
          due: this.#due,
          scheduleMs: this.#scheduleMs,
          signal: this.#abort.signal,
          outgoing,
        },
      );
      this.#record(lane, item, { ...result, url });
      this.#observe(item, result, startedAt);
      const { retryAfterMs, settlement } = result;
      this.#finish(lane, { slot, bytes: item.bytes, signal: settlement.lane, retryAfterMs });
    } catch (error) {
      // A bug, not an outcome: the delivery goes back to the store and the lane backs off, nothing is lost.
      this.#runtime.log.error({ error, endpointId: lane.endpoint.id }, "attempt crashed");
      this.handBack(lane, [item], "due");
      if (lane.endpoint.fifo) this.handBack(lane, this.scheduler.evict(lane), "due");
      this.#finish(lane, { slot, bytes: item.bytes, signal: "fail", retryAfterMs: null });
    }
  }

  #finish(lane: Lane, result: AttemptEnd): void {
    this.scheduler.finished(lane, result);
    // A lane that only probes keeps a few; the rest waits in the store and leaves its places to others.
    if (lane.breaker.broken) {
      this.handBack(lane, this.scheduler.evict(lane, LANE_BROKEN_QUEUE_MAX), "due");
    }
    if (this.scheduler.inFlight === 0) for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  #record(
    lane: Lane,
    item: QueuedDelivery,
    { attempt, settlement, url }: AttemptResult & { url: string },
  ): void {
    // An answer of an address that was changed meanwhile says nothing about the new one.
    const change = url === lane.endpoint.url ? this.#endpointChange(lane.endpoint, settlement) : null;
    if (change !== null) this.#apply(lane, change);
    const pending = settlement.state === "pending";
    const paused = pending && lane.endpoint.disabled;
    const settled: SettledDelivery = {
      delivery: item.delivery,
      leaseId: item.leaseId,
      attempt: paused ? { ...attempt, deliveryState: "paused", nextAttemptAt: null } : attempt,
      next: paused ? { kind: "paused", attempts: settlement.attempts } : nextState(settlement),
      endpoint: change,
    };
    if (lane.endpoint.fifo && settlement.state !== "succeeded") {
      // It has to wait, or has failed for good, which a crash would undo until it is stored: the ones behind it go
      // back to the store with it, so that none is sent before it.
      this.#settleSpilled(lane, settled);
      this.handBack(lane, this.scheduler.evict(lane), "due");
    } else if (change === null) {
      this.#committer.settle(settled, () => {});
    } else {
      this.#committer.settle(settled, () => this.#announce(lane, change));
    }
    // Behind the settle that disables it: the store pauses only what is owed to a disabled endpoint.
    if (lane.endpoint.disabled) this.handBack(lane, this.scheduler.evict(lane), "paused");
  }

  /** A run of failures that began or ended is known to the lane alone; matching does not look at it. */
  #announce(lane: Lane, change: EndpointChange): void {
    if (change.kind === "disable") this.#onEndpointDisabled(lane.endpoint, change.reason);
  }

  /** Until it is stored, no scan of the store may conclude that the lane has nothing there. */
  #settleSpilled(lane: Lane, settled: SettledDelivery): void {
    lane.spill();
    this.#committer.settle(settled, () => {
      lane.spilling -= 1;
      if (settled.endpoint !== null) this.#announce(lane, settled.endpoint);
    });
  }

  #endpointChange({ failingSince }: Endpoint, { endpoint: verdict }: Settlement): EndpointChange | null {
    const at = this.#runtime.clock.now();
    if (verdict.kind === "failing_since") return verdict;
    if (verdict.kind === "unchanged") return null;
    const { kind, reason } = verdict;
    // Decided by the store: another node may have had a success that is not known here yet.
    return reason === "failing" && failingSince !== null
      ? { kind, reason, at, failingSince }
      : { kind, reason, at };
  }

  /** In memory at once, so that the attempts of the next milliseconds already follow it. */
  #apply(lane: Lane, change: EndpointChange): void {
    lane.endpoint =
      change.kind === "failing_since"
        ? { ...lane.endpoint, failingSince: change.at }
        : { ...lane.endpoint, disabled: true, disabledReason: change.reason, disabledAt: change.at };
    this.#onEndpointChanged(lane.endpoint);
  }

  /** It ends here: nothing is sent, and people see why. */
  #cancel(lane: Lane, { delivery, leaseId }: QueuedDelivery, why: Canceled): void {
    const attempt = {
      ...delivery,
      id: this.#runtime.ids.next(ID_PREFIX.attempt),
      url: lane.endpoint.url,
      timestamp: this.#runtime.clock.now(),
      status: "canceled" as const,
      statusCode: 0,
      errorClass: why.errorClass,
      durationMs: 0,
      deliveryState: "canceled" as const,
      nextAttemptAt: null,
      responseBody: why.sentence,
      detail: NO_DETAIL,
    };
    const settled = { delivery, leaseId, attempt, next: ENDED, endpoint: null };
    this.#committer.settle(settled, () => {});
  }

  #observe(item: QueuedDelivery, { attempt, settlement, outcome }: AttemptResult, startedAt: number): void {
    const interrupted = outcome.kind === "failure" && outcome.errorClass === "interrupted";
    this.#observer.attemptEnded({
      outcome: interrupted ? "interrupted" : settlement.state === "succeeded" ? "success" : "fail",
      statusCode: attempt.statusCode,
      errorClass: attempt.errorClass,
      durationMs: outcome.timings.totalMs,
      dispatchLatencyMs: item.committedAt === null ? null : startedAt - item.committedAt,
    });
  }
}

interface Canceled {
  readonly errorClass: string;
  readonly sentence: string;
}

/** The payload was deleted, or its own retention ran out, before the delivery could be made. */
const PAYLOAD_EXPIRED: Canceled = {
  errorClass: "payload_expired",
  sentence: "Not sent: the payload had been deleted, or its retention period had ended.",
};
const TRANSFORMATION_CANCELED: Canceled = {
  errorClass: "transformation_canceled",
  sentence: "Not sent: the endpoint's transformation canceled it.",
};

/** Not the time now: a clock that is set back must not put off what is due already. */
const AT_ONCE = 0;

const ENDED: NextState = { kind: "ended" };

const NO_DETAIL = {
  requestHeaders: {},
  responseHeaders: [],
  truncated: false,
  dnsMs: null,
  connectMs: null,
  tlsMs: null,
  firstByteMs: null,
  reusedConnection: false,
};

function nextState(settlement: Settlement): NextState {
  if (settlement.state !== "pending") return ENDED;
  if (settlement.nextAttemptAt === null) {
    throw new PosthasteError("internal", "a pending delivery has no time for its next attempt");
  }
  return { kind: "retry", at: settlement.nextAttemptAt, attempts: settlement.attempts };
}
