/** Something that happens at a moment of the virtual time. */
export interface WorldEvent {
  at: number;
  /** Drawn from the seed: who goes first of those at the same moment. */
  readonly tie: number;
  readonly run: () => void;
  /** How much later it may come while there is nothing to find. */
  restMs: number;
  /** How long after the one before it was to come. */
  readonly everyMs: number;
  /** Nobody who looks afterwards finds anything that was not there before. */
  readonly idle: boolean;
  canceled: boolean;
}

/** A binary heap by time. */
export class EventQueue {
  readonly #heap: WorldEvent[] = [];

  get size(): number {
    return this.#heap.length;
  }

  push(event: WorldEvent): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || !isBefore(event, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = event;
  }

  /** The earliest; canceled ones are dropped on the way. */
  pop(): WorldEvent | undefined {
    for (let event = this.#take(); event !== undefined; event = this.#take()) {
      if (!event.canceled) return event;
    }
    return undefined;
  }

  /** When the earliest happens; undefined when there is none. */
  nextAt(): number | undefined {
    while (this.#heap[0]?.canceled === true) this.#take();
    return this.#heap[0]?.at;
  }

  #take(): WorldEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      let child = heap[down];
      const right = heap[down + 1];
      if (child !== undefined && right !== undefined && isBefore(right, child)) {
        child = right;
        down += 1;
      }
      if (child === undefined || !isBefore(child, last)) break;
      heap[at] = child;
      at = down;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: WorldEvent, b: WorldEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.tie < b.tie);
}
