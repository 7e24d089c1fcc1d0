import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { MessagePath } from "../fields.ts";
import { findMessage } from "./find.ts";

export const cancelMessage = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/msg/:msg_id/cancel",
  operationId: "v1.message.cancel",
  tag: "Message",
  scope: "delete:message",
  summary: "Cancel Message",
  description:
    "Ends what is still owed of a message, at every endpoint: a scheduled one is not sent. Once this is answered, no node " +
    "sends it, but for an attempt that is under way. The message and its payload stay, so it can be resent. An addition " +
    "to Svix's contract, which cancels by endpoint alone.",
  params: MessagePath,
  answers: { 204: null },
  async handle(call, services) {
    const { application } = await findApplication(call, services);
    const appId = application.id;
    const { id } = await findMessage({ appId, ref: call.params.msg_id }, services);
    const owed = await services.store.deliveries.listDue({ appId, messageId: id });
    const owing = new Set(owed.map(({ endpointId }) => endpointId));
    // From the store: one that another node has just made may not be known here yet, and is owed all the same.
    const endpoints = owed.length === 0 ? [] : await services.store.endpoints.listAll(appId);
    await services.engine.cancel({
      appId,
      endpoints: endpoints.filter((endpoint) => owing.has(endpoint.id)),
      from: id,
      through: id,
    });
    return NO_CONTENT;
  },
});
