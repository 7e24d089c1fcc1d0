import { PosthasteError } from "@posthaste/core/domain/errors";
import { Type } from "typebox";
import { environmentRoute } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { named, ResendPath } from "../fields.ts";
import { findMessage } from "../message/find.ts";

const EmptyResponse = named("EmptyResponse", Type.Object({}));

export const resendMessage = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/msg/:msg_id/endpoint/:endpoint_id/resend",
  operationId: "v1.message-attempt.resend",
  tag: "Message Attempt",
  scope: "write:attempt",
  summary: "Resend Webhook",
  description:
    "Sends a message to an endpoint once more, at once and without retries; one that waits for its next attempt is " +
    "tried now. Refused with 400 when the endpoint is disabled or the payload has expired.",
  params: ResendPath,
  answers: { 202: EmptyResponse },
  async handle(call, services) {
    const { params } = call;
    const { application, endpoints } = await findApplication(call, services);
    const appId = application.id;
    const message = await findMessage({ appId, ref: params.msg_id }, services);
    const endpoint = findEndpoint(endpoints, params.endpoint_id);
    if (message.payload === null) {
      throw new PosthasteError(
        "bad_request",
        "The payload of this message has expired. Send it as a new message.",
      );
    }
    const answer = { status: 202, text: "{}" };
    const { idempotency } = call.remember(answer);
    await services.engine.resend({ appId, messageId: message.id, endpointId: endpoint.id, idempotency });
    return answer;
  },
});
