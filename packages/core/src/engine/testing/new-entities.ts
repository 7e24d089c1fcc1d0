import type { Endpoint } from "../../domain/endpoint.ts";
import type { EventType } from "../../domain/event-type.ts";

export const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
/** 2026-09-21; a whole second, so that timestamps in headers are easy to read. */
export const START_MS = 1_790_000_000_000;

/** An endpoint that wants everything, but for what a test changes. */
export function newEndpoint(id: string, appId: string, changes: Partial<Endpoint>): Endpoint {
  return {
    id,
    appId,
    uid: null,
    url: "https://example.com/hook",
    description: "",
    throttleRate: null,
    eventTypes: null,
    channels: null,
    disabled: false,
    disabledReason: null,
    disabledAt: null,
    failingSince: null,
    secrets: [{ key: SECRET, expiresAt: null }],
    headers: {},
    metadata: {},
    fifo: false,
    timeoutMs: null,
    retryScheduleMs: null,
    transformation: null,
    access: null,
    createdAt: START_MS,
    updatedAt: START_MS,
    ...changes,
  };
}

/** The event type that tests send, but for what one changes. */
export function newEventType(environmentId: string, changes: Partial<EventType>): EventType {
  return {
    environmentId,
    name: "order.completed",
    description: "",
    archived: false,
    deprecated: false,
    schemas: null,
    groupName: null,
    featureFlags: null,
    retryScheduleMs: null,
    createdAt: START_MS,
    updatedAt: START_MS,
    ...changes,
  };
}
