import { invalidField, PosthasteError } from "@posthaste/core/domain/errors";
import type { Message } from "@posthaste/core/domain/message";
import type { Attempt } from "@posthaste/core/domain/attempt";
import { environmentRoute, type Services } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { attemptText, MessageAttemptOut } from "../attempt/schemas.ts";
import { EndpointPath } from "../fields.ts";
import { eventIdTaken, newMessage } from "./new-message.ts";
import { MessageIn } from "./schemas.ts";

const BODY: readonly string[] = ["body"];

export const testAttempt = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/msg/test-attempt",
  operationId: "v1.message.test-attempt",
  tag: "Message",
  scope: "write:test-attempt",
  summary: "Test Attempt",
  description:
    "Sends a message to this endpoint alone, now and once, whatever its filters, and answers with what came back. It " +
    "goes out like any other (signed, transformed, guarded) beside the endpoint's queue, is recorded, and is never " +
    "repeated; a failure is not held against the endpoint. 201 also when the attempt failed. 400 when the endpoint is " +
    "disabled, 429 while too many test attempts of the application are under way.",
  params: EndpointPath,
  body: MessageIn,
  bringsMessages: true,
  verbatim: "payload",
  verbatimOnly: true,
  idempotency: "engine",
  answers: { 201: MessageAttemptOut },
  async handle(call, services) {
    const { environmentId, params, body, verbatim, keyed } = call;
    const { application, endpoints } = await findApplication(call, services);
    const endpoint = findEndpoint(endpoints, params.endpoint_id);
    services.quotas.takeMessages(application.id, 1);
    const now = services.runtime.clock.now();
    const tested = newMessage(body, { payloadText: verbatim ?? "{}", now, loc: BODY });
    if (tested.deliverAt !== null) {
      throw invalidField([...BODY, "deliverAt"], "A test attempt is made at once. Leave deliverAt out.");
    }
    const outcome = await services.engine.testAttempt({
      environmentId,
      application,
      endpoint,
      message: tested,
      idempotency: keyed,
    });
    if (outcome.kind === "conflict") {
      throw outcome.reason === "event_id" ? eventIdTaken() : new PosthasteError("idempotency_conflict");
    }
    const { message } = outcome;
    const attempt = outcome.kind === "attempted" ? outcome.attempt : await attemptOf(message, services);
    return { status: 201, text: attemptText(attempt, { expanded: true, withContent: true, message }) };
  },
});

/** The attempt that the same request made before. */
async function attemptOf({ appId, id: messageId }: Message, { store }: Services): Promise<Attempt> {
  const [first] = await store.history.listAttempts({
    appId,
    messageId,
    page: { limit: 1, after: null, order: "ascending" },
    withBody: true,
    withMessage: false,
  });
  if (first !== undefined) return first.attempt;
  throw new PosthasteError(
    "idempotency_conflict",
    "A test attempt with this Idempotency-Key is under way, or was cut off. Use a new key for another one.",
  );
}
