import { KSUID_TICK_MS } from "@posthaste/core/domain/ksuid";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { startedTask, startTask } from "../background-task/schemas.ts";
import { AppPath } from "../fields.ts";

export const expungeAllMessages = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/msg/expunge-all-contents",
  operationId: "v1.message.expunge-all-contents",
  tag: "Message",
  scope: "write:message",
  summary: "Delete All Message Payloads",
  description:
    "Deletes the payload of every message that the application has now, in a background task. What was still to be sent " +
    "of them ends as canceled.",
  params: AppPath,
  answers: { 202: startedTask("ExpungeAllContentsOut") },
  async handle(call, services) {
    const { application } = await findApplication(call, services);
    // The tick after now: what was made in this one too.
    const until = services.runtime.clock.now() + Math.ceil(KSUID_TICK_MS);
    const work = { kind: "application.purge_content", appId: application.id, until } as const;
    return startTask(call, work, { services });
  },
});
