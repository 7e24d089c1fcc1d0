import { PosthasteError } from "@posthaste/core/domain/errors";
import { Type } from "typebox";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { MessagePath, named } from "../fields.ts";
import { findMessage } from "./find.ts";

const MessageRawPayloadOut = named(
  "MessageRawPayloadOut",
  Type.Object({ payload: Type.String({ description: "The very text that is signed and sent." }) }),
);

export const getRawPayload = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/msg/:msg_id/raw",
  operationId: "v1.message.get-raw-payload",
  tag: "Message",
  scope: "read:message",
  summary: "Get Raw Message Payload",
  description:
    "The payload as a text, byte for byte as it is sent, also where it is not JSON. 404 when the application has no " +
    "such message, and once its payload was deleted.",
  params: MessagePath,
  answers: { 200: MessageRawPayloadOut },
  async handle(call, services) {
    const { application } = await findApplication(call, services);
    const { payload } = await findMessage({ appId: application.id, ref: call.params.msg_id }, services);
    if (payload === null) throw new PosthasteError("not_found", "The payload of this message was deleted.");
    return jsonAnswer(200, { payload });
  },
});
