import { isUtf8 } from "node:buffer";
import { type Attempt, ATTEMPT_STATUS_NUMBERS } from "@posthaste/core/domain/attempt";
import type { Message } from "@posthaste/core/domain/message";
import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { toIso } from "@posthaste/core/domain/time";
import type { AttemptQuery } from "@posthaste/core/storage/port";
import { Type } from "typebox";
import { AttemptId, EndpointId, MessageId, named, pageFields, Time } from "../fields.ts";
import { historyFilters } from "../history-filters.ts";
import { MessageOut, messageText, shownPayload } from "../message/schemas.ts";

const SCHEDULED = 0;
const MANUAL = 1;

const StatusNumber = Type.Unsafe<0 | 1 | 2 | 3 | 4>({
  type: "integer",
  enum: [0, 1, 2, 3, 4],
  description: "0 success, 1 pending, 2 fail, 3 sending, 4 canceled. What was recorded is 0, 2 or 4.",
});

export const MessageAttemptOut = named(
  "MessageAttemptOut",
  Type.Object({
    id: AttemptId,
    msgId: MessageId,
    endpointId: EndpointId,
    url: Type.String(),
    timestamp: Type.String({ ...Time, description: "When it began." }),
    status: StatusNumber,
    statusText: Type.Unsafe<string>({
      type: "string",
      enum: ["success", "pending", "fail", "sending", "canceled"],
    }),
    triggerType: Type.Unsafe<0 | 1>({
      type: "integer",
      enum: [0, 1],
      description: "0 scheduled, 1 asked for by a person.",
    }),
    response: Type.String({
      description:
        "What was answered, its first 16 KiB; base64 when it is not UTF-8; a sentence when nothing was. `{}` without content.",
    }),
    responseStatusCode: Type.Integer({ description: "0 when no response came." }),
    responseDurationMs: Type.Integer({ description: "Milliseconds." }),
    msg: Type.Optional(MessageOut),
  }),
);

/** Filters both lists of attempts have. */
export const attemptListFields = {
  ...pageFields(ID_PREFIX.attempt),
  status: Type.Optional(StatusNumber),
  status_code_class: Type.Optional(
    Type.Unsafe<0 | 100 | 200 | 300 | 400 | 500>({
      type: "integer",
      enum: [0, 100, 200, 300, 400, 500],
      description: "Only responses of this hundred; 0 = no response.",
    }),
  ),
  ...historyFilters,
  with_content: Type.Optional(
    Type.Boolean({ default: true, description: "false leaves the responses out of the answer." }),
  ),
  expanded_statuses: Type.Optional(
    Type.Boolean({
      default: false,
      description: "false shows a canceled attempt as failed, for older clients.",
    }),
  ),
};

/** Which recorded status a number asks for; null = one that no recorded attempt has. */
export function statusFilter(status: number | undefined): AttemptQuery["status"] | null {
  if (status === undefined) return undefined;
  if (status === ATTEMPT_STATUS_NUMBERS.success) return "success";
  if (status === ATTEMPT_STATUS_NUMBERS.fail) return "fail";
  return status === ATTEMPT_STATUS_NUMBERS.canceled ? "canceled" : null;
}

/** As the API shows it. `message` is added as `msg` when it is given. */
export function attemptText(
  attempt: Attempt,
  options: { expanded: boolean; withContent: boolean; message?: Message | null },
): string {
  const status = attempt.status === "canceled" && !options.expanded ? "fail" : attempt.status;
  const text = JSON.stringify({
    id: attempt.id,
    msgId: attempt.messageId,
    endpointId: attempt.endpointId,
    url: attempt.url,
    timestamp: toIso(attempt.timestamp),
    status: ATTEMPT_STATUS_NUMBERS[status],
    statusText: status,
    triggerType: attempt.trigger === "manual" ? MANUAL : SCHEDULED,
    response: options.withContent ? responseText(attempt.responseBody) : "{}",
    responseStatusCode: attempt.statusCode,
    responseDurationMs: Math.round(attempt.durationMs),
  });
  const { message, withContent } = options;
  if (!message) return text;
  return `${text.slice(0, -1)},"msg":${messageText(message, shownPayload(message, { withContent }))}}`;
}

function responseText(body: string | Uint8Array): string {
  if (typeof body === "string") return body;
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return buffer.toString(isUtf8(buffer) ? "utf8" : "base64");
}
