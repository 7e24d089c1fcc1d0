import { environmentRoute } from "../../route.ts";
import { ApiTokenCensoredOut, censoredText, findKey, KeyPath } from "./schemas.ts";

export const getApiToken = environmentRoute({
  method: "GET",
  path: "/api/v1/management/authentication/:env_id/api-token/:key_id",
  operationId: "v1.management.authentication.get-api-token",
  tag: "Management",
  scope: "read:api-token",
  summary: "Get Api Token",
  description: "One API key of the environment, without its secret part.",
  params: KeyPath,
  answers: { 200: ApiTokenCensoredOut },
  async handle(call, services) {
    return { status: 200, text: censoredText(await findKey(call, services)) };
  },
});
