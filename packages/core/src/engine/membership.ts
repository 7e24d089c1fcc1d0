import type { Health } from "../domain/health.ts";
import { ID_PREFIX } from "../domain/ids.ts";
import {
  NODE_BEAT_MS,
  NODE_BEAT_TIMEOUT_MS,
  NODE_DEAD_AFTER_MS,
  NODE_HOLD_AFTER_MS,
  NODE_SETTLE_MS,
} from "../domain/limits.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { ClusterNode, ClusterStore, NodeRole } from "../storage/port.ts";
import type { EngineObserver } from "./engine.ts";
import { inTime } from "./in-time.ts";
import type { NodeIdentity } from "./node-identity.ts";

/** What the other parts of the engine are told. */
export interface MembershipEvents {
  /** A beat came through: attempts may start until then, by the monotonic and by the wall clock. */
  readonly onBeat: (until: { monotonic: number; wall: number }) => void;
  /** The lease is gone: what is queued under it belongs to others. */
  readonly onLost: () => void;
  /** After each beat: who there is. `settled`: the others know of this node. */
  readonly onNodes: (view: {
    self: string;
    nodes: readonly ClusterNode[];
    workers: readonly string[];
    former: ReadonlySet<string>;
    settled: boolean;
  }) => void;
}

/** Said with it, no error is made for nobody to read. */
const WOKEN = "woken";

/** A gap between two good beats that is longer says nothing about others: they may not have been able to beat either. */
const GAP_MS = NODE_BEAT_TIMEOUT_MS + NODE_BEAT_MS;

/**
 * This process among the nodes of a store. It beats; it watches the others' counts by its own monotonic clock and
 * declares dead whose count stands still; and it takes a new id when its own lease is lost: when it was declared dead
 * itself, or when leases may exist under its id that no lane holds.
 */
export class Membership implements NodeIdentity {
  readonly #cluster: ClusterStore;
  readonly #runtime: Runtime;
  readonly #observer: EngineObserver;
  readonly #role: NodeRole;
  readonly #events: MembershipEvents;
  /** `joined`: registered, but the first beat has not come back yet. */
  #state: "out" | "joined" | "active" = "out";
  #leaseId = "";
  readonly #former = new Set<string>();
  /** When the last beat that came through was sent, by the monotonic clock. */
  #beatenAt = Number.NEGATIVE_INFINITY;
  #joinedAt = 0;
  #nodes: readonly ClusterNode[] = [];
  /** The count of each other node, and since when it has been that. */
  readonly #seen = new Map<string, { beats: number; since: number }>();
  #failing = false;
  #wake: (() => void) | null = null;

  constructor(options: {
    cluster: ClusterStore;
    runtime: Runtime;
    observer: EngineObserver;
    role: NodeRole;
    events: MembershipEvents;
  }) {
    this.#cluster = options.cluster;
    this.#runtime = options.runtime;
    this.#observer = options.observer;
    this.#role = options.role;
    this.#events = options.events;
  }

  get leaseId(): string {
    return this.#leaseId;
  }

  get active(): boolean {
    return this.#state === "active";
  }

  /** Own leases that were lost and are not released yet. */
  get former(): readonly string[] {
    return [...this.#former];
  }

  get living(): number {
    return this.#nodes.filter(({ id, dead }) => !dead && !this.#former.has(id)).length;
  }

  /** How long ago the last beat that came through was sent. */
  get beatAgeMs(): number {
    return this.#runtime.clock.monotonic() - this.#beatenAt;
  }

  health(): Health {
    if (this.beatAgeMs <= NODE_HOLD_AFTER_MS) return { ok: true };
    return { ok: false, reason: "the beats of this node do not come through" };
  }

  doubt(leaseId: string): void {
    if (leaseId === this.#leaseId) this.#lose("a commit ended in doubt");
  }

  suspect(leaseId: string): void {
    if (leaseId === this.#leaseId) this.#wake?.();
  }

  /** Joins and beats until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    let again = false;
    signal.addEventListener("abort", () => this.#wake?.(), { once: true });
    while (!signal.aborted) {
      const woken = new AbortController();
      this.#wake = () => woken.abort(WOKEN);
      const lost = await this.#step();
      again = lost && !again;
      if (again || signal.aborted) continue;
      await this.#runtime.timers.sleep(NODE_BEAT_MS, woken.signal);
    }
    this.#wake = null;
  }

  /** One beat; true: the lease was lost, so the next one is due at once. */
  async #step(): Promise<boolean> {
    try {
      if (this.#state === "out") await this.#join();
      const id = this.#leaseId;
      const sentAt = { monotonic: this.#runtime.clock.monotonic(), wall: this.#runtime.clock.now() };
      const { alive, nodes } = await this.#inTime(this.#cluster.beat(id));
      // Lost while the beat was under way.
      if (this.#isOut()) return true;
      if (!alive) {
        this.#lose("the others took this node for dead");
        return true;
      }
      this.#beaten(sentAt, nodes);
      await this.#watch(nodes);
    } catch (error) {
      if (!this.#failing) this.#runtime.log.warn({ error }, "a beat did not come through");
      this.#failing = true;
    }
    return false;
  }

  #isOut(): boolean {
    return this.#state === "out";
  }

  async #join(): Promise<void> {
    const id = this.#runtime.ids.next(ID_PREFIX.lease);
    await this.#inTime(this.#cluster.join({ id, role: this.#role }));
    this.#leaseId = id;
    this.#joinedAt = this.#runtime.clock.monotonic();
    this.#state = "joined";
  }

  #lose(reason: string): void {
    if (this.#state === "out") return;
    this.#state = "out";
    this.#former.add(this.#leaseId);
    this.#events.onLost();
    this.#observer.leaseReplaced();
    this.#runtime.log.warn({ node: this.#leaseId, reason }, "this node's lease is lost; it joins again");
    this.#wake?.();
  }

  #beaten(sentAt: { monotonic: number; wall: number }, nodes: readonly ClusterNode[]): void {
    // What was seen before a gap is no witness: everybody gets the whole patience anew.
    if (sentAt.monotonic - this.#beatenAt > GAP_MS) this.#seen.clear();
    this.#beatenAt = sentAt.monotonic;
    this.#nodes = nodes;
    this.#state = "active";
    if (this.#failing) this.#runtime.log.info({}, "beats come through again");
    this.#failing = false;
    const listed = new Set(nodes.map(({ id }) => id));
    for (const id of this.#former) if (!listed.has(id)) this.#former.delete(id);
    const workers = nodes.flatMap(({ id, dead, role }) =>
      dead || role === "api" || this.#former.has(id) ? [] : [id],
    );
    const alone = workers.every((id) => id === this.#leaseId);
    const settled = alone || sentAt.monotonic - this.#joinedAt >= NODE_SETTLE_MS;
    this.#observer.beaten();
    this.#events.onNodes({ self: this.#leaseId, nodes, workers, former: this.#former, settled });
    this.#events.onBeat({
      monotonic: sentAt.monotonic + NODE_HOLD_AFTER_MS,
      wall: sentAt.wall + NODE_HOLD_AFTER_MS,
    });
  }

  /** Declares dead whose count stood still for too long; the next beat lists it so, and `Takeover` sees to it. */
  async #watch(nodes: readonly ClusterNode[]): Promise<void> {
    const now = this.#runtime.clock.monotonic();
    const others = nodes.filter(({ id, dead }) => !dead && id !== this.#leaseId && !this.#former.has(id));
    const ids = new Set(others.map(({ id }) => id));
    for (const id of this.#seen.keys()) if (!ids.has(id)) this.#seen.delete(id);
    for (const { id, beats } of others) {
      const seen = this.#seen.get(id);
      if (seen?.beats !== beats) this.#seen.set(id, { beats, since: now });
      else if (now - seen.since >= NODE_DEAD_AFTER_MS) {
        const dead = await this.#inTime(this.#cluster.declareDead({ id, beats }));
        if (dead) this.#wake?.();
      }
    }
  }

  #inTime<Result>(work: Promise<Result>): Promise<Result> {
    return inTime(work, { runtime: this.#runtime, limitMs: NODE_BEAT_TIMEOUT_MS });
  }
}
