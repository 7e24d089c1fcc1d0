import { EXPUNGED, type ContentStore } from "../../storage/port-contents.ts";
import type { ModelState } from "./state.ts";
import type { Sync } from "./sync.ts";

export function modelContents(state: ModelState): Sync<ContentStore> {
  return {
    expungeMessages({ appId, ids }) {
      const messages = state.messages.get(appId);
      for (const id of ids) {
        const message = messages?.get(id);
        if (message !== undefined) messages?.set(id, { ...message, payload: null });
      }
    },
    expungeAttempt({ appId, messageId, attemptId }) {
      const attempts = state.attempts.get(appId) ?? [];
      const at = attempts.findIndex(({ id, messageId: of }) => id === attemptId && of === messageId);
      const attempt = attempts[at];
      if (attempt === undefined) return false;
      attempts[at] = { ...attempt, responseBody: EXPUNGED };
      return true;
    },
  };
}
