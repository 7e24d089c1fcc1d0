import { environmentRoute } from "../../route.ts";
import { ApiTokenCensoredOut, ApiTokenPatch, KeyPath } from "./schemas.ts";
import { changeKey } from "./write.ts";

export const patchApiToken = environmentRoute({
  method: "PATCH",
  path: "/api/v1/management/authentication/:env_id/api-token/:key_id",
  operationId: "v1.management.authentication.patch-api-token",
  tag: "Management",
  scope: "write:api-token",
  summary: "Patch Api Token",
  description:
    "Changes the name of an API key, or what it may do: other nodes follow within 5 s. A key can be given no " +
    "permission that the caller's own key lacks (403).",
  params: KeyPath,
  body: ApiTokenPatch,
  answers: { 200: ApiTokenCensoredOut },
  handle: (call, services) => changeKey(call, { services, change: call.body }),
});
