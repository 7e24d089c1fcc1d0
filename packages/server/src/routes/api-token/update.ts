import { environmentRoute } from "../../route.ts";
import { ApiTokenCensoredOut, ApiTokenUpdate, KeyPath } from "./schemas.ts";
import { changeKey } from "./write.ts";

export const updateApiToken = environmentRoute({
  method: "PUT",
  path: "/api/v1/management/authentication/:env_id/api-token/:key_id",
  operationId: "v1.management.authentication.update-api-token",
  tag: "Management",
  scope: "write:api-token",
  summary: "Update Api Token",
  description: "Gives an API key another name.",
  params: KeyPath,
  body: ApiTokenUpdate,
  answers: { 200: ApiTokenCensoredOut },
  handle: (call, services) => changeKey(call, { services, change: { name: call.body.name } }),
});
