import { Type } from "typebox";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { MessagePath } from "../fields.ts";
import { findMessage } from "./find.ts";
import { MessageOut, messageText, shownPayload, WithContent } from "./schemas.ts";

export const getMessage = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/msg/:msg_id",
  operationId: "v1.message.get",
  tag: "Message",
  scope: "read:message",
  summary: "Get Message",
  description: "The message an id or eventId names; 404 when the application has none.",
  params: MessagePath,
  query: Type.Object({ with_content: WithContent }),
  answers: { 200: MessageOut },
  async handle(call, services) {
    const { application } = await findApplication(call, services);
    const message = await findMessage({ appId: application.id, ref: call.params.msg_id }, services);
    const payload = shownPayload(message, { withContent: call.query.with_content ?? true });
    return { status: 200, text: messageText(message, payload) };
  },
});
