import type { Credential } from "../../domain/credential.ts";
import type { CredentialStore } from "../../storage/port-credentials.ts";
import { pageOf } from "./control-plane.ts";
import type { ModelState } from "./state.ts";
import type { Sync } from "./sync.ts";

/** API keys and tokens of the model store. */
export function modelCredentials(state: ModelState): Sync<CredentialStore> {
  const { credentials } = state;
  const keysOf = (environmentId: string) =>
    [...credentials.values()].filter((each) => each.environmentId === environmentId && each.appId === null);
  const put = (credential: Credential) => void credentials.set(credential.hash, credential);
  const expireAll = (found: readonly Credential[], at: number) => {
    for (const each of found) put({ ...each, expiresAt: Math.min(each.expiresAt ?? at, at) });
  };
  const insert = (credential: Credential) => {
    if (credentials.has(credential.hash)) return false;
    put(credential);
    return true;
  };
  return {
    insert(credential, { forget }) {
      for (const { environmentId, expiresAt, hash } of credentials.values()) {
        const gone = environmentId === credential.environmentId && expiresAt !== null && expiresAt < forget;
        if (gone) credentials.delete(hash);
      }
      return insert(credential);
    },
    insertFirst: (credential) => keysOf(credential.environmentId).length === 0 && insert(credential),
    find(hash) {
      const found = credentials.get(hash);
      return found !== undefined && state.isLiving(found.environmentId) ? found : null;
    },
    findApiKey: ({ environmentId, id }) => keysOf(environmentId).find((key) => key.id === id) ?? null,
    listApiKeys: ({ environmentId, page }) => pageOf(keysOf(environmentId), page, ({ id }) => id),
    update({ environmentId, id, name, scopes }) {
      const found = keysOf(environmentId).find((key) => key.id === id);
      if (found === undefined) return false;
      put({ ...found, name, scopes });
      return true;
    },
    expire({ environmentId, id, at }) {
      const found = [...credentials.values()].filter(
        (each) => each.environmentId === environmentId && each.id === id,
      );
      expireAll(found, at);
      return found.length > 0;
    },
    expireOfApplication({ environmentId, appId, sessionIds, at }) {
      const found = [...credentials.values()].filter(
        (each) =>
          each.environmentId === environmentId &&
          each.appId === appId &&
          (sessionIds === null || (each.sessionId !== null && sessionIds.includes(each.sessionId))),
      );
      expireAll(found, at);
    },
    redeem({ hash, newHash, newPrefix, madeAfter, now }) {
      const found = credentials.get(hash);
      if (found === undefined || found.kind !== "one_time" || found.createdAt <= madeAfter) return null;
      if (!state.isLiving(found.environmentId)) return null;
      if (found.expiresAt === null || found.expiresAt <= now) return null;
      const redeemed: Credential = { ...found, hash: newHash, prefix: newPrefix, kind: "portal" };
      credentials.delete(hash);
      put(redeemed);
      return redeemed;
    },
  };
}
