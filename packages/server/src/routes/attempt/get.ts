import { PosthasteError } from "@posthaste/core/domain/errors";
import { Type } from "typebox";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { AttemptPath } from "../fields.ts";
import { findMessage } from "../message/find.ts";
import { attemptListFields, attemptText, MessageAttemptOut } from "./schemas.ts";

export const getAttempt = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/msg/:msg_id/attempt/:attempt_id",
  operationId: "v1.message-attempt.get",
  tag: "Message Attempt",
  scope: "read:attempt",
  summary: "Get Attempt",
  description: "One attempt of a message with what was answered; 404 when the message has no such attempt.",
  params: AttemptPath,
  query: Type.Object({ expanded_statuses: attemptListFields.expanded_statuses }),
  answers: { 200: MessageAttemptOut },
  async handle(call, services) {
    const { params, query } = call;
    const { application } = await findApplication(call, services);
    const appId = application.id;
    const { id: messageId } = await findMessage({ appId, ref: params.msg_id }, services);
    const attempt = await services.store.history.findAttempt({
      appId,
      messageId,
      attemptId: params.attempt_id,
    });
    if (attempt === null) throw new PosthasteError("not_found", "No attempt of this message has this id.");
    return {
      status: 200,
      text: attemptText(attempt, { expanded: query.expanded_statuses ?? false, withContent: true }),
    };
  },
});
