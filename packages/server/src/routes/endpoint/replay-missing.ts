import { Type } from "typebox";
import { environmentRoute } from "../../route.ts";
import { startedTask } from "../background-task/schemas.ts";
import { EndpointPath, named } from "../fields.ts";
import { spanFields, startReplay } from "./replay.ts";

export const replayMissing = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/replay-missing",
  operationId: "v1.endpoint.replay-missing",
  tag: "Endpoint",
  scope: "write:attempt",
  summary: "Replay Missing Webhooks",
  description:
    "Sends the messages of the span of time that this endpoint wants but never got, for example because it was made later, in a background task. 400 when the endpoint is disabled.",
  params: EndpointPath,
  body: named("ReplayIn", Type.Object(spanFields)),
  answers: { 202: startedTask("ReplayOut") },
  handle: (call, services) => startReplay(call, { kind: "endpoint.replay" }, services),
});
