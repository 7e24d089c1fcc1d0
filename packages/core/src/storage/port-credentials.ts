import type { Credential } from "../domain/credential.ts";
import type { Page } from "./port-page.ts";

/** API keys and tokens. They are looked up by their hash and else belong to an environment. */
export interface CredentialStore {
  /** Inserts it; false when that hash is there already. Forgets some of the environment that expired before `forget`. */
  insert(credential: Credential, options: { forget: number }): Promise<boolean>;
  /** Inserts an API key unless its environment has one: of several at once one is inserted. */
  insertFirst(credential: Credential): Promise<boolean>;
  /** The credential of a hash, expired or not. */
  find(hash: string): Promise<Credential | null>;
  /** An API key of the environment, by id. */
  findApiKey(query: { environmentId: string; id: string }): Promise<Credential | null>;
  /** The API keys of the environment, by id, expired ones too. */
  listApiKeys(query: { environmentId: string; page: Page }): Promise<Credential[]>;
  /** Changes an API key; false when there is none. */
  update(change: {
    environmentId: string;
    id: string;
    name: string | null;
    scopes: readonly string[] | null;
  }): Promise<boolean>;
  /** Lets a credential of the environment expire then, unless it does earlier; false when there is none. */
  expire(query: { environmentId: string; id: string; at: number }): Promise<boolean>;
  /** The same for all of one application, or for those of some sessions. */
  expireOfApplication(query: {
    environmentId: string;
    appId: string;
    sessionIds: readonly string[] | null;
    at: number;
  }): Promise<void>;
  /**
   * Turns a one-time token that was made after `madeAfter` and has not expired into a portal token with another hash:
   * once, whoever asks first. Null when there is none (any more).
   */
  redeem(exchange: {
    hash: string;
    newHash: string;
    newPrefix: string;
    madeAfter: number;
    now: number;
  }): Promise<Credential | null>;
}
