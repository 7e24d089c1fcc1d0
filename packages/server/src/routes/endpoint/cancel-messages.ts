import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { ksuidFloor } from "@posthaste/core/domain/ksuid";
import { Type } from "typebox";
import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { EndpointPath, named, Time } from "../fields.ts";
import { timeOf } from "../time-span.ts";

const CancelMsgsIn = named(
  "CancelMsgsIn",
  Type.Object({
    createdBefore: Type.String({ ...Time, description: "Messages made before this time." }),
  }),
);

export const cancelEndpointMessages = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/cancel-msgs",
  operationId: "v1.endpoint.cancel-msgs",
  tag: "Endpoint",
  scope: "delete:message",
  summary: "Cancel Messages",
  description:
    "Ends everything that is still owed to the endpoint of messages made before a time: new, scheduled, paused, or " +
    "waiting for a retry. Once this is answered, no node sends any of it, but for attempts that are under way. Each is " +
    "recorded as canceled and can be resent; an endpoint that owes very many takes a few seconds.",
  params: EndpointPath,
  body: CancelMsgsIn,
  answers: { 204: null },
  async handle(call, services) {
    const { application, endpoints } = await findApplication(call, services);
    const endpoint = findEndpoint(endpoints, call.params.endpoint_id);
    const before = timeOf(call.body.createdBefore, ["body", "createdBefore"]) ?? 0;
    const through = ksuidFloor(ID_PREFIX.message, before);
    // Done again it comes to the same, so no answer is remembered.
    await services.engine.cancel({ appId: application.id, endpoints: [endpoint], from: "", through });
    return NO_CONTENT;
  },
});
