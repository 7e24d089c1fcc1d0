import { eventTypes } from "@posthaste/catalog";
import { environmentOfKey } from "@posthaste/core/domain/credential";
import type { Environment } from "@posthaste/core/domain/environment";
import type { EventType } from "@posthaste/core/domain/event-type";
import { ID_PREFIX } from "@posthaste/core/domain/ids";
import type { Runtime } from "@posthaste/core/runtime/runtime";
import type { Store } from "@posthaste/core/storage/port";
import { ConfigError } from "./config.ts";
import { credentialOf, newText } from "./issue.ts";

const ENVIRONMENTS = ["live", "sandbox"] as const;

/** A key made at this start. It is shown now and never again: only its hash is stored. */
export interface NewKey {
  readonly environment: string;
  readonly key: string;
}

/**
 * Makes the two environments with the catalog's event types, and a key for each that has none. A key given
 * by the operator (`--api-key`) is added to its environment, at any start.
 */
export async function prepareEnvironments(options: {
  store: Store;
  runtime: Runtime;
  retentionDays: number;
  apiKey: string | null;
}): Promise<NewKey[]> {
  const { store, runtime, apiKey } = options;
  if (apiKey !== null && !ENVIRONMENTS.some((name) => name === environmentOfKey(apiKey))) {
    throw new ConfigError("--api-key: its environment must be live or sandbox: phk_live_… or phk_sandbox_….");
  }
  const made: NewKey[] = [];
  for (const name of ENVIRONMENTS) {
    const environment = await ensureEnvironment(name, options);
    const given = apiKey !== null && environmentOfKey(apiKey) === name;
    const key = given ? apiKey : newText("api_key", name, runtime);
    const credential = credentialOf(key, { kind: "api_key", environmentId: environment.id }, runtime);
    // Of several nodes that start together for the first time one makes the key, and shows it.
    if (given) await store.credentials.insert(credential, { forget: 0 });
    else if (await store.credentials.insertFirst(credential)) made.push({ environment: name, key });
  }
  return made;
}

async function ensureEnvironment(
  name: string,
  { store, runtime, retentionDays }: { store: Store; runtime: Runtime; retentionDays: number },
): Promise<Environment> {
  const createdAt = runtime.clock.now();
  const environment = { id: runtime.ids.next(ID_PREFIX.environment), name, retentionDays, createdAt };
  return store.environments.ensure(environment, catalogOf(environment.id, createdAt));
}

function catalogOf(environmentId: string, now: number): EventType[] {
  return eventTypes.map(({ name, sentence, description, group, version, schema, example }) => ({
    environmentId,
    name,
    description: `${sentence}. ${description}`,
    archived: false,
    deprecated: false,
    schemas: { [version]: { ...schema, examples: [example] } },
    groupName: group,
    featureFlags: null,
    createdAt: now,
    updatedAt: now,
  }));
}
