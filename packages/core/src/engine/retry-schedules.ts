import { RETRY_SCHEDULE_MS } from "../domain/limits.ts";
import type { EventTypeStore } from "../storage/port.ts";

/**
 * The waits between attempts, for endpoints without their own: the event type's where it has any, otherwise its
 * environment's, otherwise the server's. Of each environment that is in use they are all in memory, so a failure costs no query and where no event
 * type has its own not even a look-up.
 */
export class RetrySchedules {
  readonly #store: Pick<EventTypeStore, "listRetrySchedules">;
  readonly #defaultMs: readonly number[];
  /** Environments in use, each with the last read of its schedules. */
  readonly #reads = new Map<string, Promise<void>>();
  /** By environment and event type; environments without any are not in it. */
  readonly #schedules = new Map<string, ReadonlyMap<string, readonly number[]>>();
  /** The number of each environment's last read: an earlier one that comes in later says nothing. */
  readonly #last = new Map<string, number>();
  #count = 0;

  constructor(
    store: Pick<EventTypeStore, "listRetrySchedules">,
    defaultMs: readonly number[] = RETRY_SCHEDULE_MS,
  ) {
    this.#store = store;
    this.#defaultMs = defaultMs;
  }

  /** `environmentMs`: what the environment has set for all its event types. */
  of(
    environmentId: string,
    eventType: string,
    environmentMs: readonly number[] | null = null,
  ): readonly number[] {
    const otherwise = environmentMs ?? this.#defaultMs;
    if (this.#schedules.size === 0) return otherwise;
    return this.#schedules.get(environmentId)?.get(eventType) ?? otherwise;
  }

  /** To be awaited before anything of the environment is sent. */
  ready(environmentId: string): Promise<void> {
    return this.#reads.get(environmentId) ?? this.refresh(environmentId);
  }

  /** They may have changed; resolves once they are known. */
  refresh(environmentId: string): Promise<void> {
    const number = ++this.#count;
    this.#last.set(environmentId, number);
    const read = this.#read(environmentId, number);
    this.#reads.set(environmentId, read);
    // The next who asks tries again.
    read.catch(() => {
      if (this.#reads.get(environmentId) === read) this.#reads.delete(environmentId);
    });
    return read;
  }

  async refreshAll(): Promise<void> {
    await Promise.all([...this.#reads.keys()].map((environmentId) => this.refresh(environmentId)));
  }

  async #read(environmentId: string, number: number): Promise<void> {
    const found = await this.#store.listRetrySchedules({ environmentId });
    if (this.#last.get(environmentId) !== number) return;
    if (found.length === 0) this.#schedules.delete(environmentId);
    else this.#schedules.set(environmentId, new Map(found.map(({ name, waitsMs }) => [name, waitsMs])));
  }
}
