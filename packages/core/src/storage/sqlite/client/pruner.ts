import type { HistoryStore } from "../../port.ts";
import type { Prunable } from "../reader/prunable.ts";
import type { Threads } from "./deliveries.ts";

/** Messages removed in one transaction: small enough for commits to slip in between. */
const MESSAGES_PER_TRANSACTION = 50;

type PruneRequest = Parameters<HistoryStore["prune"]>[0];

/**
 * Retention: the reader looks for what is old, application by application, and the writer removes it in small
 * transactions. Where a batch ended is remembered, so that the next one does not start over.
 */
export class Pruner {
  readonly #threads: Threads;
  /** The last application that was done, by environment; "" = start over. */
  readonly #doneUpTo = new Map<string, string>();

  constructor(threads: Threads) {
    this.#threads = threads;
  }

  async prune({ environmentId, before, now, limit }: PruneRequest): Promise<number> {
    const { writer, reader } = this.#threads;
    await writer.call("fillLists");
    while (await writer.call("forgetExpiredKeys", { now }));
    let after = this.#doneUpTo.get(environmentId) ?? "";
    let fromStart = after === "";
    let gone = 0;
    while (gone < limit) {
      const scan = { environmentId, after, before, now, limit: limit - gone };
      const found = await reader.call("findPrunable", scan);
      const removed = await this.#remove(found, now);
      gone += removed;
      if (found.after === null) {
        after = "";
        // The end: the applications before the starting point have not been looked at yet.
        if (fromStart || gone > 0) break;
        fromStart = true;
      } else {
        // Everything that was found has become owed again meanwhile: leave it to the next call.
        if (removed === 0 && found.after === after) break;
        after = found.after;
      }
    }
    this.#doneUpTo.set(environmentId, after);
    return gone;
  }

  async #remove({ messages, ...rest }: Prunable, now: number): Promise<number> {
    const { writer } = this.#threads;
    let gone = 0;
    for (let at = 0; at < messages.length; at += MESSAGES_PER_TRANSACTION) {
      const found = { ...NOTHING, messages: messages.slice(at, at + MESSAGES_PER_TRANSACTION) };
      gone += await writer.call("prune", { found, now });
    }
    const others = rest.payloads.length + rest.endpoints.length + rest.applications.length;
    if (others + rest.firstMet.length > 0) {
      gone += await writer.call("prune", { found: { ...rest, messages: [] }, now });
    }
    return gone;
  }
}

const NOTHING = { messages: [], payloads: [], endpoints: [], applications: [], firstMet: [] };
