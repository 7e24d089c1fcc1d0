import { eventTypes } from "@posthaste/catalog";
import { environmentOfKey, type Environment } from "@posthaste/core/domain/environment";
import type { EventType } from "@posthaste/core/domain/event-type";
import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { digitsToText } from "@posthaste/core/domain/ksuid";
import type { Runtime } from "@posthaste/core/runtime/runtime";
import type { Store } from "@posthaste/core/storage/port";
import { hashApiKey } from "./auth.ts";
import { ConfigError } from "./config.ts";

const ENVIRONMENTS = ["live", "sandbox"] as const;
/** 32 characters of 62: 190 bits. */
const KEY_CHARS = 32;

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
    const given = apiKey !== null && environmentOfKey(apiKey) === name ? apiKey : null;
    if (given === null && (await store.environments.hasApiKey(environment.id))) continue;
    const key = given ?? newKey(name, runtime);
    await addKey(environment, key, options);
    if (given === null) made.push({ environment: name, key });
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

async function addKey(
  environment: Environment,
  key: string,
  { store, runtime }: { store: Store; runtime: Runtime },
): Promise<void> {
  const hashed = hashApiKey(key);
  const isKnown = async (): Promise<boolean> => (await store.environments.findApiKey(hashed)) !== null;
  if (await isKnown()) return;
  try {
    await store.environments.insertApiKey({
      id: runtime.ids.next(ID_PREFIX.apiKey),
      environmentId: environment.id,
      hash: hashed,
      createdAt: runtime.clock.now(),
    });
  } catch (error) {
    // Another node that starts with the same key was faster.
    if (!(await isKnown())) throw error;
  }
}

function newKey(environment: string, runtime: Runtime): string {
  // Modulo 62 of a byte favours eight characters a little; 190 bits less a few are as good.
  const digits = runtime.random.bytes(KEY_CHARS).map((byte) => byte % 62);
  return `phk_${environment}_${digitsToText(digits)}`;
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
