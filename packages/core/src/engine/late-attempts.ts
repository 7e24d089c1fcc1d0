import type { DueDelivery } from "../domain/delivery.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { type DeliveryStore, type HistoryStore, StoreUnavailable } from "../storage/port.ts";
import type { Canceled } from "./canceled.ts";

/** While the store is away, it is asked again after this long. */
const RETRY_PAUSE_MS = 250;
/** The last attempts of a delivery that are looked at: a schedule and some that people asked for are fewer. */
const LOOK_BACK_MAX = 100;

/**
 * Attempts that were to be followed by another one, recorded when their delivery was no longer held. Mostly another
 * node has it. If it was canceled while the attempt was under way, that has to be said once more: people take the last
 * record for what became of it. Seldom, so one is looked at after the other.
 */
export class LateAttempts {
  readonly #deliveries: Pick<DeliveryStore, "listDue">;
  readonly #history: Pick<HistoryStore, "listAttempts">;
  readonly #runtime: Runtime;
  readonly #givenUp = new AbortController();
  /** Bounded by the attempts in flight. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: {
    store: {
      readonly deliveries: Pick<DeliveryStore, "listDue">;
      readonly history: Pick<HistoryStore, "listAttempts">;
    };
    runtime: Runtime;
  }) {
    this.#deliveries = options.store.deliveries;
    this.#history = options.store.history;
    this.#runtime = options.runtime;
  }

  /** Calls back with the reason if the delivery was canceled, and nothing that counts has come since. */
  look(delivery: DueDelivery, onCanceled: (why: Canceled) => void): void {
    this.#last = this.#lookAfter(this.#last, delivery, onCanceled);
  }

  /** Resolves when everything was looked at, and what was found waits to be recorded; once the signal aborts, nothing more is. */
  async idle(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return this.#givenUp.abort();
    const gaveUp = Promise.withResolvers<void>();
    const giveUp = (): void => {
      this.#givenUp.abort();
      gaveUp.resolve();
    };
    signal.addEventListener("abort", giveUp, { once: true });
    // A store that does not answer must not hold up a stop.
    await Promise.race([this.#last, gaveUp.promise]);
  }

  async #lookAfter(
    last: Promise<unknown>,
    delivery: DueDelivery,
    onCanceled: (why: Canceled) => void,
  ): Promise<void> {
    await last;
    const why = await this.#whyCanceled(delivery);
    if (why !== null) onCanceled(why);
  }

  async #whyCanceled(delivery: DueDelivery): Promise<Canceled | null> {
    while (!this.#givenUp.signal.aborted) {
      try {
        return await this.#read(delivery);
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) {
          this.#runtime.log.error(
            { error, endpointId: delivery.endpointId },
            "a late attempt was left as it is",
          );
          return null;
        }
        await this.#runtime.timers.sleep(RETRY_PAUSE_MS, this.#givenUp.signal);
      }
    }
    return null;
  }

  async #read({ appId, endpointId, messageId }: DueDelivery): Promise<Canceled | null> {
    const owed = await this.#deliveries.listDue({ appId, messageId });
    if (owed.some((record) => record.endpointId === endpointId)) return null;
    const page = { limit: LOOK_BACK_MAX, after: null, order: "descending" as const };
    const query = { appId, endpointId, messageId, page, withBody: true, withMessage: false };
    const attempts = await this.#history.listAttempts(query);
    // What ended it last: other late ones say nothing.
    const end = attempts.find(({ attempt }) => attempt.status !== "fail")?.attempt;
    if (end?.status !== "canceled" || end.errorClass === null) return null;
    const { errorClass, responseBody } = end;
    return {
      errorClass,
      sentence: typeof responseBody === "string" ? responseBody : Buffer.from(responseBody).toString(),
    };
  }
}
