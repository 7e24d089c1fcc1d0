import { environmentOfKey } from "@posthaste/core/domain/credential";
import { type Environment, keyNameOf } from "@posthaste/core/domain/environment";
import type { Runtime } from "@posthaste/core/runtime/runtime";
import type { Store } from "@posthaste/core/storage/port";
import { hashToken } from "./auth.ts";
import { ConfigError } from "./config.ts";
import { credentialOf, newText } from "./issue.ts";
import { environmentWithCatalog } from "./new-environment.ts";

const ENVIRONMENTS = ["live", "sandbox"] as const;

/** A key made at this start. It is shown now and never again: only its hash is stored. */
export interface NewKey {
  readonly environment: string;
  readonly key: string;
}

/** What a start needs to know. */
interface Preparing {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly retentionDays: number;
  readonly apiKey: string | null;
}

/**
 * The first start makes the environments `live` and `sandbox` with the catalog's event types. Every start makes a key
 * for each of these two that is there and has none. A key given by the operator (`--api-key`) is added to its
 * environment, at any start.
 */
export async function prepareEnvironments(options: Preparing): Promise<NewKey[]> {
  const { store, apiKey } = options;
  const found = await store.environments.list();
  const isFirst = await isFirstStart(found, store);
  const names = isFirst ? [...ENVIRONMENTS, ...found.map(({ name }) => name)] : found.map(({ name }) => name);
  // One that is stored goes on working, whatever its environment is called by now.
  const isNew = apiKey !== null && (await store.credentials.find(hashToken(apiKey))) === null;
  const given = isNew ? { key: apiKey, name: nameForKey(apiKey, names) } : null;
  if (isFirst) await makeBoth(options);
  const made: NewKey[] = [];
  for (const environment of isFirst ? await store.environments.list() : found) {
    const text = await firstKey(environment, { ...options, given });
    if (text !== null) made.push({ environment: environment.name, key: text });
  }
  return made;
}

/** Adds the key that is given for the environment, or else makes its first where it is due one; null: it made none. */
async function firstKey(
  environment: Environment,
  { store, runtime, given }: Preparing & { given: { key: string; name: string } | null },
): Promise<string | null> {
  const { id: environmentId, name } = environment;
  const isGiven = given?.name === name;
  if (!isGiven && !ENVIRONMENTS.some((known) => known === name)) return null;
  const key = isGiven ? given.key : newText("api_key", keyNameOf(environment), runtime);
  const credential = credentialOf(key, { kind: "api_key", environmentId }, runtime);
  if (isGiven) {
    await store.credentials.insert(credential, { forget: 0 });
    return null;
  }
  // Of several nodes that start together for the first time one makes the key, and shows it.
  return (await store.credentials.insertFirst(credential)) ? key : null;
}

/** The environment that a key's text names: by its whole name, or by what its keys call it. */
function nameForKey(apiKey: string, names: readonly string[]): string {
  const keyName = environmentOfKey(apiKey);
  const found =
    names.find((name) => name === keyName) ?? names.find((name) => keyNameOf({ name }) === keyName);
  if (found !== undefined) return found;
  const forms = [...new Set(names)].map((name) => `phk_${keyNameOf({ name })}_…`).join(", ");
  throw new ConfigError(
    `--api-key: no environment has a name for this key. Its text has to begin so: ${forms}.`,
  );
}

/**
 * Both are made before the first key, so a start that was cut short is seen by this: nobody has a key yet. Later they
 * are not made again, as whoever deletes or renames one means it.
 */
async function isFirstStart(environments: readonly Environment[], { credentials }: Store): Promise<boolean> {
  const page = { limit: 1, after: null, order: "ascending" } as const;
  for (const { id: environmentId } of environments) {
    if ((await credentials.listApiKeys({ environmentId, page })).length > 0) return false;
  }
  return true;
}

async function makeBoth({ store, runtime, retentionDays }: Preparing): Promise<void> {
  for (const name of ENVIRONMENTS) {
    const type = name === "sandbox" ? "development" : "production";
    const { environment, eventTypes } = environmentWithCatalog({ name, type, retentionDays }, runtime);
    await store.environments.ensure(environment, eventTypes);
  }
}
