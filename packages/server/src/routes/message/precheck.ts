import { wants } from "@posthaste/core/domain/filter";
import { Type } from "typebox";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { AppPath, Name, named, nullable } from "../fields.ts";
import { Channels } from "./schemas.ts";

const MessagePrecheckIn = named(
  "MessagePrecheckIn",
  Type.Object({ eventType: Name, channels: Type.Optional(nullable(Channels)) }),
);

const MessagePrecheckOut = named("MessagePrecheckOut", Type.Object({ active: Type.Boolean() }));

export const precheckMessage = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/msg/precheck/active",
  operationId: "v1.message.precheck",
  tag: "Message",
  scope: "read:message",
  summary: "Message Precheck",
  description:
    "Whether any endpoint of the application would be sent a message of this event type on these channels now. " +
    "Without one there is no need to make the payload.",
  params: AppPath,
  body: MessagePrecheckIn,
  answers: { 200: MessagePrecheckOut },
  async handle(call, services) {
    const { endpoints } = await findApplication(call, services);
    const message = { eventType: call.body.eventType, channels: call.body.channels ?? null };
    return jsonAnswer(200, { active: endpoints.some((endpoint) => wants(endpoint, message)) });
  },
});
