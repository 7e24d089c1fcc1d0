/** Removes contents that should not have been sent or kept. The records themselves stay. */
export interface ContentStore {
  /**
   * Clears the payloads of messages, by id; what is still owed of them ends as canceled when its turn comes. Clearing
   * one again changes nothing.
   */
  expungeMessages(request: { appId: string; ids: readonly string[] }): Promise<void>;
  /**
   * Looks at messages of an environment of which a delivery succeeded (`SettledDelivery.wipeIn`), at most `limit`, and
   * clears the payloads of those that `domain/payload-wipe.ts` lets go; one that has to wait is looked at again later.
   * Checked and cleared as one: what becomes owed again meanwhile keeps its payload. Several nodes may be at it.
   * `looked` less than `limit`: no more is to be looked at now.
   */
  wipe(request: {
    environmentId: string;
    now: number;
    limit: number;
  }): Promise<{ readonly looked: number; readonly wiped: number }>;
  /** Forgets what was noted for `wipe` in an environment, at most `limit`; how many went. */
  forgetWipes(request: { environmentId: string; limit: number }): Promise<number>;
  /** Replaces the stored response of an attempt; false when there is no such attempt. */
  expungeAttempt(request: { appId: string; messageId: string; attemptId: string }): Promise<boolean>;
}

/** What stands in place of a response that was removed (Svix's word). */
export const EXPUNGED = "EXPUNGED";
