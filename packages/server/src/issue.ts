import {
  type Credential,
  type CredentialKind,
  shownPart,
  tokenText,
} from "@posthaste/core/domain/credential";
import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { digitsToText } from "@posthaste/core/domain/ksuid";
import { CREDENTIALS_KEPT_MS } from "@posthaste/core/domain/limits";
import type { Runtime } from "@posthaste/core/runtime/runtime";
import type { Store } from "@posthaste/core/storage/port";
import { hashToken } from "./auth.ts";
import { TOKEN_RANDOM_CHARS } from "./http-limits.ts";

/** A credential with its text, which is shown now and never again. */
export interface Issued {
  readonly credential: Credential;
  readonly text: string;
}

type Chosen = Pick<Credential, "environmentId" | "kind"> &
  Partial<Pick<Credential, "name" | "scopes" | "appId" | "sessionId" | "featureFlags" | "expiresAt">>;

/** A new text of a kind. Modulo 62 of a byte favours eight characters a little; 190 bits less a few are as good. */
export function newText(
  kind: CredentialKind,
  environment: string,
  { random }: Pick<Runtime, "random">,
): string {
  const digits = random.bytes(TOKEN_RANDOM_CHARS).map((byte) => byte % 62);
  return tokenText(kind, environment, digitsToText(digits));
}

/** The credential that a text stands for, not stored yet. */
export function credentialOf(text: string, chosen: Chosen, { clock, ids }: Runtime): Credential {
  return {
    name: null,
    scopes: null,
    appId: null,
    sessionId: null,
    featureFlags: [],
    expiresAt: null,
    ...chosen,
    id: ids.next(ID_PREFIX.apiKey),
    hash: hashToken(text),
    prefix: shownPart(text),
    createdAt: clock.now(),
  };
}

/** Makes and stores a credential. */
export async function issue(
  chosen: Chosen,
  { store, runtime }: { store: Store; runtime: Runtime },
): Promise<Issued> {
  const text = newText(chosen.kind, await environmentName(chosen.environmentId, store), runtime);
  const credential = credentialOf(text, chosen, runtime);
  await store.credentials.insert(credential, { forget: runtime.clock.now() - CREDENTIALS_KEPT_MS });
  return { credential, text };
}

/** The part of a text that says where it belongs. */
async function environmentName(environmentId: string, store: Store): Promise<string> {
  const environments = await store.environments.list();
  const found = environments.find(({ id }) => id === environmentId);
  if (found === undefined) throw new Error("the environment of a caller is gone");
  return found.name;
}
