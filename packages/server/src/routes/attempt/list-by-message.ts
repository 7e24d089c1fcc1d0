import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { Type } from "typebox";
import { idPattern } from "../../patterns.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { listOf, MessagePath, Name } from "../fields.ts";
import { findMessage } from "../message/find.ts";
import { attemptListAnswer } from "./list.ts";
import { attemptListFields, MessageAttemptOut } from "./schemas.ts";

const IS_ID = new RegExp(idPattern(ID_PREFIX.endpoint));

export const listAttemptsByMessage = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/attempt/msg/:msg_id",
  operationId: "v1.message-attempt.list-by-msg",
  tag: "Message Attempt",
  scope: "read:attempt",
  summary: "List Attempts By Msg",
  description: "What was tried to deliver a message, newest first.",
  params: MessagePath,
  query: Type.Object({
    ...attemptListFields,
    endpoint_id: Type.Optional(Type.String({ ...Name, description: "Only at this endpoint, by id or uid." })),
  }),
  answers: { 200: listOf(MessageAttemptOut) },
  async handle(call, services) {
    const { query, params } = call;
    const { application, endpoints } = await findApplication(call, services);
    const appId = application.id;
    const { id: messageId } = await findMessage({ appId, ref: params.msg_id }, services);
    const ref = query.endpoint_id;
    // Attempts at an endpoint that is gone are still listed by its id.
    const endpointId = ref === undefined || IS_ID.test(ref) ? ref : findEndpoint(endpoints, ref).id;
    return attemptListAnswer(query, { of: { appId, messageId, endpointId }, services });
  },
});
