import { Type } from "typebox";
import { environmentRoute } from "../../route.ts";
import { AttemptPath } from "../fields.ts";
import { findAttempt } from "./find.ts";
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
    const attempt = await findAttempt(call, services);
    const expanded = call.query.expanded_statuses ?? false;
    return { status: 200, text: attemptText(attempt, { expanded, withContent: true }) };
  },
});
