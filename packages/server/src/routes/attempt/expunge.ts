import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { AttemptPath } from "../fields.ts";
import { findAttempt, noSuchAttempt } from "./find.ts";

export const expungeAttempt = environmentRoute({
  method: "DELETE",
  path: "/api/v1/app/:app_id/msg/:msg_id/attempt/:attempt_id/content",
  operationId: "v1.message-attempt.expunge-content",
  tag: "Message Attempt",
  scope: "delete:attempt",
  summary: "Delete Attempt Response Body",
  description:
    "Deletes the stored response of one attempt, for example when a receiver answered with a secret. The attempt " +
    "stays, with `EXPUNGED` in its place.",
  params: AttemptPath,
  answers: { 204: null },
  async handle(call, services) {
    const { appId, messageId, id: attemptId } = await findAttempt(call, services);
    if (!(await services.store.contents.expungeAttempt({ appId, messageId, attemptId })))
      throw noSuchAttempt();
    return NO_CONTENT;
  },
});
