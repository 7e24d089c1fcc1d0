import { LIST_MAX } from "../../domain/limits.ts";
import type { Page, Store } from "../port.ts";
import { ENDPOINT } from "./classification.ts";
import { DataKeys, type SealRuntime } from "./data-keys.ts";
import { isRecordSealed } from "./fields.ts";
import type { KeyRing } from "./key-ring.ts";
import { SealedEndpoints } from "./sealed-endpoints.ts";
import { sealedStore } from "./sealed-store.ts";

/** Somebody may change an endpoint between the look and the write; not this often in a row. */
const TRIES = 10;

/**
 * The store with every secret sealed on its way in and opened on its way out. Rejects with a SealError, and has
 * written nothing, when the ring does not open the keys that the store has. What lies in the clear from before there
 * were keys is sealed here, an endpoint at a time; a start that is cut short goes on with the next one.
 */
export async function openSealed(
  store: Store,
  options: { ring: KeyRing; runtime: SealRuntime },
): Promise<Store> {
  const keys = new DataKeys(store.dataKeys, options);
  const stored = new Map((await keys.load()).map((key) => [key.environmentId, key]));
  for (const { id } of await store.environments.list()) {
    const key = stored.get(id) ?? (await keys.ensure(id, { complete: false }));
    if (key.complete) continue;
    await sealEnvironment(store, { environmentId: id, keys });
    // Whoever was faster, or rewrapped it meanwhile, leaves the mark to the next start.
    await store.dataKeys.update({ ...key, complete: true }, key);
  }
  return sealedStore(store, keys);
}

async function sealEnvironment(
  store: Store,
  { environmentId, keys }: { environmentId: string; keys: DataKeys },
): Promise<void> {
  const endpoints = new SealedEndpoints(store, keys);
  for (let after: string | null = null; ;) {
    const page: Page = { limit: LIST_MAX, after, order: "ascending" };
    const applications = await store.applications.list({ environmentId, page });
    for (const { id } of applications) await sealApplication(store, { appId: id, endpoints });
    after = applications.at(-1)?.id ?? null;
    if (applications.length < LIST_MAX) return;
  }
}

async function sealApplication(
  store: Store,
  { appId, endpoints }: { appId: string; endpoints: SealedEndpoints },
): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    let stale = false;
    for (const endpoint of await store.endpoints.listAll(appId)) {
      if (isRecordSealed(ENDPOINT, endpoint)) continue;
      const sealed = await endpoints.seal(endpoint);
      if (sealed === null) continue;
      stale = (await store.endpoints.update(sealed, { basedOn: endpoint })) === "stale" || stale;
    }
    if (!stale) return;
  }
  throw new Error(`The endpoints of ${appId} are being changed all the time and cannot be sealed.`);
}
