/**
 * Operational webhooks: messages about an environment's own endpoints and deliveries, for whoever operates the platform.
 * They belong to an application that nobody sees, one for each environment, and go out like all others. Names and data
 * are those of Svix's contract.
 */
import type { Application } from "./application.ts";
import { type Attempt, ATTEMPT_STATUS_NUMBERS } from "./attempt.ts";
import type { DueDelivery } from "./delivery.ts";
import type { Settlement } from "./delivery-state.ts";
import type { Endpoint } from "./endpoint.ts";
import { wants } from "./filter.ts";
import { ID_PREFIX } from "./ids.ts";
import { ksuidTime } from "./ksuid.ts";
import { OPERATIONAL_FAILING_ATTEMPTS } from "./limits.ts";
import type { Message } from "./message.ts";
import type { Task, TaskProgress, TaskWork } from "./task.ts";
import { toIso } from "./time.ts";

/** The application that owns an environment's operational endpoints: the environment's id under another prefix. */
export function operationalAppId(environmentId: string): string {
  return ID_PREFIX.application + environmentId.slice(ID_PREFIX.environment.length);
}

export function isOperational({ id, environmentId }: Pick<Application, "id" | "environmentId">): boolean {
  return id === operationalAppId(environmentId);
}

/** What is stored of it; the time is that of its first endpoint. */
export function operationalApplication(environmentId: string, now: number): Application {
  return {
    id: operationalAppId(environmentId),
    environmentId,
    uid: null,
    name: "Operational webhooks",
    throttleRate: null,
    metadata: {},
    createdAt: now,
    updatedAt: now,
  };
}

/** Every name that an operational endpoint may ask for. Those that begin with `ingest.` are not sent. */
export const OPERATIONAL_EVENT_TYPES = [
  "background_task.finished",
  "endpoint.created",
  "endpoint.deleted",
  "endpoint.disabled",
  "endpoint.enabled",
  "endpoint.updated",
  "ingest.endpoint.disabled",
  "ingest.message.attempt.exhausted",
  "ingest.message.attempt.failing",
  "ingest.message.attempt.recovered",
  "message.attempt.exhausted",
  "message.attempt.failing",
  "message.attempt.log",
  "message.attempt.recovered",
] as const;

export interface OperationalEvent {
  readonly type: (typeof OPERATIONAL_EVENT_TYPES)[number];
  readonly data: object;
}

/** One for each attempt: only endpoints that name it get it, those that take all events do not. */
export const ATTEMPT_LOG = "message.attempt.log" satisfies OperationalEvent["type"];

/** Whether an operational endpoint gets an event. */
export function hears(
  endpoint: Pick<Endpoint, "disabled" | "eventTypes" | "channels">,
  eventType: string,
): boolean {
  if (eventType === ATTEMPT_LOG && endpoint.eventTypes === null) return false;
  return wants(endpoint, { eventType, channels: null });
}

/** The envelope of Standard Webhooks. */
export function operationalPayload({ type, data }: OperationalEvent, now: number): string {
  return JSON.stringify({ type, timestamp: toIso(now), data });
}

type AttemptEvent = "message.attempt.exhausted" | "message.attempt.failing" | "message.attempt.recovered";

/**
 * What there is to tell of an attempt; mostly nothing. `failing`: it failed for the fourth time and will be tried again;
 * `exhausted`: it failed for good; `recovered`: it succeeded after four failures. One that a person asked for once more
 * after the delivery had ended tells nothing: that person sees what comes of it.
 */
export function attemptEvent(
  delivery: Pick<DueDelivery, "attempts" | "once">,
  { state, attempts }: Pick<Settlement, "state" | "attempts">,
): AttemptEvent | null {
  if (state === "succeeded") {
    return delivery.attempts >= OPERATIONAL_FAILING_ATTEMPTS ? "message.attempt.recovered" : null;
  }
  // Cut by a shutdown: not counted.
  if (delivery.once || attempts === delivery.attempts) return null;
  if (state === "failed") return "message.attempt.exhausted";
  return attempts === OPERATIONAL_FAILING_ATTEMPTS ? "message.attempt.failing" : null;
}

type EndpointNames = Pick<Endpoint, "appId" | "id" | "uid">;

/** What a change of an endpoint tells: `before` null, it was made; `after` null, it was deleted. */
export function endpointEvents(
  { before, after }: { before: Endpoint | null; after: Endpoint | null },
  appUid: string | null,
): OperationalEvent[] {
  const endpoint = after ?? before;
  if (endpoint === null) return [];
  const data = endpointEventData(endpoint, appUid);
  if (before === null) return [{ type: "endpoint.created", data }];
  if (after === null) return [{ type: "endpoint.deleted", data }];
  const updated: OperationalEvent = { type: "endpoint.updated", data };
  if (before.disabled === after.disabled) return [updated];
  if (!after.disabled) return [updated, { type: "endpoint.enabled", data }];
  const disabled = disabledEventData(before, { appUid, trigger: "manual" });
  return [updated, { type: "endpoint.disabled", data: disabled }];
}

/** A task that ended, as the contract has it; one that was canceled counts as failed. */
export function taskEvent({ id, work, status, progress }: Task): OperationalEvent {
  const data = { ...taskResults(work, progress), error: progress.error ?? undefined };
  const shown = status === "finished" ? status : "failed";
  const canceled = status === "canceled" ? true : undefined;
  return {
    type: "background_task.finished",
    // JSON leaves out what is undefined.
    data: { taskId: id, task: work.kind, status: shown, data: { ...data, canceled } },
  };
}

/** Under the contract's names, which are not those of the API's other operations. */
function taskResults(work: TaskWork, { counts, done }: TaskProgress): object {
  switch (work.kind) {
    case "application.purge_content":
      return { messages_purged: done };
    case "application.stats": {
      const stats = Object.entries(counts);
      return { app_stats: stats.map(([appId, messageDestinations]) => ({ appId, messageDestinations })) };
    }
    case "sdk.generate":
      // The contract has no form of its own for it; this one of those it has says nothing that is not so.
      return { event_types: [] };
    case "event-type.aggregate":
      // The contract lists who subscribed; what is counted here is messages.
      return { event_types: [], messages_by_event_type: counts };
    case "message.broadcast":
      // The contract lists every message; a broadcast knows how many, and that they have its event id.
      return { messages_created: [], messages_failed: [], event_id: work.eventId, messages_count: done };
    case "endpoint.recover":
    case "endpoint.replay":
    case "endpoint.bulk-replay": {
      const { endpointId, since, until } = work;
      return { messages_sent: done, endp_id: endpointId, since: toIso(since), until: toIso(until) };
    }
    default:
      return work satisfies never;
  }
}

function endpointEventData({ appId, id, uid }: EndpointNames, appUid: string | null): object {
  return { appId, appUid, endpointId: id, endpointUid: uid };
}

/** `failSince`: the run of nothing but failures that it was disabled for, or after which somebody disabled it. */
export function disabledEventData(
  endpoint: EndpointNames & Pick<Endpoint, "failingSince">,
  { appUid, trigger }: { appUid: string | null; trigger: "manual" | "automatic" },
): object {
  const { failingSince } = endpoint;
  const failSince = failingSince === null ? null : toIso(failingSince);
  return { ...endpointEventData(endpoint, appUid), failSince, trigger };
}

export function attemptEventData(
  { id, appId, endpointId, messageId, statusCode, timestamp }: Attempt,
  { appUid, eventId }: { appUid: string | null; eventId: string | null },
): object {
  return {
    appId,
    appUid,
    endpointId,
    msgId: messageId,
    msgEventId: eventId,
    lastAttempt: { id, responseStatusCode: statusCode, timestamp: toIso(timestamp) },
  };
}

/** The contract's list of attempts, of which each event has one. `message`: null when it is gone meanwhile. */
export function attemptLogData(
  attempt: Attempt,
  told: {
    readonly environmentId: string;
    readonly appUid: string | null;
    readonly attempts: number;
    readonly message: Message | null;
  },
): object {
  const { id, appId, endpointId, messageId, timestamp, durationMs, statusCode, status } = attempt;
  const { message } = told;
  const createdAt = message?.createdAt ?? ksuidTime(ID_PREFIX.message, messageId) ?? timestamp;
  return [
    {
      orgId: ORGANIZATION_PREFIX + told.environmentId.slice(ID_PREFIX.environment.length),
      appId,
      appUid: told.appUid,
      endpointId,
      msgId: messageId,
      msgEventId: message?.eventId ?? null,
      msgCreated: toIso(createdAt),
      attemptId: id,
      attemptStart: toIso(timestamp),
      attemptEnd: toIso(timestamp + durationMs),
      attemptCount: told.attempts,
      responseStatusCode: statusCode,
      status: ATTEMPT_STATUS_NUMBERS[status],
      eventType: message?.eventType ?? null,
    },
  ];
}

/** What the contract calls an organization is an environment here. */
const ORGANIZATION_PREFIX = "org_";
