import { SECOND_MS } from "@posthaste/core/domain/time";
import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { AppPath } from "../fields.ts";
import { ApplicationTokenExpireIn } from "./schemas.ts";

export const expireTokens = environmentRoute({
  method: "POST",
  path: "/api/v1/auth/app/:app_id/expire-all",
  operationId: "v1.authentication.expire-all",
  tag: "Authentication",
  scope: "write:portal",
  summary: "Expire All",
  description:
    "Ends the tokens of an application, or those of some sessions: here at once, on every other node within 5 s.",
  params: AppPath,
  body: ApplicationTokenExpireIn,
  idempotency: "none",
  answers: { 204: null },
  async handle(call, services) {
    const { environmentId, body } = call;
    const { store, runtime, credentials } = services;
    const { application } = await findApplication(call, services);
    await store.credentials.expireOfApplication({
      environmentId,
      appId: application.id,
      sessionIds: body.sessionIds ?? null,
      at: runtime.clock.now() + (body.expiry ?? 0) * SECOND_MS,
    });
    credentials.forgetAll();
    return NO_CONTENT;
  },
});
