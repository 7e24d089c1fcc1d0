import { Type } from "typebox";
import { environmentRoute } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { EndpointPath, listOf } from "../fields.ts";
import { attemptListAnswer } from "./list.ts";
import { attemptListFields, MessageAttemptOut } from "./schemas.ts";

export const listAttemptsByEndpoint = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/attempt/endpoint/:endpoint_id",
  operationId: "v1.message-attempt.list-by-endpoint",
  tag: "Message Attempt",
  scope: "read:attempt",
  summary: "List Attempts By Endpoint",
  description: "What was tried at an endpoint, newest first.",
  params: EndpointPath,
  query: Type.Object({
    ...attemptListFields,
    with_msg: Type.Optional(Type.Boolean({ default: false, description: "true adds the message of each." })),
  }),
  answers: { 200: listOf(MessageAttemptOut) },
  async handle(call, services) {
    const { application, endpoints } = await findApplication(call, services);
    const { id } = findEndpoint(endpoints, call.params.endpoint_id);
    return attemptListAnswer(call.query, { of: { appId: application.id, endpointId: id }, services });
  },
});
