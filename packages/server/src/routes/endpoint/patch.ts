import type { Endpoint } from "@posthaste/core/domain/endpoint";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { EndpointPath } from "../fields.ts";
import { EndpointOut, EndpointPatch, endpointText } from "./schemas.ts";
import {
  assertEndpoint,
  changeEndpoint,
  scheduleToMs,
  secondsToMs,
  switched,
  type EndpointChanges,
} from "./write.ts";

export const patchEndpoint = environmentRoute({
  method: "PATCH",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id",
  operationId: "v1.endpoint.patch",
  tag: "Endpoint",
  scope: "write:endpoint",
  summary: "Patch Endpoint",
  description:
    "Changes the fields given and leaves the others. `disabled: false` on a disabled endpoint sends what waited for " +
    "it and forgets why it was disabled.",
  params: EndpointPath,
  body: EndpointPatch,
  answers: { 200: EndpointOut },
  async handle(call, services) {
    const { environmentId, params, body } = call;
    const { application } = await findApplication(call, services);
    await assertEndpoint(body, { environmentId, services, whole: false });
    const now = services.runtime.clock.now();
    const changed = await changeEndpoint(
      { appId: application.id, ref: params.endpoint_id },
      { services, change: (stored) => patched(stored, body, now) },
    );
    return { status: 200, text: endpointText(changed) };
  },
});

function patched(stored: Endpoint, body: EndpointChanges, now: number): Endpoint {
  return {
    ...stored,
    url: body.url ?? stored.url,
    description: body.description ?? stored.description,
    metadata: body.metadata ?? stored.metadata,
    fifo: body.fifo ?? stored.fifo,
    // Null means something of its own here; only what is left out stays.
    uid: body.uid === undefined ? stored.uid : body.uid,
    throttleRate: body.throttleRate === undefined ? stored.throttleRate : body.throttleRate,
    eventTypes: body.eventTypes === undefined ? stored.eventTypes : body.eventTypes,
    channels: body.channels === undefined ? stored.channels : body.channels,
    timeoutMs: body.timeoutSeconds === undefined ? stored.timeoutMs : secondsToMs(body.timeoutSeconds),
    retryScheduleMs:
      body.retrySchedule === undefined ? stored.retryScheduleMs : scheduleToMs(body.retrySchedule),
    ...(body.disabled === undefined ? {} : switched(stored, { disabled: body.disabled, now })),
  };
}
