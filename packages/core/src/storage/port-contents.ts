/** Removes contents that should not have been sent or kept. The records themselves stay. */
export interface ContentStore {
  /**
   * Clears the payloads of messages, by id; what is still owed of them ends as canceled when its turn comes. Clearing
   * one again changes nothing.
   */
  expungeMessages(request: { appId: string; ids: readonly string[] }): Promise<void>;
  /** Replaces the stored response of an attempt; false when there is no such attempt. */
  expungeAttempt(request: { appId: string; messageId: string; attemptId: string }): Promise<boolean>;
}

/** What stands in place of a response that was removed (Svix's word). */
export const EXPUNGED = "EXPUNGED";
