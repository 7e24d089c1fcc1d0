import { Type } from "typebox";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { EndpointPath, named, nullable } from "../fields.ts";
import { findAccess } from "./access.ts";
import { EndpointOauthConfigOut, shownOauth } from "./oauth-schemas.ts";

const EndpointOauthOut = named(
  "EndpointOauthOut",
  Type.Object({ enabled: Type.Boolean(), config: nullable(EndpointOauthConfigOut) }),
);

export const getEndpointOauthConfig = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/oauth-config",
  operationId: "v1.endpoint.get-oauth-2",
  tag: "Endpoint",
  scope: "read:endpoint",
  summary: "Get Endpoint OAuth Config",
  description: "Whether the endpoint has one, and the configuration without its secrets.",
  params: EndpointPath,
  answers: { 200: EndpointOauthOut },
  async handle(call, services) {
    const oauth = (await findAccess(call, services))?.oauth ?? null;
    const config = oauth && shownOauth(oauth, services.rules.isSensitiveHeader);
    return jsonAnswer(200, { enabled: oauth !== null, config });
  },
});
