import type { Application } from "../../domain/application.ts";
import type { Endpoint } from "../../domain/endpoint.ts";
import {
  BREAKER_PROBES_PER_S,
  FAIR_QUANTUM_BYTES,
  LANE_MEMORY_MS,
  LANES_FORGET_STEP,
  LANES_MAX,
  STARTS_PER_TURN_MAX,
} from "../../domain/limits.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { type AppShare, AppShares } from "./app-shares.ts";
import { Lane, type QueuedDelivery } from "./lane.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { Queue } from "./queue.ts";
import { type SlotKind, Slots } from "./slots.ts";
import { StartGate } from "./start-gate.ts";

/** Starts one attempt; `Scheduler.finished` is called with the same slot when it ended. */
export type StartAttempt = (lane: Lane, item: QueuedDelivery, slot: SlotKind) => void;

/** How an attempt ended, as its lane sees it. */
export interface AttemptEnd {
  readonly slot: SlotKind;
  readonly item: QueuedDelivery;
  readonly signal: "ok" | "slow" | "fail" | "unknown";
  readonly retryAfterMs: number | null;
}

/**
 * Decides which delivery starts next: deficit round robin between applications by payload bytes, then in
 * turn between the lanes of each, within the bounds of the lane (concurrency, rate, breaker, order), of the
 * application (rate) and of the process (slots). A slow or dead endpoint delays nobody else.
 */
export class Scheduler {
  readonly #runtime: Runtime;
  readonly #startAttempt: StartAttempt;
  /** Told when a lane runs low while the store holds more for it. */
  readonly #onHungry: () => void;
  readonly #lanes = new Map<string, Lane>();
  readonly #shares = new AppShares();
  readonly #readyApps = new Queue<AppShare>();
  /** Lanes that may start but for a slot of their kind; the next that is freed wakes one. */
  readonly #parked = new Queue<Lane>();
  readonly #slots = new Slots();
  readonly #budget = new MemoryBudget();
  readonly #gate: StartGate;
  /** Counts the recalls. What was asked of the store before a lane's last may be owed no more when it comes. */
  recalls = 0;
  #brokenLanes = 0;
  #forgetAt = LANES_MAX;
  #pumpScheduled = false;
  /** A delivery was put off to a later turn because its application's deficit did not pay for it. */
  #unpaid = false;
  #stopped = false;

  constructor(options: { runtime: Runtime; startAttempt: StartAttempt; onHungry: () => void }) {
    this.#runtime = options.runtime;
    this.#gate = new StartGate(options.runtime.clock);
    this.#startAttempt = options.startAttempt;
    this.#onHungry = options.onHungry;
  }

  get inFlight(): number {
    return this.#slots.inFlight;
  }

  /** What more may be kept in memory. */
  get free(): { deliveries: number; bytes: number } {
    return { deliveries: this.#budget.freeDeliveries, bytes: this.#budget.freeBytes };
  }

  /** For the metrics page. */
  get load(): { queued: number; queuedBytes: number; lanes: number; brokenLanes: number } {
    return {
      queued: this.#budget.deliveries,
      queuedBytes: this.#budget.bytes,
      lanes: this.#lanes.size,
      brokenLanes: this.#brokenLanes,
    };
  }

  lanes(): IterableIterator<Lane> {
    return this.#lanes.values();
  }

  find(endpointId: string): Lane | undefined {
    return this.#lanes.get(endpointId);
  }

  hasLanes(appId: string): boolean {
    return this.#shares.find(appId) !== undefined;
  }

  /** The lane of an endpoint, made when there is none yet. */
  laneOf(application: Application, endpoint: Endpoint): Lane {
    const known = this.#lanes.get(endpoint.id);
    if (known) return known;
    if (this.#lanes.size >= this.#forgetAt) this.#forgetIdle();
    const now = this.#now();
    const lane = new Lane(application, endpoint, now);
    lane.recalledAt = this.recalls;
    this.#lanes.set(endpoint.id, lane);
    this.#shares.add(application, now);
    return lane;
  }

  /** Takes over changed records; what a disabled lane had queued is returned, to be paused in the store. */
  update(application: Application, endpoints: readonly Endpoint[]): QueuedDelivery[] {
    const now = this.#now();
    this.#shares.setRate(application, now);
    const evicted: QueuedDelivery[] = [];
    for (const endpoint of endpoints) {
      const lane = this.#lanes.get(endpoint.id);
      if (!lane) continue;
      const wasBroken = lane.breaker.broken;
      lane.application = application;
      lane.update(endpoint, now);
      this.#countBroken(wasBroken, lane);
      if (endpoint.disabled) evicted.push(...this.evict(lane));
      else this.#wake(lane);
    }
    return evicted;
  }

  /** Forgets a lane whose endpoint is gone; returns what it had queued. */
  remove(lane: Lane): QueuedDelivery[] {
    const rest = this.evict(lane);
    this.#forget(lane);
    lane.removed = true;
    return rest;
  }

  /** Takes all but the first `keep` (default none) out of a lane's queue. */
  evict(lane: Lane, keep = 0): QueuedDelivery[] {
    return this.#budget.evict(lane, keep);
  }

  /** Forgets everything that is queued, unsent: it is in the store, and belongs to others. Starts nothing more. */
  drop(): void {
    this.#gate.close();
    for (const lane of this.#lanes.values()) if (this.evict(lane).length > 0) lane.passOver();
  }

  /** Attempts may start until then; see StartGate. */
  startUntil(until: { monotonic: number; wall: number }): void {
    this.#gate.openUntil(until);
    this.#schedulePump();
  }

  /** How many deliveries may be claimed for a lane now. */
  roomOf(lane: Lane): number {
    return this.#budget.roomOf(lane);
  }

  /** Takes a place for a delivery whose commit begins; false when it has to wait in the store. */
  reserve(lane: Lane, bytes: number): boolean {
    if (this.#stopped || lane.spilled || this.roomOf(lane) <= 0) return false;
    this.#budget.reserve(lane, bytes);
    return true;
  }

  /** Gives a reserved place back: the commit did not happen. */
  unreserve(lane: Lane, bytes: number): void {
    this.#budget.unreserve(lane, bytes);
  }

  /** Queues a delivery that was claimed or had a place reserved. */
  enqueue(lane: Lane, item: QueuedDelivery): void {
    const isClaimed = item.committedAt === null;
    if (isClaimed) lane.supersede(item.delivery);
    this.#budget.enqueue(lane, item);
    this.#wake(lane);
  }

  /** An attempt ended: frees its slot and lets the lane learn from it. */
  finished(lane: Lane, result: AttemptEnd): void {
    this.#slots.free(result.slot);
    this.#budget.finished(result.item.bytes);
    lane.end(result.item);
    const now = this.#now();
    lane.usedAt = now;
    if (!lane.removed) {
      const wasBroken = lane.breaker.broken;
      this.#learn(lane, result, now);
      this.#countBroken(wasBroken, lane);
      if (lane.spilled && lane.queue.size <= lane.room) this.#onHungry();
      this.#wake(lane);
    }
    this.#wakeParked();
    this.#schedulePump();
  }

  /** The store has, or will have, something for a lane with room. */
  hungry(): void {
    this.#onHungry();
  }

  /** Starts nothing more; what is queued stays where it is. */
  stop(): void {
    this.#stopped = true;
    for (const lane of this.#lanes.values()) lane.cancelWake?.();
  }

  #countBroken(wasBroken: boolean, lane: Lane): void {
    if (wasBroken !== lane.breaker.broken) this.#brokenLanes += wasBroken ? -1 : 1;
  }

  #learn(lane: Lane, { signal, retryAfterMs }: AttemptEnd, now: number): void {
    const minPauseMs = (this.#brokenLanes / BREAKER_PROBES_PER_S) * 1_000;
    const jitter = this.#runtime.random.unit();
    if (signal === "ok") lane.breaker.succeeded(now);
    else if (signal === "fail") lane.breaker.failed(now, { minPauseMs, jitter });
    else if (signal === "slow") lane.breaker.slowDown(now, { retryAfterMs, minPauseMs, jitter });
  }

  /** The next lane that can use it goes on in place of the attempt that ended; it parks again if there is no slot. */
  #wakeParked(): void {
    for (let lane = this.#parked.shift(); lane !== undefined; lane = this.#parked.shift()) {
      lane.parked = false;
      this.#wake(lane);
      if (lane.ready) return;
    }
  }

  /** Puts a lane into its application's ring, or sets a timer for when it may go there. */
  #wake(lane: Lane): void {
    if (lane.ready || lane.removed || this.#stopped) return;
    const waitMs = lane.waitMs(this.#now());
    if (waitMs === Number.POSITIVE_INFINITY) return;
    if (waitMs > 0) return this.#wakeLater(lane, waitMs);
    lane.ready = true;
    const share = this.#shares.find(lane.appId);
    if (!share) return;
    share.readyLanes.push(lane);
    this.#wakeApp(share);
  }

  #wakeLater(lane: Lane, waitMs: number): void {
    if (lane.cancelWake) return;
    lane.cancelWake = this.#runtime.timers.after(Math.ceil(waitMs), () => {
      lane.cancelWake = null;
      this.#wake(lane);
    });
  }

  #wakeApp(share: AppShare): void {
    if (share.ready || share.waking) return;
    share.ready = true;
    this.#readyApps.push(share);
    this.#schedulePump();
  }

  #schedulePump(): void {
    if (this.#pumpScheduled || this.#stopped || this.#readyApps.size === 0) return;
    this.#pumpScheduled = true;
    this.#runtime.timers.soon(() => {
      this.#pumpScheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    // Whoever opens the gate pumps again.
    if (!this.#gate.isOpen) return;
    let starts = STARTS_PER_TURN_MAX;
    this.#unpaid = false;
    let turns = this.#readyApps.size;
    while (starts > 0 && turns-- > 0 && !this.#slots.full && !this.#stopped) {
      const share = this.#readyApps.shift();
      if (!share) break;
      share.ready = false;
      starts -= this.#serve(share, starts);
      if (share.readyLanes.size === 0) share.deficitBytes = 0;
      else this.#wakeApp(share);
    }
    // With every slot taken the next finished attempt pumps; otherwise go on after other work had its turn.
    const more = starts < STARTS_PER_TURN_MAX || this.#unpaid;
    if (more && !this.#slots.full) this.#schedulePump();
  }

  /** One turn of an application: starts what its deficit pays for; returns how many. */
  #serve(share: AppShare, max: number): number {
    share.deficitBytes = Math.min(share.deficitBytes, FAIR_QUANTUM_BYTES) + FAIR_QUANTUM_BYTES;
    let started = 0;
    let turns = share.readyLanes.size + max;
    while (started < max && turns-- > 0 && !this.#slots.full) {
      const lane = share.readyLanes.peek();
      const now = this.#now();
      // It stays at the head while its application has to wait, so that lanes keep their turns.
      if (!lane || !this.#gate.isOpen || this.#appMustWait(share, now)) break;
      const item = lane.queue.peek();
      if (item === undefined || lane.waitMs(now) > 0) {
        share.readyLanes.shift();
        lane.ready = false;
        this.#wake(lane);
        continue;
      }
      // A payload above the quantum goes out at once and is paid for over the turns that follow.
      if (share.deficitBytes < Math.min(item.bytes, FAIR_QUANTUM_BYTES)) {
        this.#unpaid = true;
        break;
      }
      share.readyLanes.shift();
      lane.ready = false;
      const slot = this.#slots.offer(lane, now);
      if (slot === null) {
        this.#park(lane);
        continue;
      }
      share.deficitBytes -= item.bytes;
      share.bucket?.take();
      this.#start(lane, slot);
      started += 1;
      this.#wake(lane);
    }
    return started;
  }

  #park(lane: Lane): void {
    if (lane.parked) return;
    lane.parked = true;
    this.#parked.push(lane);
  }

  #start(lane: Lane, slot: SlotKind): void {
    const item = lane.start();
    if (!item) return;
    this.#budget.started(lane, item.bytes);
    this.#slots.take(slot);
    this.#startAttempt(lane, item, slot);
  }

  /** Whether the application's own rate holds it back; sets the timer that goes on. */
  #appMustWait(share: AppShare, now: number): boolean {
    const waitMs = share.bucket?.waitMs(now) ?? 0;
    if (waitMs <= 0) return false;
    share.waking = true;
    this.#runtime.timers.after(Math.ceil(waitMs), () => {
      share.waking = false;
      if (share.readyLanes.size > 0) this.#wakeApp(share);
    });
    return true;
  }

  /** Drops lanes without work whose last attempt is long ago; looks again only when many more have come. */
  #forgetIdle(): void {
    const before = this.#now() - LANE_MEMORY_MS;
    for (const lane of this.#lanes.values()) {
      if (lane.idle && !lane.parked && (lane.breaker.pristine || lane.usedAt < before)) this.#forget(lane);
    }
    this.#forgetAt = Math.max(LANES_MAX, this.#lanes.size + LANES_FORGET_STEP);
  }

  #forget(lane: Lane): void {
    lane.cancelWake?.();
    if (lane.breaker.broken) this.#brokenLanes -= 1;
    this.#lanes.delete(lane.endpoint.id);
    this.#shares.remove(lane.appId);
  }

  #now(): number {
    return this.#runtime.clock.monotonic();
  }
}
