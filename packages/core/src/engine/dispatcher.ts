import { PosthasteError } from "../domain/errors.ts";
import { LANE_BROKEN_QUEUE_MAX } from "../domain/limits.ts";
import type { DisabledReason, Endpoint } from "../domain/endpoint.ts";
import type { Settlement } from "../domain/delivery-state.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { EndpointChange, NextState, SettledDelivery, Store } from "../storage/port.ts";
import { attemptDelivery, type AttemptResult, endOf } from "./attempt.ts";
import { canceledAttempt, type Canceled, PAYLOAD_EXPIRED, TRANSFORMATION_CANCELED } from "./canceled.ts";
import type { DueClock } from "./due-clock.ts";
import type { Committer } from "./committer.ts";
import type { EngineObserver } from "./engine.ts";
import type { EnvironmentRules } from "./environment-rules.ts";
import type { Lane, QueuedDelivery } from "./lanes/lane.ts";
import { LateAttempts } from "./late-attempts.ts";
import type { Operational } from "./operational.ts";
import { type AttemptEnd, Scheduler } from "./lanes/scheduler.ts";
import type { Receivers } from "./receivers.ts";
import type { RetrySchedules } from "./retry-schedules.ts";
import { transformed } from "./outgoing.ts";
import type { Transformer } from "../transform/transformer.ts";
import type { SlotKind } from "./lanes/slots.ts";

/** An attempt that is to be recorded. */
type Ended = AttemptResult & Pick<SettledDelivery, "tells"> & { readonly url: string };

/**
 * From a lane to a recorded outcome: starts what the scheduler picks, settles what came of it into the same
 * group commit as accepted messages, and gives back to the store what cannot be sent from memory.
 */
export class Dispatcher {
  readonly scheduler: Scheduler;
  readonly late: LateAttempts;
  readonly #committer: Committer;
  readonly #receivers: Receivers;
  readonly #transformer: Transformer | null;
  readonly #runtime: Runtime;
  readonly #observer: EngineObserver;
  readonly #operational: Operational;
  readonly #due: DueClock;
  readonly #retries: RetrySchedules;
  readonly #rules: Pick<EnvironmentRules, "of">;
  readonly #onEndpointChanged: (endpoint: Endpoint) => void;
  readonly #onEndpointDisabled: (endpoint: Endpoint, reason: DisabledReason) => void;
  readonly #abort = new AbortController();
  /** Attempts that have ended and are asking what there is to tell of them. */
  readonly #telling = new Set<Promise<void>>();
  #idleWaiters: (() => void)[] = [];

  constructor(options: {
    committer: Committer;
    store: Pick<Store, "deliveries" | "history">;
    receivers: Receivers;
    /** Null: attempts of endpoints with a transformation fail. */
    transformer: Transformer | null;
    runtime: Runtime;
    observer: EngineObserver;
    operational: Operational;
    due: DueClock;
    retries: RetrySchedules;
    rules: Pick<EnvironmentRules, "of">;
    /** An attempt began or ended a run of failures, or disabled the endpoint; told ahead of the commit. */
    onEndpointChanged: (endpoint: Endpoint) => void;
    /** An attempt was to disable the endpoint, and what came of that is stored. */
    onEndpointDisabled: (endpoint: Endpoint, reason: DisabledReason) => void;
    onHungry: () => void;
  }) {
    this.#committer = options.committer;
    this.late = new LateAttempts(options);
    this.#receivers = options.receivers;
    this.#transformer = options.transformer;
    this.#runtime = options.runtime;
    this.#observer = options.observer;
    this.#operational = options.operational;
    this.#due = options.due;
    this.#retries = options.retries;
    this.#rules = options.rules;
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

  /** Resolves when every attempt that ended before this call waits for its commit. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#telling);
  }

  /** Cuts what is in flight; those attempts end as interrupted and burn no retry. */
  abort(): void {
    this.#abort.abort();
    this.#transformer?.abort();
    this.#receivers.abort();
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

  /**
   * What is in memory of one application, or on its way here, may not be true or owed any more: it goes back to the store,
   * to come again as it is there. Null: of every application.
   */
  recall(appId: string | null): void {
    this.scheduler.recalls += 1;
    for (const lane of this.scheduler.lanes()) {
      if (appId !== null && lane.appId !== appId) continue;
      lane.recalledAt = this.scheduler.recalls;
      this.handBack(lane, this.scheduler.evict(lane), "due");
    }
  }

  async #run(lane: Lane, item: QueuedDelivery, slot: SlotKind): Promise<void> {
    const { payload } = item;
    if (payload === null) {
      this.#cancel(lane, item, PAYLOAD_EXPIRED);
      return this.#finish(lane, { slot, item, signal: "unknown", retryAfterMs: null });
    }
    const startedAt = this.#runtime.clock.monotonic();
    const { url, transformation } = lane.endpoint;
    const { environmentId } = lane.application;
    const rules = this.#rules.of(environmentId);
    try {
      const outgoing =
        transformation?.enabled === true
          ? await transformed(lane, { ...item, payload }, this.#transformer)
          : null;
      if (outgoing?.kind === "cancel") {
        this.#cancel(lane, item, TRANSFORMATION_CANCELED);
        return this.#finish(lane, { slot, item, signal: "unknown", retryAfterMs: null });
      }
      const result = await attemptDelivery(
        lane,
        { delivery: item.delivery, payload },
        {
          receivers: this.#receivers,
          runtime: this.#runtime,
          due: this.#due,
          scheduleMs: this.#retries.of(environmentId, item.eventType, rules.retryScheduleMs),
          rules,
          signal: this.#abort.signal,
          outgoing,
        },
      );
      if (this.#operational.concerns(lane, item.delivery, result.settlement)) {
        await this.#tellAndRecord(lane, item, { ...result, url });
      } else this.#record(lane, item, { ...result, url, tells: undefined });
      const latencyMs = item.committedAt === null ? null : startedAt - item.committedAt;
      this.#observer.attemptEnded(endOf(result, latencyMs));
      const { retryAfterMs, settlement } = result;
      this.#finish(lane, { slot, item, signal: settlement.lane, retryAfterMs });
    } catch (error) {
      // A bug, not an outcome: the delivery goes back to the store and the lane backs off, nothing is lost.
      this.#runtime.log.error({ error, endpointId: lane.endpoint.id }, "attempt crashed");
      this.handBack(lane, [item], "due");
      if (lane.endpoint.fifo) this.handBack(lane, this.scheduler.evict(lane), "due");
      this.#finish(lane, { slot, item, signal: "fail", retryAfterMs: null });
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

  /** It has ended, and what it tells may have to be read: whoever waits for what has ended waits for that, too. */
  async #tellAndRecord(lane: Lane, item: QueuedDelivery, ended: Omit<Ended, "tells">): Promise<void> {
    const record = async (): Promise<void> => {
      const told = { ...ended, delivery: item.delivery };
      const tells = await this.#operational.ofAttempt(lane, told, this.#abort.signal);
      this.#record(lane, item, { ...ended, tells });
    };
    const recorded = record();
    this.#telling.add(recorded);
    try {
      await recorded;
    } finally {
      this.#telling.delete(recorded);
    }
  }

  #record(lane: Lane, item: QueuedDelivery, { attempt, settlement, url, tells }: Ended): void {
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
      wipeIn: this.#wipeIn(lane, settlement),
      tells,
    };
    const done = pending
      ? (kept: boolean) => {
          // It may have been canceled while it was under way.
          if (!kept) this.late.look(item.delivery, (why) => this.#cancel(lane, item, why));
        }
      : NOTHING;
    if (lane.endpoint.fifo && settlement.state !== "succeeded") {
      // It has to wait, or has failed for good, which a crash would undo until it is stored: the ones behind it go
      // back to the store with it, so that none is sent before it.
      this.#settleSpilled(lane, settled, done);
      this.handBack(lane, this.scheduler.evict(lane), "due");
    } else if (change === null && tells === undefined) {
      this.#committer.settle(settled, done);
    } else {
      this.#committer.settle(settled, (kept) => {
        this.#announce(lane, settled);
        done(kept);
      });
    }
    // Behind the settle that disables it: the store pauses only what is owed to a disabled endpoint.
    if (lane.endpoint.disabled) this.handBack(lane, this.scheduler.evict(lane), "paused");
  }

  #wipeIn({ application: { environmentId } }: Lane, { state }: Settlement): string | undefined {
    return state === "succeeded" && this.#rules.of(environmentId).wipeDelivered ? environmentId : undefined;
  }

  /** A run of failures that began or ended is known to the lane alone; matching does not look at it. */
  #announce(lane: Lane, { endpoint: change, tells }: SettledDelivery): void {
    if (change?.kind === "disable") this.#onEndpointDisabled(lane.endpoint, change.reason);
    // What was told waits in the store.
    if (tells !== undefined) this.scheduler.hungry();
  }

  /** Until it is stored, no scan of the store may conclude that the lane has nothing there. */
  #settleSpilled(lane: Lane, settled: SettledDelivery, done: (kept: boolean) => void = NOTHING): void {
    lane.spill();
    this.#committer.settle(settled, (kept) => {
      lane.spilling -= 1;
      done(kept);
      this.#announce(lane, settled);
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
    const attempt = canceledAttempt(delivery, { url: lane.endpoint.url, why, runtime: this.#runtime });
    const settled = { delivery, leaseId, attempt, next: ENDED, endpoint: null };
    this.#committer.settle(settled, () => {});
  }
}

/** Not the time now: a clock that is set back must not put off what is due already. */
const AT_ONCE = 0;

const NOTHING = (): void => {};
const ENDED: NextState = { kind: "ended" };

function nextState(settlement: Settlement): NextState {
  if (settlement.state !== "pending") return ENDED;
  if (settlement.nextAttemptAt === null) {
    throw new PosthasteError("internal", "a pending delivery has no time for its next attempt");
  }
  return { kind: "retry", at: settlement.nextAttemptAt, attempts: settlement.attempts };
}
