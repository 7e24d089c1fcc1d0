import { createSecretKey } from "node:crypto";
import { ID_PREFIX } from "../../domain/ids.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { DataKey, DataKeyStore, Store } from "../port.ts";
import { type Cell, cellOf, type OpenKey, type Place } from "./cell.ts";
import { KEY_BYTES, type KeyRing } from "./key-ring.ts";

/** What is drawn and told apart by time when keys and nonces are made. */
export type SealRuntime = Pick<Runtime, "random" | "ids" | "clock">;

/**
 * The data keys of all environments, opened once and kept as long as their environments live. An environment gets its
 * key when the first secret comes.
 */
export class DataKeys {
  readonly #store: Pick<Store, "dataKeys" | "environments">;
  readonly #ring: KeyRing;
  readonly #runtime: SealRuntime;
  readonly #open = new Map<string, OpenKey>();

  constructor(
    store: Pick<Store, "dataKeys" | "environments">,
    { ring, runtime }: { ring: KeyRing; runtime: SealRuntime },
  ) {
    this.#store = store;
    this.#ring = ring;
    this.#runtime = runtime;
  }

  /** Opens every stored key and writes nothing. Rejects with a SealError when the ring is not theirs. */
  async load(): Promise<readonly DataKey[]> {
    const stored = await this.#store.dataKeys.list();
    for (const key of stored) this.#remember(key);
    return stored;
  }

  /** Made complete: an environment that has no key yet may have secrets in the clear. */
  async ensure(environmentId: string, { complete }: { complete: boolean }): Promise<DataKey> {
    const id = this.#runtime.ids.next(ID_PREFIX.dataKey);
    const bytes = this.#runtime.random.bytes(KEY_BYTES);
    const wrapped = this.#ring.wrap(bytes, { environmentId, id }, this.#runtime.random);
    bytes.fill(0);
    const createdAt = this.#runtime.clock.now();
    const stored = await this.#store.dataKeys.ensure({ environmentId, id, ...wrapped, complete, createdAt });
    this.#remember(stored);
    return stored;
  }

  /** The cells of an environment's rows: at once when its key is known, as it nearly always is. */
  cells(environmentId: string): ((place: Place) => Cell) | Promise<(place: Place) => Cell> {
    const key = this.#open.get(environmentId);
    return key === undefined ? this.#find(environmentId) : this.#cellsOf(key);
  }

  /** An environment is gone: what it sealed is not opened any more, so its key leaves the memory. */
  forget(environmentId: string): void {
    this.#open.delete(environmentId);
  }

  /** The same of every environment but those that live. A key that was dropped too early is read again. */
  forgetOthers(living: readonly string[]): void {
    const ids = new Set(living);
    for (const environmentId of this.#open.keys()) if (!ids.has(environmentId)) this.forget(environmentId);
  }

  /**
   * An environment that another node made meanwhile, or one without secrets so far; or one that was deleted while a
   * request was on its way: then its key serves that request and is not kept.
   */
  async #find(environmentId: string): Promise<(place: Place) => Cell> {
    const stored = (await this.#store.dataKeys.list()).find((key) => key.environmentId === environmentId);
    if (stored === undefined) await this.ensure(environmentId, { complete: true });
    else this.#remember(stored);
    const key = this.#open.get(environmentId);
    if (key === undefined) throw new Error(`there is no data key of ${environmentId}`);
    // Asked after the key was kept: whoever hears of the deletion from now on drops it.
    if ((await this.#store.environments.find(environmentId)) === null) this.forget(environmentId);
    return this.#cellsOf(key);
  }

  #cellsOf(key: OpenKey): (place: Place) => Cell {
    return (place) => cellOf(key, place, this.#runtime.random);
  }

  #remember(key: DataKey): void {
    const { environmentId, id } = key;
    if (this.#open.get(environmentId)?.id === id) return;
    const bytes = this.#ring.unwrap(key);
    this.#open.set(environmentId, { environmentId, id, key: createSecretKey(bytes) });
    bytes.fill(0);
  }
}

/**
 * Encrypts every data key with the first master key of the ring; nothing that they seal changes. Safe beside running
 * nodes and beside itself. Returns how many were changed, and which other master keys nothing needs any more.
 */
export async function rewrapDataKeys(
  store: DataKeyStore,
  { ring, runtime }: { ring: KeyRing; runtime: SealRuntime },
): Promise<{ rewrapped: number; retired: readonly string[] }> {
  const stored = await store.list();
  // All of them first: a ring that does not open one of them changes none.
  const opened = stored.map((key) => ({ key, bytes: ring.unwrap(key) }));
  const retired = new Set<string>();
  let rewrapped = 0;
  for (const { key, bytes } of opened) {
    if (key.masterKeyId !== ring.firstId) {
      const next = { ...key, ...ring.wrap(bytes, key, runtime.random) };
      if (await store.update(next, key)) rewrapped += 1;
      retired.add(key.masterKeyId);
    }
    bytes.fill(0);
  }
  return { rewrapped, retired: [...retired] };
}
