import {
  LANE_SHARE_OF_BYTES,
  LANE_SHARE_OF_PLACES,
  LANES_BYTES_MAX,
  LANES_QUEUE_MAX,
} from "../../domain/limits.ts";
import type { Lane, QueuedDelivery } from "./lane.ts";

/**
 * How many deliveries, and of how many bytes, all lanes keep in memory. Each lane gets a share of what is free,
 * not of the whole: the fuller it is the less one lane may add, so hanging endpoints cannot take the last places.
 */
export class MemoryBudget {
  #deliveries = 0;
  #bytes = 0;

  /** Queued, or with a place reserved. */
  get deliveries(): number {
    return this.#deliveries;
  }

  /** Of those, and of what is being sent. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Places that are free in all lanes together. */
  get freeDeliveries(): number {
    return Math.max(0, LANES_QUEUE_MAX - this.#deliveries);
  }

  get freeBytes(): number {
    return Math.max(0, LANES_BYTES_MAX - this.#bytes);
  }

  /** How many more deliveries a lane may take. A lane that holds nothing may take one while there is a place. */
  roomOf(lane: Lane): number {
    if (this.freeDeliveries === 0) return 0;
    if (lane.held === 0) return Math.min(lane.room, this.#placesOf(lane));
    if (lane.heldBytes > this.freeBytes * LANE_SHARE_OF_BYTES) return 0;
    return Math.max(0, Math.min(lane.room, this.#placesOf(lane) - lane.held));
  }

  reserve(lane: Lane, bytes: number): void {
    lane.reserved += 1;
    this.#take(lane, bytes);
  }

  unreserve(lane: Lane, bytes: number): void {
    lane.reserved -= 1;
    this.#release(lane, bytes);
  }

  enqueue(lane: Lane, item: QueuedDelivery): void {
    lane.queue.push(item);
    this.#take(lane, item.bytes);
  }

  /** Takes all but the first `keep` out of a lane's queue. */
  evict(lane: Lane, keep: number): QueuedDelivery[] {
    const items = lane.queue.truncate(keep);
    for (const { bytes } of items) this.#release(lane, bytes);
    return items;
  }

  /** A delivery left its lane's queue to be sent: its place is free, its bytes are still there. */
  started(lane: Lane, bytes: number): void {
    lane.heldBytes -= bytes;
    this.#deliveries -= 1;
  }

  /** It was sent. */
  finished(bytes: number): void {
    this.#bytes -= bytes;
  }

  #release(lane: Lane, bytes: number): void {
    lane.heldBytes -= bytes;
    this.#deliveries -= 1;
    this.#bytes -= bytes;
  }

  #take(lane: Lane, bytes: number): void {
    lane.heldBytes += bytes;
    this.#deliveries += 1;
    this.#bytes += bytes;
  }

  #placesOf(lane: Lane): number {
    // What the lane holds already counts as free for its own share, so the share does not shrink as it fills.
    return Math.max(1, Math.floor((this.freeDeliveries + lane.held) * LANE_SHARE_OF_PLACES));
  }
}
