/**
 * Nodes are told apart from dead ones without comparing clocks: each counts its beats in the store, the others
 * watch the counts by their own monotonic clocks, and one that stands still for too long is declared dead. That
 * is one conditional write, and from then on the node's leases are nobody's: what it accepts is stored unleased,
 * what it claims is nothing, and what it settles counts only while nobody has taken the delivery over.
 */
export interface ClusterStore {
  /** Registers a process under a new id. */
  join(node: { id: string; role: NodeRole }): Promise<void>;
  /** One more beat, and every node there is. `alive` false: declared dead; it has to join under another id. */
  beat(id: string): Promise<{ alive: boolean; nodes: ClusterNode[] }>;
  /** Declares a node dead unless it has beaten since; true when it is dead now, whoever declared it. */
  declareDead(node: { id: string; beats: number }): Promise<boolean>;
  /** Removes a node whose leases are all released: after a graceful stop or a takeover. */
  remove(id: string): Promise<void>;
  /**
   * Applications that were written to (they or their endpoints), and environments whose event types were, by anyone,
   * since `after`; null = from now on. One may be named again; none is left out. Of the applications that are `recalled`
   * as well, deliveries in memory may be owed no more. `gap`: what was written since cannot be told; anything may have
   * been. `cursor` is for the next call.
   */
  findChanges(query: {
    after: string | null;
  }): Promise<{ ids: string[]; recalled: string[]; gap: boolean; cursor: string }>;
  /** Asks every node to give back what it holds of an application; the answer is for `isRecalled`. */
  recall(request: { appId: string }): Promise<string>;
  /** The node has done what it was asked for up to that cursor. */
  acknowledge(request: { id: string; cursor: string }): Promise<void>;
  /** Whether every node that lives and sends, but for `by`, has. */
  isRecalled(query: { recall: string; by: string }): Promise<boolean>;
}

/** `worker`: claims and sends. `api`: accepts only. `all`: both. */
export type NodeRole = "api" | "worker" | "all";

export interface ClusterNode {
  readonly id: string;
  readonly role: NodeRole;
  readonly beats: number;
  /** Its leases are being released. */
  readonly dead: boolean;
}
