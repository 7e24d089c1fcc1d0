export interface Interruptible {
  interrupt(): void;
}

/**
 * One listener for each signal, however many requests share it. A shutdown signal is shared by all of them, and
 * a listener each would cost more than the rest of the bookkeeping together.
 */
export class AbortFanout<Member extends Interruptible> {
  readonly #groups = new WeakMap<AbortSignal, Group<Member>>();

  add(signal: AbortSignal, member: Member): void {
    let group = this.#groups.get(signal);
    if (!group) {
      const members = new Set<Member>();
      const abort = (): void => {
        for (const each of members) each.interrupt();
      };
      group = { members, abort };
      this.#groups.set(signal, group);
      signal.addEventListener("abort", abort);
    }
    group.members.add(member);
  }

  /** The listener goes with the last member: a signal made for one request must not keep anything alive. */
  remove(signal: AbortSignal, member: Member): void {
    const group = this.#groups.get(signal);
    if (!group?.members.delete(member) || group.members.size > 0) return;
    this.#groups.delete(signal);
    signal.removeEventListener("abort", group.abort);
  }
}

interface Group<Member> {
  readonly members: Set<Member>;
  readonly abort: () => void;
}
