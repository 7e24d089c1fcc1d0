import { PosthasteError } from "@posthaste/core/domain/errors";
import { Type } from "typebox";
import { environmentRoute } from "../../route.ts";
import { AppPath } from "../fields.ts";
import { createInline } from "../application/inline.ts";
import { eventIdTaken, newMessage } from "./new-message.ts";
import { MessageIn, MessageOut, messageText, shownPayload, WithContent } from "./schemas.ts";

const BODY: readonly string[] = ["body"];

export const createMessage = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/msg",
  operationId: "v1.message.create",
  tag: "Message",
  scope: "write:message",
  summary: "Create Message",
  description:
    "Accepts a message and sends it to every endpoint of the application that wants it. 202 means that it is on " +
    "disk. An `Idempotency-Key` makes it safe to repeat for 24 hours; 409 `conflict` says that the eventId was used, " +
    "`idempotency_conflict` that the key came with another request. 503 means that nothing was accepted.",
  params: AppPath,
  query: Type.Object({ with_content: WithContent }),
  body: MessageIn,
  bringsMessages: true,
  verbatim: "payload",
  verbatimOnly: true,
  idempotency: "engine",
  answers: { 202: MessageOut },
  async handle({ caller, environmentId, params, query, body, verbatim, keyed }, services) {
    const application =
      (await services.engine.findApplication({ environmentId, ref: params.app_id })) ??
      (await createInline(body.application, { caller, ref: params.app_id, services }));
    services.quotas.takeMessages(application.application.id, 1);
    const payloadText = verbatim ?? "{}";
    const message = newMessage(body, { payloadText, now: services.runtime.clock.now(), loc: BODY });
    const [outcome] = await services.engine.accept({
      environmentId,
      application,
      messages: [message],
      idempotency: keyed,
    });
    if (outcome === undefined) throw new PosthasteError("internal");
    if (outcome.kind === "conflict") {
      throw outcome.reason === "event_id" ? eventIdTaken() : new PosthasteError("idempotency_conflict");
    }
    const payload = shownPayload(outcome.message, { withContent: query.with_content ?? true });
    return { status: 202, text: messageText(outcome.message, payload) };
  },
});
