import { ID_PREFIX } from "../domain/ids.ts";
import { CANCEL_BATCH } from "../domain/limits.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Store } from "../storage/port.ts";
import type { ClusterMember } from "./cluster-member.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { CancelRequest } from "./engine.ts";

/** Mostly there are few, and each takes an id that is made before. */
const CANCEL_FIRST = 20;

/** Messages of one application, by id. */
interface Messages {
  readonly appId: string;
  readonly ids: readonly string[];
}

/**
 * Calls off what is owed, and takes contents away. First in the store; then every node hands back what it holds of the
 * application, so that what is sent from then on is what the store says.
 */
export class Canceler {
  readonly #store: Store;
  readonly #runtime: Runtime;
  readonly #dispatcher: Dispatcher;
  readonly #member: ClusterMember | null;

  constructor(options: {
    store: Store;
    runtime: Runtime;
    dispatcher: Dispatcher;
    /** Null: nobody else uses the store. */
    member: ClusterMember | null;
  }) {
    this.#store = options.store;
    this.#runtime = options.runtime;
    this.#dispatcher = options.dispatcher;
    this.#member = options.member;
  }

  async cancel({ appId, endpoints, from, through }: CancelRequest): Promise<void> {
    const { clock, ids } = this.#runtime;
    for (const { id: endpointId, url } of endpoints) {
      const range = { appId, endpointId, url, from, through };
      for (let most = CANCEL_FIRST, more = true; more; most = CANCEL_BATCH) {
        const attemptIds = Array.from({ length: most }, () => ids.next(ID_PREFIX.attempt));
        const now = clock.now();
        more = (await this.#store.cancellations.cancelOwed({ ...range, now, attemptIds })) === most;
      }
    }
    this.#dispatcher.recall(appId);
    await this.#member?.recall(appId);
  }

  async expunge(messages: Messages): Promise<void> {
    await this.#clear(messages);
    await this.#member?.recall(messages.appId);
  }

  /** One page of many: nobody waits until the other nodes have heard of it. */
  async expungePage(messages: Messages): Promise<void> {
    await this.#clear(messages);
    await this.#store.cluster?.recall({ appId: messages.appId });
  }

  async #clear(messages: Messages): Promise<void> {
    await this.#store.contents.expungeMessages(messages);
    // What is claimed again comes without the payload.
    this.#dispatcher.recall(messages.appId);
  }
}
