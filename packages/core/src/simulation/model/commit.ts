import type { Endpoint } from "../../domain/endpoint.ts";
import type {
  AcceptedMessage,
  AcceptResult,
  CommitBatch,
  CommitResult,
  EndpointChange,
  NextState,
  SettledDelivery,
  Telling,
} from "../../storage/port.ts";
import type { DueRow, ModelState } from "./state.ts";

/** Due since ever: a clock that is set back must not put it off. */
const AT_ONCE = 0;

/** One transaction for what gathered: messages with what they owe, and attempts with what became of it. */
export function commit(state: ModelState, batch: CommitBatch): CommitResult {
  return {
    accepted: batch.accepted.map((accepted) => accept(state, accepted)),
    settled: batch.settled.map((settled) => settle(state, settled)),
  };
}

/** Messages about another write, in its transaction. */
export function tell(state: ModelState, tells: Telling["tells"]): void {
  for (const accepted of tells ?? []) accept(state, accepted);
}

function accept(state: ModelState, accepted: AcceptedMessage): AcceptResult {
  const { message, idempotency, environmentId } = accepted;
  const { appId, id: messageId, eventId } = message;
  if (idempotency !== null) {
    const known = answerOf(state, accepted);
    if (known !== null) return known;
  }
  const messages = state.messages.get(appId) ?? new Map();
  if (eventId !== null) {
    for (const other of messages.values()) {
      if (other.eventId === eventId) return { kind: "conflict", reason: "event_id" };
    }
  }
  state.messages.set(appId, messages);
  messages.set(messageId, message);
  if (accepted.polled === true) state.polling.note(appId, messageId);
  const lives = state.lives(accepted.leaseId);
  for (const { endpointId, leased, fifo } of accepted.deliveries) {
    state.addDue({
      appId,
      endpointId,
      messageId,
      order: fifo && state.clustered ? state.nextOrder() : 0,
      once: false,
      attempts: 0,
      manual: false,
      nextAttemptAt: message.deliverAt ?? AT_ONCE,
      leasedBy: leased && lives && !(fifo && state.clustered) ? accepted.leaseId : null,
    });
  }
  if (idempotency !== null) {
    const { scope, bodyHash, createdAt } = idempotency;
    state.keys.set(scope, { bodyHash, createdAt, environmentId, messageId, answer: null });
  }
  const unleased = !lives && accepted.deliveries.some(({ leased }) => leased);
  return unleased ? { kind: "accepted", unleased } : { kind: "accepted" };
}

/** What a key that was used before answers; null for a new one, or one whose message is gone. */
function answerOf(state: ModelState, { message, idempotency }: AcceptedMessage): AcceptResult | null {
  if (idempotency === null) return null;
  const known = state.findKey(idempotency.scope, idempotency.createdAt);
  if (known === undefined) return null;
  if (known.messageId === null || known.bodyHash !== idempotency.bodyHash) {
    return { kind: "conflict", reason: "idempotency_key" };
  }
  const first = state.findMessage(message.appId, known.messageId);
  return first === undefined ? null : { kind: "replayed", message: first };
}

/** The attempt is recorded in any case: the POST has been made. Everything else needs the lease. */
function settle(state: ModelState, settled: SettledDelivery): boolean {
  const { delivery, leaseId, attempt } = settled;
  const row = state.dueRow(delivery);
  const held = row !== undefined && row.leasedBy === leaseId && row.attempts === delivery.attempts;
  let disabled = false;
  if (held) {
    const change = effectiveChange(state, settled);
    moveOn(state, row, { next: settled.next, disables: change?.kind === "disable" });
    disabled = change !== null && changeEndpoint(state, row, change) && change.kind === "disable";
  }
  for (const { when, accepted } of settled.tells ?? []) {
    if (when === "held" ? held : disabled) accept(state, accepted);
  }
  const { appId, messageId } = delivery;
  const environmentId = settled.wipeIn;
  if (environmentId !== undefined)
    state.wipes.set(messageId, { environmentId, appId, messageId, lookAt: AT_ONCE });
  // The same settle may come twice: once more after a commit whose answer was lost.
  const known = attempt !== null && state.attempts.get(attempt.appId)?.some(({ id }) => id === attempt.id);
  if (attempt !== null && known !== true) state.addAttempt(attempt);
  return held;
}

/** A run of failures that somebody else's success has ended disables nothing. */
function effectiveChange(state: ModelState, { delivery, endpoint }: SettledDelivery): EndpointChange | null {
  if (endpoint?.kind !== "disable" || endpoint.failingSince === undefined) return endpoint;
  const kept = state.endpoint(delivery);
  const since = kept?.deleted === false ? kept.entity.failingSince : null;
  return since !== null && since <= endpoint.failingSince ? endpoint : null;
}

function moveOn(
  state: ModelState,
  row: DueRow,
  { next, disables }: { next: NextState; disables: boolean },
): void {
  if (next.kind === "ended") return state.removeDue(row);
  // The attempt after a counted one is an automatic retry, whoever asked for that one.
  if (next.attempts !== row.attempts) row.manual = false;
  row.attempts = next.attempts;
  if (next.kind === "retry") return state.release(row, next.at);
  // Enabled meanwhile: whoever resumed its deliveries did not see this one, so it must not stay paused.
  const enabled = !disables && state.isEnabled(row);
  state.release(row, enabled ? AT_ONCE : null);
}

/** Returns whether that changed anything. */
function changeEndpoint(state: ModelState, row: DueRow, change: EndpointChange): boolean {
  const kept = state.endpoint(row);
  if (kept === undefined || kept.deleted) return false;
  const changed = changedEndpoint(kept.entity, change);
  if (changed === kept.entity) return false;
  kept.entity = changed;
  state.changed(row.appId);
  return true;
}

function changedEndpoint(endpoint: Endpoint, change: EndpointChange): Endpoint {
  const { at } = change;
  if (change.kind === "disable") {
    if (endpoint.disabled) return endpoint;
    return {
      ...endpoint,
      disabled: true,
      disabledReason: change.reason,
      disabledAt: at,
      updatedAt: change.at,
    };
  }
  // The run of failures began with the first of them, whoever tells first.
  if ((at === null) === (endpoint.failingSince === null)) return endpoint;
  return { ...endpoint, failingSince: at };
}
