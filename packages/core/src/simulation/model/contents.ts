import type { Attempt } from "../../domain/attempt.ts";
import { type DeliveredMessage, nextWipeLook, wipeVerdict } from "../../domain/payload-wipe.ts";
import { EXPUNGED, type ContentStore } from "../../storage/port-contents.ts";
import { byId, type ModelState } from "./state.ts";
import type { Sync } from "./sync.ts";

/** Whether a polling endpoint may still hand it out. */
function isPolled(
  { polling }: ModelState,
  { appId, messageId }: { appId: string; messageId: string },
): boolean {
  const position = polling.entries.get(appId)?.get(messageId);
  if (position === undefined) return false;
  return [...polling.endpoints.values()].some(({ appId: of, id }) => {
    const consumers = [...polling.consumers.values()].filter(({ endpointId }) => endpointId === id);
    const behind = consumers.some((consumer) => position === null || consumer.position < position);
    return of === appId && (consumers.length === 0 || behind);
  });
}

function delivered(
  state: ModelState,
  { appId, messageId }: { appId: string; messageId: string },
): DeliveredMessage {
  const last = new Map<string, Attempt>();
  const attempts = (state.attempts.get(appId) ?? []).filter((attempt) => attempt.messageId === messageId);
  for (const attempt of attempts.toSorted(byId)) last.set(attempt.endpointId, attempt);
  const payload = state.findMessage(appId, messageId)?.payload ?? null;
  return {
    hasPayload: payload !== null,
    isOwed: [...state.lanes.values()].some((lane) => lane.appId === appId && lane.rows.has(messageId)),
    isPolled: isPolled(state, { appId, messageId }),
    lastStates: [...last.values()].map(({ deliveryState }) => deliveryState),
  };
}

export function modelContents(state: ModelState): Sync<ContentStore> {
  return {
    wipe({ environmentId, now, limit }) {
      const noted = [...state.wipes.values()]
        .filter((row) => row.environmentId === environmentId && row.lookAt <= now)
        .toSorted((a, b) => a.lookAt - b.lookAt)
        .slice(0, limit);
      let wiped = 0;
      for (const row of noted) {
        const { appId, messageId } = row;
        const message = state.findMessage(appId, messageId);
        const verdict = wipeVerdict(delivered(state, row));
        if (verdict === "later") row.lookAt = nextWipeLook({ createdAt: message?.createdAt ?? now, now });
        else state.wipes.delete(messageId);
        if (verdict !== "now" || message === undefined) continue;
        state.messages.get(appId)?.set(messageId, { ...message, payload: null });
        wiped += 1;
      }
      return { looked: noted.length, wiped };
    },
    forgetWipes({ environmentId, limit }) {
      const noted = [...state.wipes.values()].filter((row) => row.environmentId === environmentId);
      for (const { messageId } of noted.slice(0, limit)) state.wipes.delete(messageId);
      return Math.min(noted.length, limit);
    },
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
