import { REDACTED } from "@posthaste/core/domain/attempt";
import { Type } from "typebox";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { AttemptPath, named } from "../fields.ts";
import { findAttempt } from "./find.ts";

const MessageAttemptHeadersOut = named(
  "MessageAttemptHeadersOut",
  Type.Object({
    sentHeaders: Type.Record(Type.String(), Type.String()),
    responseHeaders: Type.Optional(
      Type.Unsafe<[string, string][] | null>({
        type: ["array", "null"],
        items: { type: "array", items: { type: "string" }, minItems: 2, maxItems: 2 },
        description: "As they came, repeated ones too; null when no response came.",
      }),
    ),
    sensitive: Type.Array(Type.String(), {
      uniqueItems: true,
      description: "Names of headers that were sent but whose values are never shown.",
    }),
  }),
);

export const getAttemptHeaders = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/msg/:msg_id/attempt/:attempt_id/headers",
  operationId: "v1.message-attempt.get-headers",
  tag: "Message Attempt",
  scope: "read:attempt",
  summary: "Get Attempt Headers",
  description:
    "The headers of the request and of the response of one attempt. Secret ones are listed by name only.",
  params: AttemptPath,
  answers: { 200: MessageAttemptHeadersOut },
  async handle(call, services) {
    const { detail, statusCode } = await findAttempt(call, services);
    const isHidden = ([name, value]: readonly [string, string]): boolean =>
      value === REDACTED || services.rules.isSensitiveHeader(name);
    const sent = Object.entries(detail.requestHeaders);
    return jsonAnswer(200, {
      sentHeaders: Object.fromEntries(sent.filter((header) => !isHidden(header))),
      responseHeaders: statusCode === 0 ? null : detail.responseHeaders,
      sensitive: sent.filter(isHidden).map(([name]) => name),
    });
  },
});
