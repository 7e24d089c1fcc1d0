import type { Application } from "../../domain/application.ts";
import type { Endpoint } from "../../domain/endpoint.ts";
import {
  BREAKER_PROBES_PER_S,
  FAIR_QUANTUM_BYTES,
  IN_FLIGHT_MAX,
  IN_FLIGHT_UNPROVEN_MAX,
  LANES_BYTES_MAX,
  LANES_MAX,
  LANES_QUEUE_MAX,
  STARTS_PER_TURN_MAX,
} from "../../domain/limits.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { Lane, type QueuedDelivery } from "./lane.ts";
import { Queue } from "./queue.ts";
import { TokenBucket } from "./token-bucket.ts";

/** The lanes of one application that may start something, and its share. */
interface AppShare {
  readonly appId: string;
  readonly readyLanes: Queue<Lane>;
  deficitBytes: number;
  bucket: TokenBucket | null;
  ready: boolean;
  waking: boolean;
}

/** Starts one attempt; `Scheduler.finished` is called with the same `proven` when it ended. */
export type StartAttempt = (lane: Lane, item: QueuedDelivery, proven: boolean) => void;

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
  readonly #shares = new Map<string, AppShare>();
  readonly #readyApps = new Queue<AppShare>();
  #inFlight = 0;
  #unprovenInFlight = 0;
  #queued = 0;
  #queuedBytes = 0;
  #brokenLanes = 0;
  #pumpScheduled = false;
  /** A delivery was put off to a later turn because its application's deficit did not pay for it. */
  #unpaid = false;
  #stopped = false;

  constructor(options: { runtime: Runtime; startAttempt: StartAttempt; onHungry: () => void }) {
    this.#runtime = options.runtime;
    this.#startAttempt = options.startAttempt;
    this.#onHungry = options.onHungry;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** For the metrics page. */
  get load(): { queued: number; queuedBytes: number; lanes: number; brokenLanes: number } {
    return {
      queued: this.#queued,
      queuedBytes: this.#queuedBytes,
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

  /** The lane of an endpoint, made when there is none yet. */
  laneOf(application: Application, endpoint: Endpoint): Lane {
    const known = this.#lanes.get(endpoint.id);
    if (known) return known;
    if (this.#lanes.size >= LANES_MAX) this.#forgetIdle();
    const lane = new Lane(endpoint, this.#now());
    this.#lanes.set(endpoint.id, lane);
    this.#shareOf(application);
    return lane;
  }

  /** Takes over changed records; what a disabled lane had queued is returned, to be paused in the store. */
  update(application: Application, endpoints: readonly Endpoint[]): QueuedDelivery[] {
    this.#setAppRate(application);
    const evicted: QueuedDelivery[] = [];
    for (const endpoint of endpoints) {
      const lane = this.#lanes.get(endpoint.id);
      if (!lane) continue;
      const wasBroken = lane.breaker.broken;
      lane.update(endpoint, this.#now());
      this.#countBroken(wasBroken, lane);
      if (endpoint.disabled) evicted.push(...this.evict(lane));
      else this.#wake(lane);
    }
    return evicted;
  }

  /** Forgets a lane whose endpoint is gone; returns what it had queued. */
  remove(lane: Lane): QueuedDelivery[] {
    const rest = this.evict(lane);
    lane.cancelWake?.();
    if (lane.breaker.broken) this.#brokenLanes -= 1;
    this.#lanes.delete(lane.endpoint.id);
    return rest;
  }

  /** Empties a lane's queue. */
  evict(lane: Lane): QueuedDelivery[] {
    const items = lane.queue.drain();
    for (const { bytes } of items) this.#release(bytes);
    return items;
  }

  /** How many deliveries may be claimed for a lane now. */
  roomOf(lane: Lane): number {
    if (this.#queuedBytes >= LANES_BYTES_MAX) return 0;
    return Math.min(lane.room, LANES_QUEUE_MAX - this.#queued);
  }

  /** Takes a place for a delivery whose commit begins; false when it has to wait in the store. */
  reserve(lane: Lane, bytes: number): boolean {
    if (this.#stopped || lane.spilled || this.roomOf(lane) <= 0) return false;
    lane.reserved += 1;
    this.#queued += 1;
    this.#queuedBytes += bytes;
    return true;
  }

  /** Gives a reserved place back: the commit did not happen. */
  unreserve(lane: Lane, bytes: number): void {
    lane.reserved -= 1;
    this.#release(bytes);
  }

  /** Turns a reserved place into a queued delivery. */
  enqueueReserved(lane: Lane, item: QueuedDelivery): void {
    lane.reserved -= 1;
    lane.queue.push(item);
    this.#wake(lane);
  }

  /** Queues a claimed delivery; there was room when it was claimed. */
  enqueue(lane: Lane, item: QueuedDelivery): void {
    this.#queued += 1;
    this.#queuedBytes += item.bytes;
    lane.queue.push(item);
    this.#wake(lane);
  }

  /** An attempt ended: frees its slot and lets the lane learn from it. */
  finished(
    lane: Lane,
    result: { proven: boolean; signal: "ok" | "slow" | "fail" | "unknown"; retryAfterMs: number | null },
  ): void {
    this.#inFlight -= 1;
    if (!result.proven) this.#unprovenInFlight -= 1;
    lane.inFlight -= 1;
    const now = this.#now();
    const wasBroken = lane.breaker.broken;
    const minPauseMs = (this.#brokenLanes / BREAKER_PROBES_PER_S) * 1_000;
    const jitter = this.#runtime.random.unit();
    if (result.signal === "ok") lane.breaker.succeeded(now);
    else if (result.signal === "fail") lane.breaker.failed(now, { minPauseMs, jitter });
    else if (result.signal === "slow") {
      lane.breaker.slowDown(now, { retryAfterMs: result.retryAfterMs, minPauseMs, jitter });
    }
    this.#countBroken(wasBroken, lane);
    if (lane.spilled && lane.queue.size <= lane.room) this.#onHungry();
    this.#wake(lane);
    this.#schedulePump();
  }

  /** Starts nothing more; what is queued stays where it is. */
  stop(): void {
    this.#stopped = true;
    for (const lane of this.#lanes.values()) lane.cancelWake?.();
  }

  #countBroken(wasBroken: boolean, lane: Lane): void {
    if (wasBroken !== lane.breaker.broken) this.#brokenLanes += wasBroken ? -1 : 1;
  }

  #release(bytes: number): void {
    this.#queued -= 1;
    this.#queuedBytes -= bytes;
  }

  /** Puts a lane into its application's ring, or sets a timer for when it may go there. */
  #wake(lane: Lane): void {
    if (lane.ready || this.#stopped) return;
    const waitMs = lane.waitMs(this.#now());
    if (waitMs === Number.POSITIVE_INFINITY) return;
    if (waitMs > 0) return this.#wakeLater(lane, waitMs);
    lane.ready = true;
    const share = this.#shares.get(lane.appId);
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
    let starts = STARTS_PER_TURN_MAX;
    this.#unpaid = false;
    let turns = this.#readyApps.size;
    while (starts > 0 && turns-- > 0 && this.#inFlight < IN_FLIGHT_MAX && !this.#stopped) {
      const share = this.#readyApps.shift();
      if (!share) break;
      share.ready = false;
      starts -= this.#serve(share, starts);
      if (share.readyLanes.size === 0) share.deficitBytes = 0;
      else this.#wakeApp(share);
    }
    // With every slot taken the next finished attempt pumps; otherwise go on after other work had its turn.
    const more = starts < STARTS_PER_TURN_MAX || this.#unpaid;
    if (more && this.#inFlight < IN_FLIGHT_MAX) this.#schedulePump();
  }

  /** One turn of an application: starts what its deficit pays for; returns how many. */
  #serve(share: AppShare, max: number): number {
    share.deficitBytes = Math.min(share.deficitBytes, FAIR_QUANTUM_BYTES) + FAIR_QUANTUM_BYTES;
    let started = 0;
    let turns = share.readyLanes.size + max;
    while (started < max && turns-- > 0 && this.#inFlight < IN_FLIGHT_MAX) {
      const lane = share.readyLanes.peek();
      const now = this.#now();
      // It stays at the head while its application has to wait, so that lanes keep their turns.
      if (!lane || this.#appMustWait(share, now)) break;
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
      const proven = lane.breaker.provenAt(now);
      if (!proven && this.#unprovenInFlight >= IN_FLIGHT_UNPROVEN_MAX) {
        share.readyLanes.push(lane);
        continue;
      }
      lane.ready = false;
      share.deficitBytes -= item.bytes;
      share.bucket?.take();
      this.#start(lane, proven);
      started += 1;
      this.#wake(lane);
    }
    return started;
  }

  #start(lane: Lane, proven: boolean): void {
    const item = lane.start();
    if (!item) return;
    this.#release(item.bytes);
    this.#inFlight += 1;
    if (!proven) this.#unprovenInFlight += 1;
    this.#startAttempt(lane, item, proven);
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

  #shareOf(application: Application): AppShare {
    const known = this.#shares.get(application.id);
    if (known) return known;
    const share: AppShare = {
      appId: application.id,
      readyLanes: new Queue(),
      deficitBytes: 0,
      bucket: null,
      ready: false,
      waking: false,
    };
    this.#shares.set(application.id, share);
    this.#setAppRate(application);
    return share;
  }

  #setAppRate({ id, throttleRate }: Application): void {
    const share = this.#shares.get(id);
    if (!share) return;
    if (throttleRate === null) share.bucket = null;
    else if (share.bucket === null) share.bucket = new TokenBucket(throttleRate, this.#now());
    else share.bucket.setRate(throttleRate);
  }

  /** Drops lanes with nothing to do and nothing learned, and shares without lanes. */
  #forgetIdle(): void {
    const used = new Set<string>();
    for (const [id, lane] of this.#lanes) {
      if (lane.idle && !lane.ready && lane.breaker.pristine) {
        lane.cancelWake?.();
        this.#lanes.delete(id);
      } else used.add(lane.appId);
    }
    for (const [appId, share] of this.#shares) {
      if (!used.has(appId) && !share.ready && !share.waking) this.#shares.delete(appId);
    }
  }

  #now(): number {
    return this.#runtime.clock.monotonic();
  }
}
