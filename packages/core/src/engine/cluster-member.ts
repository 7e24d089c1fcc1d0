import { PosthasteError } from "../domain/errors.ts";
import { RECALL_POLL_MS, RECALL_TIMEOUT_MS, TAKEOVER_SETTLE_MS } from "../domain/limits.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { ClusterStore, NodeRole, Store } from "../storage/port.ts";
import type { Applications } from "./applications.ts";
import { ChangeFeed } from "./change-feed.ts";
import type { Committer } from "./committer.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { EngineObserver } from "./engine.ts";
import type { LaneOwners } from "./lane-owners.ts";
import { Membership } from "./membership.ts";
import { Takeover } from "./takeover.ts";

/** Makes an engine one of many nodes on its store: ties its place among them to what it sends and remembers. */
export class ClusterMember {
  readonly node: Membership;
  readonly changes: ChangeFeed;
  readonly #takeover: Takeover;
  readonly #runtime: Runtime;
  readonly #cluster: ClusterStore;
  readonly #left = new AbortController();
  #loops: Promise<unknown>[] = [];

  constructor(options: {
    /** With a cluster. */
    store: Store;
    runtime: Runtime;
    observer: EngineObserver;
    role: NodeRole;
    owners: LaneOwners;
    committer: Committer;
    dispatcher: Dispatcher;
    applications: Applications;
    /** Deliveries of a dead node came free. */
    onReleased: () => void;
  }) {
    const { store, runtime, observer, role, owners, committer, dispatcher, applications } = options;
    const { cluster } = store;
    if (cluster === null) throw new Error("this store has no cluster");
    this.#runtime = runtime;
    this.#cluster = cluster;
    this.changes = new ChangeFeed({
      cluster,
      runtime,
      applications,
      recall: (appId) => dispatcher.recall(appId),
      nodeId: () => this.node.leaseId,
    });
    this.#takeover = new Takeover({
      cluster,
      deliveries: store.deliveries,
      runtime,
      observer,
      beforeOwn: () => settlesWritten({ committer, dispatcher, runtime }),
      onReleased: options.onReleased,
    });
    this.node = new Membership({
      cluster,
      runtime,
      observer,
      role,
      events: {
        onBeat: (until) => dispatcher.scheduler.startUntil(until),
        onLost() {
          owners.update({ self: null, workers: [], settled: false });
          dispatcher.scheduler.drop();
        },
        onNodes: ({ self, nodes, workers, former, settled }) => {
          const changed = owners.update({ self: role === "api" ? null : self, workers, settled });
          if (changed) applications.ownersChanged();
          this.#takeover.look(nodes, { self, former });
        },
      },
    });
  }

  start(): void {
    const { signal } = this.#left;
    this.#loops = [this.node.run(signal), this.changes.run(signal)];
  }

  /**
   * Resolves when the other nodes have handed back what they held in memory of an application, or do not live any more.
   * Rejects with `unavailable` where one of them does not answer.
   */
  async recall(appId: string): Promise<void> {
    const { clock, timers } = this.#runtime;
    const recall = await this.#cluster.recall({ appId });
    const until = clock.monotonic() + RECALL_TIMEOUT_MS;
    while (!(await this.#cluster.isRecalled({ recall, by: this.node.leaseId }))) {
      if (this.#left.signal.aborted || clock.monotonic() >= until) {
        throw new PosthasteError("unavailable", "A node has not confirmed it yet. Ask again.", {
          retryAfterS: 1,
        });
      }
      await timers.sleep(RECALL_POLL_MS, this.#left.signal);
    }
  }

  /** Gives back what this node still holds and takes it off the list, so that nobody has to wait for it to die. */
  async leave(): Promise<void> {
    this.#left.abort();
    await Promise.all(this.#loops);
    await this.#takeover.stop();
    const { leaseId, former } = this.node;
    if (leaseId === "") return;
    for (const id of new Set([leaseId, ...former])) {
      await this.#takeover.release(id, new AbortController().signal);
    }
    this.#runtime.log.info({ node: leaseId }, "left the cluster");
  }
}

/** An attempt that was made under a lost lease counts if it is recorded before that lease is released. */
async function settlesWritten(parts: {
  committer: Committer;
  dispatcher: Dispatcher;
  runtime: Runtime;
}): Promise<void> {
  const { committer, dispatcher, runtime } = parts;
  const done = new AbortController();
  // One that has ended may still be asking the store what there is to tell of it.
  const written = dispatcher.settled().then(() => committer.settlesWritten());
  await Promise.race([written, runtime.timers.sleep(TAKEOVER_SETTLE_MS, done.signal)]);
  done.abort();
}
