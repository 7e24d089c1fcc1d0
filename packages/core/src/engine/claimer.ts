import {
  CLAIM_BATCH_MAX,
  CLAIM_BYTES_MAX,
  CLAIM_BYTES_MIN,
  CLAIM_INTERVAL_MS,
  CLAIM_JITTER,
  CLAIM_LANES_MAX,
  CLAIM_PAUSE_MAX_MS,
  CLAIM_PAUSE_MS,
  LEASE_RELEASE_BATCH,
  NODE_BEAT_MS,
} from "../domain/limits.ts";
import type { DeliveryKey } from "../domain/delivery.ts";
import type { Runtime } from "../runtime/runtime.ts";
import {
  type ClaimedDelivery,
  type ClaimRequest,
  CommitInDoubt,
  type DeliveryStore,
  type DueLane,
  type LaneKey,
} from "../storage/port.ts";
import { deliveryBytes } from "./accept.ts";
import type { DueClock } from "./due-clock.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { LaneOwners } from "./lane-owners.ts";
import type { Lane } from "./lanes/lane.ts";
import type { NodeIdentity } from "./node-identity.ts";
import type { Routing } from "./routing.ts";

/** Said with it, no error is made for nobody to read. */
const WOKEN = "woken";

type Wanted = ClaimRequest["lanes"][number];

/**
 * Brings due deliveries from the store into their lanes: retries whose time has come, what did not fit into
 * memory, and what a dead process left. The fast path never comes here.
 */
export class Claimer {
  readonly #store: DeliveryStore;
  readonly #runtime: Runtime;
  readonly #routing: Pick<Routing, "findById">;
  readonly #dispatcher: Dispatcher;
  readonly #due: DueClock;
  readonly #node: NodeIdentity;
  readonly #owners: LaneOwners | null;
  #wake: (() => void) | null = null;
  #hungry = false;
  /** Until then older deliveries may be hidden behind the leases of a process that is gone. */
  #tookOver = false;
  /** How long the last look at all lanes took. */
  #scanMs = 0;

  constructor(options: {
    store: DeliveryStore;
    runtime: Runtime;
    routing: Pick<Routing, "findById">;
    dispatcher: Dispatcher;
    due: DueClock;
    node: NodeIdentity;
    /** Null: this process serves every lane. */
    owners: LaneOwners | null;
  }) {
    this.#store = options.store;
    this.#runtime = options.runtime;
    this.#routing = options.routing;
    this.#dispatcher = options.dispatcher;
    this.#due = options.due;
    this.#node = options.node;
    this.#owners = options.owners;
    // Among many nodes the store holds FIFO lanes to their order, whatever is leased to whom.
    this.#tookOver = options.owners !== null;
  }

  /** Looks again soon: a lane runs low, or something has just come due. */
  wakeUp(): void {
    this.#hungry = true;
    this.#wake?.();
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#wake?.();
    signal.addEventListener("abort", stop);
    try {
      while (!signal.aborted) {
        this.#hungry = false;
        if (this.#node.active) await this.runOnce(signal);
        await this.#rest(signal);
      }
    } finally {
      // It fails while the store is away, and is begun again each time.
      signal.removeEventListener("abort", stop);
    }
  }

  /** Looks at every lane with due deliveries once; returns how many were claimed. */
  async runOnce(signal: AbortSignal): Promise<number> {
    const startedAt = this.#runtime.clock.monotonic();
    const tookOver = this.#tookOver;
    const steady = this.#steadyLanes();
    let claimed = 0;
    let after: LaneKey | null = null;
    do {
      const due: DueLane[] = await this.#store.findDueLanes({ after, limit: CLAIM_LANES_MAX });
      const last: DueLane | undefined = due.at(-1);
      after = due.length === CLAIM_LANES_MAX && last ? last : null;
      const now = this.#due.now();
      for (const { endpointId, nextAttemptAt } of due) {
        // What only waits for its retry holds back nothing but the followers on a FIFO endpoint.
        const lane = this.#dispatcher.scheduler.find(endpointId);
        if (nextAttemptAt <= now || lane?.endpoint.fifo) steady.delete(endpointId);
        if (lane?.endpoint.fifo && !lane.spilled) lane.spilled = true;
      }
      claimed += await this.#claimFor(due, now, signal);
    } while (after !== null && !signal.aborted);
    for (const { lane, spills } of steady.values()) {
      if (lane.spills === spills && (tookOver || !lane.endpoint.fifo)) lane.spilled = false;
    }
    this.#scanMs = this.#runtime.clock.monotonic() - startedAt;
    return claimed;
  }

  /** Frees what processes that are gone had leased. Runs beside the claiming, a page at a time. */
  async takeOver(signal: AbortSignal): Promise<number> {
    // Among many nodes only once it is one of those that live.
    while (!this.#node.active && !signal.aborted) await this.#runtime.timers.sleep(NODE_BEAT_MS, signal);
    let released = 0;
    let after: DeliveryKey | null = null;
    do {
      const page: Awaited<ReturnType<DeliveryStore["releaseLeases"]>> = await this.#store.releaseLeases({
        notHeldBy: this.#node.leaseId,
        now: 0,
        after,
        limit: LEASE_RELEASE_BATCH,
      });
      released += page.released;
      after = page.cursor;
      this.wakeUp();
    } while (after !== null && !signal.aborted);
    this.#tookOver = true;
    return released;
  }

  /** Spilled lanes with nothing on its way into the store: the scan that begins now tells all about them. */
  #steadyLanes(): Map<string, { lane: Lane; spills: number }> {
    const steady = new Map<string, { lane: Lane; spills: number }>();
    for (const lane of this.#dispatcher.scheduler.lanes()) {
      if (lane.spilled && lane.spilling === 0) {
        steady.set(lane.endpoint.id, { lane, spills: lane.spills });
      }
    }
    return steady;
  }

  async #claimFor(due: readonly DueLane[], now: number, signal: AbortSignal): Promise<number> {
    const wanted: Wanted[] = [];
    for (const { appId, endpointId, nextAttemptAt } of due) {
      if (nextAttemptAt > now) continue;
      const lane = await this.#laneOf({ appId, endpointId });
      if (lane === null) continue;
      const limit = this.#limitOf(lane);
      // What a disabled one gets is only paused: no order, or its oldest, paused already, would hold the others back.
      const fifo = lane.endpoint.fifo && !lane.endpoint.disabled;
      if (limit > 0) wanted.push({ appId, endpointId, limit, fifo });
    }
    let claimed = 0;
    for (let at = 0; at < wanted.length && !signal.aborted;) {
      const { deliveries, bytes } = this.#dispatcher.scheduler.free;
      if (deliveries === 0) break;
      const lanes = fitting(wanted.slice(at), Math.min(CLAIM_BATCH_MAX, deliveries));
      at += lanes.length;
      // Never nothing: large payloads that hang must not keep a lane that holds nothing from its turn.
      const bytesMax = Math.max(CLAIM_BYTES_MIN, Math.min(CLAIM_BYTES_MAX, bytes));
      claimed += await this.#claim(lanes, bytesMax);
    }
    return claimed;
  }

  async #claim(wanted: readonly Wanted[], bytesMax: number): Promise<number> {
    // What was claimed for the lanes before them has used up room since they were looked at.
    const lanes = wanted.flatMap((lane) => {
      const limit = Math.min(lane.limit, this.#limitNow(lane.endpointId));
      return limit > 0 ? [{ ...lane, limit }] : [];
    });
    if (lanes.length === 0) return 0;
    const { leaseId, active } = this.#node;
    // Joined again, and not told yet that the lease counts: what is claimed now would be taken for the lost one's.
    if (!active) return 0;
    const { recalls } = this.#dispatcher.scheduler;
    const pinned = lanes.flatMap(({ endpointId }) => this.#dispatcher.scheduler.find(endpointId) ?? []);
    for (const lane of pinned) lane.claiming += 1;
    try {
      const claimed = await this.#store.claimDue({
        leaseId,
        now: this.#due.now(),
        lanes,
        limit: CLAIM_BATCH_MAX,
        bytesMax,
      });
      // Of a lease that was lost meanwhile: they are released with it.
      if (!this.#node.active || this.#node.leaseId !== leaseId) return 0;
      const inOrder = new Set(lanes.flatMap(({ endpointId, fifo }) => (fifo ? [endpointId] : [])));
      for (const item of claimed) {
        this.#queue(item, { leaseId, recalls, inOrder: inOrder.has(item.delivery.endpointId) });
      }
      // Cut by its own bound rather than by what is there: go on at once.
      if (claimed.length >= CLAIM_BATCH_MAX) this.#hungry = true;
      return claimed.length;
    } catch (error) {
      if (error instanceof CommitInDoubt) this.#node.doubt(leaseId);
      throw error;
    } finally {
      for (const lane of pinned) lane.claiming -= 1;
    }
  }

  #limitNow(endpointId: string): number {
    const lane = this.#dispatcher.scheduler.find(endpointId);
    return lane ? this.#limitOf(lane) : 0;
  }

  #queue(
    { delivery, eventType, payload }: ClaimedDelivery,
    { leaseId, recalls, inOrder }: { leaseId: string; recalls: number; inOrder: boolean },
  ): void {
    const lane = this.#dispatcher.scheduler.find(delivery.endpointId);
    const item = { delivery, leaseId, eventType, payload, bytes: deliveryBytes(payload), committedAt: null };
    // Forgotten or disabled while the claim was under way.
    if (!lane) return this.#dispatcher.handBack(null, [item], "due");
    if (lane.endpoint.disabled) return this.#dispatcher.handBack(lane, [item], "paused");
    // Enabled, or made FIFO, meanwhile: it has to come in its order. Recalled: it may be owed no more.
    if ((lane.endpoint.fifo && !inOrder) || lane.recalledAt > recalls)
      return this.#dispatcher.handBack(lane, [item], "due");
    this.#dispatcher.scheduler.enqueue(lane, item);
  }

  async #laneOf({ appId, endpointId }: LaneKey): Promise<Lane | null> {
    const known = this.#dispatcher.scheduler.find(endpointId);
    if (known) return known;
    const routed = await this.#routing.findById(appId);
    const endpoint = routed?.endpoints.find(({ id }) => id === endpointId);
    // Deleted: maintenance ends what it was owed.
    if (!routed || !endpoint) return null;
    if (this.#owners !== null && !this.#owners.serves(routed.application, endpoint)) return null;
    return this.#dispatcher.scheduler.laneOf(routed.application, endpoint);
  }

  /** A disabled lane claims too: what it gets is paused, so that it is not found again and again. */
  #limitOf(lane: Lane): number {
    if (lane.endpoint.disabled) return CLAIM_BATCH_MAX;
    return this.#dispatcher.scheduler.roomOf(lane);
  }

  #intervalMs(): number {
    if (this.#owners === null) return CLAIM_INTERVAL_MS;
    return Math.round(CLAIM_INTERVAL_MS * (1 + CLAIM_JITTER * (2 * this.#runtime.random.unit() - 1)));
  }

  async #rest(signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort(WOKEN);
    if (!this.#hungry && !signal.aborted) {
      await this.#runtime.timers.sleep(this.#intervalMs(), woken.signal);
    }
    this.#wake = null;
    // However often it is woken, looking takes at most half of the store's time.
    const pauseMs = Math.min(Math.max(CLAIM_PAUSE_MS, this.#scanMs), CLAIM_PAUSE_MAX_MS);
    await this.#runtime.timers.sleep(pauseMs, signal);
  }
}

/** As many lanes as one claim of `max` deliveries can serve; at least one. */
function fitting(lanes: readonly Wanted[], max: number): Wanted[] {
  const taken: Wanted[] = [];
  let sum = 0;
  for (const lane of lanes) {
    if (taken.length > 0 && sum + lane.limit > max) break;
    taken.push(lane);
    sum += lane.limit;
  }
  return taken;
}
