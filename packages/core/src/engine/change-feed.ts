import { CHANGE_POLL_MS, CHANGE_STALE_MS, NODE_BEAT_TIMEOUT_MS } from "../domain/limits.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { ClusterStore } from "../storage/port.ts";
import type { Applications } from "./applications.ts";
import { inTime } from "./in-time.ts";

/** Follows what other nodes write, so that what is in memory is never much older than the store. */
export class ChangeFeed {
  readonly #cluster: ClusterStore;
  readonly #runtime: Runtime;
  readonly #applications: Applications;
  readonly #recall: (appId: string | null) => void;
  readonly #nodeId: () => string;
  /** Something was recalled, and the others have not been told yet that it is done. */
  #owesAnswer = false;
  /** Under which id they were told last. */
  #answeredAs = "";
  #cursor: string | null = null;
  /** When the last answer was asked for, by the monotonic clock. */
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(options: {
    cluster: ClusterStore;
    runtime: Runtime;
    applications: Applications;
    /** Hands back what is in memory of an application; null: of every one. */
    recall: (appId: string | null) => void;
    /** As which node this process counts now. */
    nodeId: () => string;
  }) {
    this.#cluster = options.cluster;
    this.#runtime = options.runtime;
    this.#applications = options.applications;
    this.#recall = options.recall;
    this.#nodeId = options.nodeId;
  }

  /** It is not known what others wrote lately: the database is away, or this process was paused. */
  get stale(): boolean {
    return this.#runtime.clock.monotonic() - this.#askedAt > CHANGE_STALE_MS;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#poll();
      await this.#runtime.timers.sleep(CHANGE_POLL_MS, signal);
    }
  }

  async #poll(): Promise<void> {
    const askedAt = this.#runtime.clock.monotonic();
    // What is named from now on may not be all: everything is read again.
    const wasStale = this.stale;
    try {
      const { ids, recalled, gap, cursor } = await inTime(
        this.#cluster.findChanges({ after: this.#cursor }),
        {
          runtime: this.#runtime,
          limitMs: NODE_BEAT_TIMEOUT_MS,
        },
      );
      const stale = wasStale || gap;
      for (const appId of stale ? [null] : recalled) this.#recall(appId);
      this.#owesAnswer ||= stale || recalled.length > 0;
      if (stale) await this.#applications.changedSomewhere();
      else for (const id of ids) await this.#applications.changedElsewhere(id);
      // Only now: what could not be read again is named again.
      this.#cursor = cursor;
      this.#askedAt = askedAt;
      await this.#answer(cursor);
    } catch (error) {
      this.#runtime.log.debug({ error }, "changes of other nodes could not be read; it tries again");
    }
  }

  /** Who recalled something waits for this; a node that is new under its id tells once, so that nobody waits in vain. */
  async #answer(cursor: string): Promise<void> {
    const id = this.#nodeId();
    if (id === "" || (!this.#owesAnswer && id === this.#answeredAs)) return;
    await inTime(this.#cluster.acknowledge({ id, cursor }), {
      runtime: this.#runtime,
      limitMs: NODE_BEAT_TIMEOUT_MS,
    });
    this.#owesAnswer = false;
    this.#answeredAs = id;
  }
}
