import { invalidField, PosthasteError } from "@posthaste/core/domain/errors";
import type { RoutedApplication } from "@posthaste/core/engine/engine";
import { Type, type Static } from "typebox";
import { environmentRoute, type Services } from "../../route.ts";
import { AppPath } from "../fields.ts";
import {
  assertApplication,
  insertApplication,
  newApplication,
  applicationUidTaken,
} from "../application/write.ts";
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
  verbatim: "payload",
  verbatimOnly: true,
  idempotency: "engine",
  answers: { 202: MessageOut },
  async handle({ environmentId, params, query, body, verbatim, keyed }, services) {
    const application =
      (await services.engine.findApplication({ environmentId, ref: params.app_id })) ??
      (await inlineApplication(body.application, { environmentId, ref: params.app_id, services }));
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

/** Creates the application that came with the message, as the path names one that does not exist. */
async function inlineApplication(
  fields: Static<typeof MessageIn>["application"],
  { environmentId, ref, services }: { environmentId: string; ref: string; services: Services },
): Promise<RoutedApplication> {
  const loc = ["body", "application"];
  if (fields === undefined || fields === null) {
    throw new PosthasteError("not_found", "No application has this id or uid.");
  }
  if (fields.uid !== ref) {
    throw invalidField(
      [...loc, "uid"],
      "Must be the uid in the path, or the message would go to another application.",
    );
  }
  assertApplication(fields, loc);
  const application = newApplication(fields, { environmentId, runtime: services.runtime });
  // A conflict means that another request was faster, which is as good.
  await insertApplication(application, { services, idempotent: {} });
  const routed = await services.engine.findApplication({ environmentId, ref });
  if (routed === null) throw applicationUidTaken();
  return routed;
}
