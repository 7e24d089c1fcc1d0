import type { Attempt } from "@posthaste/core/domain/attempt";
import { PosthasteError } from "@posthaste/core/domain/errors";
import type { Services } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { findMessage } from "../message/find.ts";

/** The attempt a path names; 404 when the message has none of that id. */
export async function findAttempt(
  call: { environmentId: string; params: { app_id: string; msg_id: string; attempt_id: string } },
  services: Services,
): Promise<Attempt> {
  const { application } = await findApplication(call, services);
  const appId = application.id;
  const { id: messageId } = await findMessage({ appId, ref: call.params.msg_id }, services);
  const attempt = await services.store.history.findAttempt({
    appId,
    messageId,
    attemptId: call.params.attempt_id,
  });
  if (attempt === null) throw noSuchAttempt();
  return attempt;
}

export function noSuchAttempt(): PosthasteError {
  return new PosthasteError("not_found", "No attempt of this message has this id.");
}
