import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { MessagePath } from "../fields.ts";
import { findMessage } from "./find.ts";

export const expungeMessage = environmentRoute({
  method: "DELETE",
  path: "/api/v1/app/:app_id/msg/:msg_id/content",
  operationId: "v1.message.expunge-content",
  tag: "Message",
  scope: "write:message",
  summary: "Delete Message Payload",
  description:
    "Deletes the payload of a message for good; the message and its attempts stay. What was still to be sent of it " +
    "ends as canceled, but for an attempt that is under way; it cannot be resent.",
  params: MessagePath,
  answers: { 204: null },
  async handle(call, services) {
    const { application } = await findApplication(call, services);
    const appId = application.id;
    const { id } = await findMessage({ appId, ref: call.params.msg_id }, services);
    await services.engine.expungeMessages({ appId, ids: [id] });
    return NO_CONTENT;
  },
});
