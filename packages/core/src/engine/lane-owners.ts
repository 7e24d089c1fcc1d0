import type { Application } from "../domain/application.ts";
import type { Endpoint } from "../domain/endpoint.ts";
import { LANE_OWNERS_CACHED_MAX } from "../domain/limits.ts";

type Limited = Pick<Application, "id" | "throttleRate">;
type Ordered = Pick<Endpoint, "id" | "fifo" | "throttleRate">;

/**
 * Which node serves a lane. Any node serves most; one that is FIFO or throttled is served by one node at a time, so
 * that its order holds and its rate is shared instead of multiplied. Rendezvous hashing over the nodes that send: every
 * node works out the same owner by itself, and a node that comes or goes moves its own lanes only.
 */
export class LaneOwners {
  #self: string | null = null;
  #workers: readonly string[] = [];
  #settled = false;
  #known = new Map<string, boolean>();

  /**
   * What is known of the nodes now. `self` null: this node serves nothing. `settled` false: the others may not know of
   * this node yet, so it leaves what only one may serve alone. Returns whether anything changed.
   */
  update({
    self,
    workers,
    settled,
  }: {
    self: string | null;
    workers: readonly string[];
    settled: boolean;
  }): boolean {
    const same =
      self === this.#self &&
      settled === this.#settled &&
      workers.length === this.#workers.length &&
      workers.every((id, index) => id === this.#workers[index]);
    if (same) return false;
    this.#self = self;
    this.#workers = workers;
    this.#settled = settled;
    this.#known.clear();
    return true;
  }

  /** Whether this node serves the lane of an endpoint. */
  serves(application: Limited, endpoint: Ordered): boolean {
    if (this.#self === null) return false;
    if (application.throttleRate !== null) return this.#owns(application.id);
    return endpoint.fifo || endpoint.throttleRate !== null ? this.#owns(endpoint.id) : true;
  }

  #owns(key: string): boolean {
    if (!this.#settled) return false;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const owns = ranked(this.#workers, key)[0] === this.#self;
    if (this.#known.size >= LANE_OWNERS_CACHED_MAX) this.#known.clear();
    this.#known.set(key, owns);
    return owns;
  }
}

/** Nodes in the order in which they are to look after something, the first of them first. */
export function ranked(nodeIds: readonly string[], key: string): string[] {
  return nodeIds
    .map((id) => ({ id, weight: weightOf(`${id}/${key}`) }))
    .toSorted((a, b) => b.weight - a.weight || (a.id < b.id ? -1 : 1))
    .map(({ id }) => id);
}

/** FNV-1a with a finish (murmur3's): ids differ in their last characters only, which FNV alone mixes too little. */
function weightOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
