import type { Application } from "../../domain/application.ts";
import type { Endpoint } from "../../domain/endpoint.ts";
import type { EndpointPlan } from "../scenario.ts";
import { WORLD_EPOCH_MS } from "../world/process.ts";

const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

/** `version` changes with every move, so that an answer of the old address tells nothing about the new one. */
export function urlOf({ appId, id }: Pick<Endpoint, "appId" | "id">, version: number): string {
  return `https://receiver.example/${appId}/${id}/${version}`;
}

export function newEndpoint({
  appId,
  id,
  plan,
}: {
  appId: string;
  id: string;
  plan: EndpointPlan;
}): Endpoint {
  return {
    id,
    appId,
    uid: null,
    url: urlOf({ appId, id }, 0),
    description: "",
    throttleRate: plan.throttleRate,
    eventTypes: plan.eventTypes,
    channels: null,
    disabled: false,
    disabledReason: null,
    disabledAt: null,
    failingSince: null,
    secrets: [{ key: SECRET, expiresAt: null }],
    headers: {},
    metadata: {},
    fifo: plan.fifo,
    timeoutMs: plan.timeoutMs,
    transformation: null,
    access: null,
    retryScheduleMs: plan.retryScheduleMs,
    createdAt: WORLD_EPOCH_MS,
    updatedAt: WORLD_EPOCH_MS,
  };
}

export function newApplication(
  id: string,
  { environmentId, throttleRate }: { environmentId: string; throttleRate: number | null },
): Application {
  return {
    id,
    environmentId,
    uid: null,
    name: id,
    throttleRate,
    metadata: {},
    createdAt: WORLD_EPOCH_MS,
    updatedAt: WORLD_EPOCH_MS,
  };
}

export function switchedOff(endpoint: Endpoint, now: number): Endpoint {
  if (endpoint.disabled) return endpoint;
  return { ...endpoint, disabled: true, disabledReason: "manual", disabledAt: now };
}

export function switchedOn(endpoint: Endpoint): Endpoint {
  return { ...endpoint, disabled: false, disabledReason: null, disabledAt: null, failingSince: null };
}
