import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { KSUID_TICK_MS } from "@posthaste/core/domain/ksuid";
import { Type } from "typebox";
import { environmentRoute } from "../../route.ts";
import { assertUid } from "../application/schemas.ts";
import { startedTask, startTask } from "../background-task/schemas.ts";
import { named, nullable } from "../fields.ts";
import { expiry } from "./new-message.ts";
import { Channels, EventId, EventTypeName, Payload, retentionFields } from "./schemas.ts";

const MessageBroadcastIn = named(
  "MessageBroadcastIn",
  Type.Object({
    eventType: EventTypeName,
    payload: Payload,
    eventId: Type.Optional(
      nullable({
        ...EventId,
        description:
          "Of the message of each application; one that has used it is left out. Default: the task's id.",
      }),
    ),
    channels: Type.Optional(nullable(Channels)),
    ...retentionFields,
  }),
);

export const broadcastMessage = environmentRoute({
  method: "POST",
  path: "/api/v1/msg/broadcast",
  operationId: "v1.message.broadcast",
  tag: "Broadcast",
  scope: "write:message",
  summary: "Broadcast Message",
  description:
    "Sends one message to every application that the environment has now, in a background task: each gets a message of " +
    "its own, exactly once, whatever happens to the process meanwhile. A task that is canceled stops; what it has sent " +
    "stays sent. Each message counts in the quota of its application's messages, and an environment may send as many " +
    "broadcasts a second as an application may get messages; more are refused with 429.",
  body: MessageBroadcastIn,
  verbatim: "payload",
  verbatimOnly: true,
  answers: { 202: startedTask("MessageBroadcastOut") },
  async handle(call, services) {
    const { body, verbatim } = call;
    assertUid(body.eventId, ["body", "eventId"]);
    services.quotas.takeBroadcast(call.environmentId);
    const { clock, ids } = services.runtime;
    const now = clock.now();
    const id = ids.next(ID_PREFIX.task);
    const work = {
      kind: "message.broadcast",
      eventType: body.eventType,
      eventId: body.eventId ?? id,
      channels: body.channels ?? null,
      payloadExpiresAt: expiry(body, now),
      // The tick after now: what was made in this one too.
      until: now + Math.ceil(KSUID_TICK_MS),
    } as const;
    return startTask(call, work, { services, id, payload: verbatim ?? "{}" });
  },
});
