import { LIST_MAX } from "../../domain/limits.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { DataKey, Page, Store } from "../port.ts";
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
 * were keys is sealed here, an endpoint at a time, and then its traces are removed from the store's files, before
 * anybody is served. Only after that a key is complete: a start that is cut short at any moment is followed by one that
 * does what is left, the traces included.
 */
export async function openSealed(
  store: Store,
  options: { ring: KeyRing; runtime: SealRuntime & Pick<Runtime, "log"> },
): Promise<Store> {
  const keys = new DataKeys(store, options);
  const stored = new Map((await keys.load()).map((key) => [key.environmentId, key]));
  const incomplete: DataKey[] = [];
  let sealed = 0;
  const environments = await store.environments.list();
  keys.forgetOthers(environments.map(({ id }) => id));
  for (const { id } of environments) {
    const key = stored.get(id) ?? (await keys.ensure(id, { complete: false }));
    if (key.complete) continue;
    sealed += await sealEnvironment(store, { environmentId: id, keys });
    incomplete.push(key);
  }
  if (incomplete.length > 0 && (await eraseTraces(store, { sealed, runtime: options.runtime }))) {
    // Whoever was faster, or rewrapped it meanwhile, leaves the mark to the next start.
    for (const key of incomplete) await store.dataKeys.update({ ...key, complete: true }, key);
  }
  return sealedStore(store, keys);
}

/** Also where this start sealed nothing: the one before may have been cut short in between. */
async function eraseTraces(
  store: Store,
  { sealed, runtime }: { sealed: number; runtime: Pick<Runtime, "log" | "clock"> },
): Promise<boolean> {
  const { log, clock } = runtime;
  const { databaseBytes } = await store.stats();
  log.info(
    { sealedEndpoints: sealed, databaseBytes },
    "secrets from before encryption are encrypted; the database is rewritten once, so that nothing of them stays in its files",
  );
  const begun = clock.monotonic();
  const erasure = await store.dataKeys.eraseTraces();
  const durationMs = Math.round(clock.monotonic() - begun);
  if (erasure.kind === "erased") {
    log.info({ durationMs }, "the database is rewritten: nothing in its files is from before encryption");
    return true;
  }
  log.warn(
    { reason: erasure.reason, durationMs },
    "secrets from before encryption may still be in unused parts of the database's files; the next start tries again",
  );
  return false;
}

/** Returns how many endpoints it sealed. */
async function sealEnvironment(
  store: Store,
  { environmentId, keys }: { environmentId: string; keys: DataKeys },
): Promise<number> {
  let sealed = 0;
  const endpoints = new SealedEndpoints(store, keys);
  for (let after: string | null = null; ;) {
    const page: Page = { limit: LIST_MAX, after, order: "ascending" };
    const applications = await store.applications.list({ environmentId, page });
    for (const { id } of applications) sealed += await sealApplication(store, { appId: id, endpoints });
    after = applications.at(-1)?.id ?? null;
    if (applications.length < LIST_MAX) return sealed;
  }
}

async function sealApplication(
  store: Store,
  { appId, endpoints }: { appId: string; endpoints: SealedEndpoints },
): Promise<number> {
  let written = 0;
  for (let tries = 0; tries < TRIES; tries++) {
    let stale = false;
    for (const endpoint of await store.endpoints.listAll(appId)) {
      if (isRecordSealed(ENDPOINT, endpoint)) continue;
      const sealed = await endpoints.seal(endpoint);
      if (sealed === null) continue;
      const result = await store.endpoints.update(sealed, { basedOn: endpoint });
      if (result === "stale") stale = true;
      else written += 1;
    }
    if (!stale) return written;
  }
  throw new Error(`The endpoints of ${appId} are being changed all the time and cannot be sealed.`);
}
