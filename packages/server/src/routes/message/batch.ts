import { invalidField, PosthasteError } from "@posthaste/core/domain/errors";
import { BATCH_BODY_MAX_BYTES, BATCH_MESSAGES_MAX, JSON_DEPTH_MAX } from "@posthaste/core/domain/limits";
import type { AcceptOutcome, NewMessage } from "@posthaste/core/engine/engine";
import { Type } from "typebox";
import { scanElements, scanMember, type Span } from "../../json-scan.ts";
import { problemText } from "../../problem.ts";
import { environmentRoute } from "../../route.ts";
import { compile } from "../../validation.ts";
import { findApplication } from "../application/find.ts";
import { AppPath, named } from "../fields.ts";
import { eventIdTaken, newMessage } from "./new-message.ts";
import { MessageIn, MessageOut, messageText, shownPayload } from "./schemas.ts";

/** The batch and its array: a payload may be as deep here as in a request of its own. */
const DEPTH_MAX = JSON_DEPTH_MAX + 2;

const MessageBatchIn = named(
  "MessageBatchIn",
  Type.Object({
    messages: Type.Array(Type.Unknown({ description: "A MessageIn, without `application`." }), {
      minItems: 1,
      maxItems: BATCH_MESSAGES_MAX,
    }),
  }),
);

const MessageBatchOut = named(
  "MessageBatchOut",
  Type.Object({
    data: Type.Array(
      Type.Object({
        status: Type.Integer({ description: "202 accepted, 409 conflict, 422 does not fit its schema." }),
        message: Type.Optional(MessageOut),
        error: Type.Optional(
          Type.Object({ code: Type.String(), detail: Type.String() }, { description: "With status 409." }),
        ),
        detail: Type.Optional(
          Type.Array(Type.Unknown(), { description: "With status 422: {loc, msg, type} each." }),
        ),
      }),
      { description: "One for each message, in order." },
    ),
  }),
);

const messageChecker = compile(MessageIn);

export const createMessageBatch = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/msg/batch",
  operationId: "v1.message.create-batch",
  tag: "Message",
  scope: "write:message",
  summary: "Create Message Batch",
  description:
    `Accepts up to ${BATCH_MESSAGES_MAX} messages (${BATCH_BODY_MAX_BYTES / 1_048_576} MiB) in one request, each ` +
    "accepted or refused alone: the answer is 200 and tells for each, in order, what a request of its own would have " +
    "answered. Repeating it with the same `Idempotency-Key` accepts none twice. An addition to Svix's contract.",
  params: AppPath,
  query: Type.Object({
    with_content: Type.Optional(
      Type.Boolean({ default: false, description: "true puts the payloads into the answer." }),
    ),
  }),
  body: MessageBatchIn,
  bringsMessages: true,
  bodyMaxBytes: BATCH_BODY_MAX_BYTES,
  depthMax: DEPTH_MAX,
  verbatim: "messages",
  idempotency: "engine",
  answers: { 200: MessageBatchOut },
  async handle(call, services) {
    const { environmentId, body, query, keyed } = call;
    const text = call.verbatim ?? "[]";
    const application = await findApplication(call, services);
    services.quotas.takeMessages(application.application.id, body.messages.length);
    const now = services.runtime.clock.now();
    const spans = scanElements(text, { from: 0, depthMax: DEPTH_MAX });
    const entries = body.messages.map((value, index) =>
      readEntry(value, { text, span: spans[index], index, now }),
    );
    const messages = entries.flatMap((entry) => (entry instanceof PosthasteError ? [] : [entry]));
    const outcomes =
      messages.length === 0
        ? []
        : await services.engine.accept({ environmentId, application, messages, idempotency: keyed });
    if (outcomes.length > 0 && outcomes.every(isKeyConflict))
      throw new PosthasteError("idempotency_conflict");
    const withContent = query.with_content ?? false;
    let next = 0;
    const data = entries.map((entry) =>
      entry instanceof PosthasteError ? refusedText(entry) : outcomeText(outcomes[next++], withContent),
    );
    return { status: 200, text: `{"data":[${data.join(",")}]}` };
  },
});

/** One message of the batch, or why it is refused. */
function readEntry(
  value: unknown,
  { text, span, index, now }: { text: string; span: Span | undefined; index: number; now: number },
): NewMessage | PosthasteError {
  const loc = ["body", "messages", String(index)];
  try {
    const body = messageChecker.check(value, loc);
    if (body.application !== undefined && body.application !== null) {
      throw invalidField([...loc, "application"], "Is not offered in a batch. Create the application first.");
    }
    const payload = span && scanMember(text, "payload", { from: span.start, depthMax: DEPTH_MAX });
    const payloadText = payload ? text.slice(payload.start, payload.end) : "{}";
    return newMessage(body, { payloadText, now, loc });
  } catch (error) {
    if (error instanceof PosthasteError) return error;
    throw error;
  }
}

function isKeyConflict(outcome: AcceptOutcome): boolean {
  return outcome.kind === "conflict" && outcome.reason === "idempotency_key";
}

function outcomeText(outcome: AcceptOutcome | undefined, withContent: boolean): string {
  if (outcome === undefined) throw new PosthasteError("internal");
  if (outcome.kind === "conflict") {
    return refusedText(
      outcome.reason === "event_id" ? eventIdTaken() : new PosthasteError("idempotency_conflict"),
    );
  }
  const { message } = outcome;
  return `{"status":202,"message":${messageText(message, shownPayload(message, { withContent }))}}`;
}

function refusedText(error: PosthasteError): string {
  const { status } = error;
  if (error.code === "validation") return `{"status":${status},${problemText(error).slice(1)}`;
  return `{"status":${status},"error":${problemText(error)}}`;
}
