import { SECOND_MS } from "@posthaste/core/domain/time";
import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { ApiTokenExpireIn, findKey, KeyPath } from "./schemas.ts";

export const expireApiToken = environmentRoute({
  method: "POST",
  path: "/api/v1/management/authentication/:env_id/api-token/:key_id/expire",
  operationId: "v1.management.authentication.expire-api-token",
  tag: "Management",
  scope: "write:api-token",
  summary: "Expire Api Token",
  description:
    "Ends an API key, after `expiry` seconds: here at once, on every other node within 5 s. There is no way back. When " +
    "the last is ended, `posthaste start --api-key` gives the environment another.",
  params: KeyPath,
  body: ApiTokenExpireIn,
  idempotency: "none",
  answers: { 204: null },
  async handle(call, services) {
    const { store, runtime, credentials } = services;
    const { id, environmentId } = await findKey(call, services);
    const at = runtime.clock.now() + (call.body.expiry ?? 0) * SECOND_MS;
    await store.credentials.expire({ environmentId, id, at });
    credentials.forgetAll();
    return NO_CONTENT;
  },
});
