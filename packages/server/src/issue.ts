import {
  type Credential,
  type CredentialKind,
  shownPart,
  tokenText,
} from "@posthaste/core/domain/credential";
import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { BASE62 } from "@posthaste/core/domain/ksuid";
import { CREDENTIALS_KEPT_MS } from "@posthaste/core/domain/limits";
import { keyNameOf } from "@posthaste/core/domain/environment";
import { PosthasteError } from "@posthaste/core/domain/errors";
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

/** A new text of a kind. */
export function newText(kind: CredentialKind, environment: string, runtime: Pick<Runtime, "random">): string {
  return tokenText(kind, environment, randomText(runtime));
}

/** Modulo 62 of a byte favours eight characters a little; 190 bits less a few are as good. */
export function randomText({ random }: Pick<Runtime, "random">): string {
  return Array.from(random.bytes(TOKEN_RANDOM_CHARS), (byte) => BASE62[byte % 62]).join("");
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

/** Makes and stores a credential; 404 when its environment was deleted meanwhile. */
export async function issue(
  chosen: Chosen,
  { store, runtime }: { store: Store; runtime: Runtime },
): Promise<Issued> {
  const environment = await store.environments.find(chosen.environmentId);
  if (environment === null) throw new PosthasteError("not_found", "No environment has this id.");
  const text = newText(chosen.kind, keyNameOf(environment), runtime);
  const credential = credentialOf(text, chosen, runtime);
  await store.credentials.insert(credential, { forget: runtime.clock.now() - CREDENTIALS_KEPT_MS });
  return { credential, text };
}
