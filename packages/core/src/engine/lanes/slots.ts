import {
  IN_FLIGHT_FIRST_MAX,
  IN_FLIGHT_MAX,
  IN_FLIGHT_PROBES_MAX,
  IN_FLIGHT_UNPROVEN_MAX,
} from "../../domain/limits.ts";
import type { Lane } from "./lane.ts";

/**
 * What an attempt's slot counts as: `proven` of a lane that succeeded lately, `probe` of a broken one, `unproven`
 * of any other.
 */
export type SlotKind = "proven" | "probe" | "unproven";

/** The attempts in flight. A hanging endpoint holds a slot for its whole timeout, so not everybody may take the last. */
export class Slots {
  #all = 0;
  #probes = 0;
  #unproven = 0;

  get inFlight(): number {
    return this.#all;
  }

  get full(): boolean {
    return this.#all >= IN_FLIGHT_MAX;
  }

  /** The kind of slot that a lane's next attempt may take; null when there is none for it now. */
  offer(lane: Lane, now: number): SlotKind | null {
    if (this.full) return null;
    if (lane.breaker.broken) return this.#probes < IN_FLIGHT_PROBES_MAX ? "probe" : null;
    if (lane.breaker.provenAt(now)) return "proven";
    const first = lane.inFlight === 0 && lane.breaker.pristine;
    return this.#unproven < (first ? IN_FLIGHT_FIRST_MAX : IN_FLIGHT_UNPROVEN_MAX) ? "unproven" : null;
  }

  take(kind: SlotKind): void {
    this.#count(kind, 1);
  }

  free(kind: SlotKind): void {
    this.#count(kind, -1);
  }

  #count(kind: SlotKind, change: 1 | -1): void {
    this.#all += change;
    if (kind === "probe") this.#probes += change;
    else if (kind === "unproven") this.#unproven += change;
  }
}
