import type { DeliveryKey } from "../domain/delivery.ts";
import { LEASE_RELEASE_BATCH, TAKEOVER_STEP_MS } from "../domain/limits.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { ClusterNode, ClusterStore, DeliveryStore } from "../storage/port.ts";
import type { EngineObserver } from "./engine.ts";
import { ranked } from "./lane-owners.ts";

/**
 * Gives the deliveries of dead nodes back to everybody: releases their leases page by page, then removes the node. A
 * dead node is listed until that is done, so if the node that does it dies midway another one goes on.
 */
export class Takeover {
  readonly #cluster: ClusterStore;
  readonly #deliveries: DeliveryStore;
  readonly #runtime: Runtime;
  readonly #observer: EngineObserver;
  readonly #beforeOwn: () => Promise<void>;
  readonly #onReleased: () => void;
  readonly #stopped = new AbortController();
  readonly #running = new Map<string, Promise<void>>();
  /** When a node was first seen dead, by the monotonic clock. */
  readonly #deadSince = new Map<string, number>();

  constructor(options: {
    cluster: ClusterStore;
    deliveries: DeliveryStore;
    runtime: Runtime;
    observer: EngineObserver;
    /** Awaited before a lost lease of this process is released: what is about to be recorded under it. */
    beforeOwn: () => Promise<void>;
    onReleased: () => void;
  }) {
    this.#cluster = options.cluster;
    this.#deliveries = options.deliveries;
    this.#runtime = options.runtime;
    this.#observer = options.observer;
    this.#beforeOwn = options.beforeOwn;
    this.#onReleased = options.onReleased;
  }

  /** To be called with every list of the nodes. `former`: lost leases of this process, which it releases at once. */
  look(nodes: readonly ClusterNode[], { self, former }: { self: string; former: ReadonlySet<string> }): void {
    const now = this.#runtime.clock.monotonic();
    const living = nodes.flatMap(({ id, dead }) => (dead || former.has(id) ? [] : [id]));
    const dead = new Map<string, number>();
    for (const node of nodes) {
      if (former.has(node.id)) this.#begin(node, { own: true });
      else if (node.dead) {
        const since = this.#deadSince.get(node.id) ?? now;
        dead.set(node.id, since);
        const place = ranked(living, node.id).indexOf(self);
        if (now - since >= place * TAKEOVER_STEP_MS) this.#begin(node, { own: false });
      }
    }
    this.#deadSince.clear();
    for (const [id, since] of dead) this.#deadSince.set(id, since);
  }

  /** Ends what is under way after its current page. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#running.values());
  }

  /** Releases the leases of a node and removes it; returns how many deliveries came free. */
  async release(id: string, signal: AbortSignal): Promise<number> {
    let released = 0;
    let after: DeliveryKey | null = null;
    do {
      const page: Awaited<ReturnType<DeliveryStore["releaseLeases"]>> = await this.#deliveries.releaseLeases({
        heldBy: id,
        now: AT_ONCE,
        after,
        limit: LEASE_RELEASE_BATCH,
      });
      released += page.released;
      after = page.cursor;
      if (page.released > 0) this.#onReleased();
    } while (after !== null && !signal.aborted);
    if (after === null) await this.#cluster.remove(id);
    return released;
  }

  #begin(node: ClusterNode, { own }: { own: boolean }): void {
    if (this.#running.has(node.id) || this.#stopped.signal.aborted) return;
    const running = this.#takeOver(node, own)
      // It is still listed as dead, so the next look begins again.
      .catch((error: unknown) =>
        this.#runtime.log.warn({ error, node: node.id }, "a takeover failed; it begins again"),
      )
      .finally(() => this.#running.delete(node.id));
    this.#running.set(node.id, running);
  }

  async #takeOver({ id, beats, dead }: ClusterNode, own: boolean): Promise<void> {
    if (own) await this.#beforeOwn();
    // Dead first: from then on nothing that is still on its way into the store can add a lease.
    if (!dead && !(await this.#cluster.declareDead({ id, beats }))) return;
    const released = await this.release(id, this.#stopped.signal);
    this.#observer.tookOver();
    this.#runtime.log.warn({ node: id, released, own }, "took over the deliveries of a node that is gone");
  }
}

/** Due since ever: a clock that is set back must not put it off. */
const AT_ONCE = 0;
