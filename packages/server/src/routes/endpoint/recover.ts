import { Type } from "typebox";
import { environmentRoute } from "../../route.ts";
import { startedTask } from "../background-task/schemas.ts";
import { EndpointPath, named } from "../fields.ts";
import { spanFields, startReplay } from "./replay.ts";

export const recoverEndpoint = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/recover",
  operationId: "v1.endpoint.recover",
  tag: "Endpoint",
  scope: "write:attempt",
  summary: "Recover Failed Webhooks",
  description:
    "Sends every message of the span of time that failed at this endpoint once more, with the whole retry schedule and under the same `webhook-id`, in a background task. 400 when the endpoint is disabled.",
  params: EndpointPath,
  body: named("RecoverIn", Type.Object(spanFields)),
  answers: { 202: startedTask("RecoverOut") },
  handle: (call, services) => startReplay(call, { kind: "endpoint.recover" }, services),
});
