import { PosthasteError } from "@posthaste/core/domain/errors";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { EndpointPath } from "../fields.ts";
import { findAccess } from "./access.ts";
import { EndpointOauthConfigOut, shownOauth } from "./oauth-schemas.ts";

export const getEndpointOauth = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/oauth",
  operationId: "v1.endpoint.get-oauth",
  tag: "Endpoint",
  scope: "read:endpoint",
  summary: "Get Endpoint OAuth",
  description: "The configuration, without its secrets; 404 when there is none.",
  params: EndpointPath,
  answers: { 200: EndpointOauthConfigOut },
  async handle(call, services) {
    const oauth = (await findAccess(call, services))?.oauth ?? null;
    if (oauth === null) throw new PosthasteError("not_found", "This endpoint has no OAuth configuration.");
    return jsonAnswer(200, shownOauth(oauth, services.rules.isSensitiveHeader));
  },
});
