import { PosthasteError } from "@posthaste/core/domain/errors";
import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";

export const logout = environmentRoute({
  method: "POST",
  path: "/api/v1/auth/logout",
  operationId: "v1.authentication.logout",
  tag: "Authentication",
  scope: "caller",
  summary: "Logout",
  description:
    "Ends the token it is called with: here at once, on every other node within 5 s. API keys are refused: expire those.",
  idempotency: "none",
  answers: { 204: null },
  async handle({ environmentId, caller }, { store, runtime, credentials }) {
    if (caller.appId === null) {
      throw new PosthasteError("insufficient_access", "An API key does not log out. Expire it instead.");
    }
    await store.credentials.expire({ environmentId, id: caller.id, at: runtime.clock.now() });
    credentials.forgetAll();
    return NO_CONTENT;
  },
});
